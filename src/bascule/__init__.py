"""Bascule: a self-hosted trade-execution bridge.

Importing this package costs next to nothing: it pulls in no engine, venue or web code.
"""

__version__ = "0.1.0"
