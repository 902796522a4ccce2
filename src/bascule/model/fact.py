"""The base of every event."""

from msgspec import Struct

from bascule.model.values import Instant


class Fact(Struct, frozen=True, tag_field="kind", kw_only=True, omit_defaults=True):
    """A journaled fact: its tag stands in ``kind``, and ``at`` is when the engine decided it."""

    at: Instant
