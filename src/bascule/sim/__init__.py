"""The deterministic simulator: virtual time, a disk that loses what was not synced, bad venues.

``core`` drives the pure part of the engine alone. Everything in a run follows from its seed.
"""
