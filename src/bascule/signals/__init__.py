"""From a message on the wire to a `Signal`: authenticate, parse, name what is asked.

Two stages, both pure. A dialect reads text into `Instruction`s, in one vocabulary for all senders;
one shared function turns those into the model's intents. `intake` is the only part that does I/O.
"""
