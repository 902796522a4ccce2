"""Tells people what came of it: notifications through apprise, and heartbeats to a monitor.

Nothing here is on the way of an order: a slow or dead channel delays only the next message. The
guardian uses it too, so it knows neither engine nor journal.
"""
