"""The kill switch: a process of its own, with its own connections, that trusts the venue's word."""
