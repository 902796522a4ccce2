"""The pure core: plan, decide, evolve. No clock, no I/O, no randomness.

``decide`` turns an input into events, ``evolve`` folds an event into the state, ``effects_of``
names what must be done at a venue because an event is durable.
"""
