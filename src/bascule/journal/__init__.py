"""The state store: an event log with a hash chain, snapshots, followers, and a wire log."""

from bascule.journal.journal import Journal
from bascule.journal.store import Head, Row, Snapshot

__all__ = ["Head", "Journal", "Row", "Snapshot"]
