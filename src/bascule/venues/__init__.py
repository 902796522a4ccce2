"""Connectivity: one folder a venue, over a shared kit. No code outside names a venue."""
