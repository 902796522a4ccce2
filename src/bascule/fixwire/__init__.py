"""FIX on the wire: the durable store, connections in both roles, and the acceptance program.

The protocol itself is in ``bascule.fix`` and does no I/O; this folder only carries it out.
"""
