"""The order state machine, written once, as a table: (status, fact) -> what becomes of the order.

A cell is the next status, or why the fact is kept but not applied. Every pair has a cell; a test
walks them all and holds them to FIX's order state change matrices. A cancel or replace in flight
is no status (``Order.pending``), so a fill that races it finds the order where it was.
"""

from enum import StrEnum

from bascule.model.enums import OrdStatus


class Fact(StrEnum):
    """What was learnt about an order."""

    SENT = "sent"
    ACCEPTED = "accepted"
    """The outcome of a submit: the venue took it."""
    NEW = "new"
    """The venue tells that it works."""
    FOUND = "found"
    """A look at the venue shows it working, now."""
    PARTIAL = "partial"
    """A fill that leaves some of the order open."""
    FULL = "full"
    """A fill that leaves nothing."""
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    DOUBT = "doubt"
    """The outcome of a send is unknown, or the engine died with the order requested."""
    UNSENT = "unsent"
    """It was dropped before any byte of it left."""
    ABSENT = "absent"
    """Proof, or a person's word, that the venue never had it."""


class Ignore(StrEnum):
    """Why a fact changes nothing. The report is journaled all the same."""

    DUPLICATE = "the order already stands there"
    BACKWARDS = "it would move the order backwards"
    ENDED = "the order has already ended"
    SPOKEN = "the venue has already spoken of this order"
    SENT_ALREADY = "the order may have left already, so it stays in doubt"


_STATUS = {
    "new": OrdStatus.NEW_REQUESTED,
    "sub": OrdStatus.SUBMITTED,
    "ack": OrdStatus.ACKNOWLEDGED,
    "wrk": OrdStatus.WORKING,
    "prt": OrdStatus.PARTIALLY_FILLED,
    "fil": OrdStatus.FILLED,
    "can": OrdStatus.CANCELED,
    "rej": OrdStatus.REJECTED,
    "exp": OrdStatus.EXPIRED,
    "uns": OrdStatus.EXPIRED_UNSENT,
    "dbt": OrdStatus.IN_DOUBT,
}
_IGNORE = {
    "-dup": Ignore.DUPLICATE,
    "-bck": Ignore.BACKWARDS,
    "-end": Ignore.ENDED,
    "-spk": Ignore.SPOKEN,
    "-snt": Ignore.SENT_ALREADY,
}

# A fill is a fact in every row: after a cancel it is the fill that won the race, after a full
# fill an overfill, after a rejection the proof that the rejection was wrong. A report may come
# late and so never wakes an ended order; a look speaks of now, and may.
_GRID = """
      sent  accepted  new   found  partial  full  canceled  rejected  expired  doubt  unsent  absent
new   sub   ack       wrk   wrk    prt      fil   can       rej       exp      dbt    uns     rej
sub   -dup  ack       wrk   wrk    prt      fil   can       rej       exp      dbt    -snt    rej
ack   -dup  -dup      wrk   wrk    prt      fil   can       rej       exp      -spk   -spk    -spk
wrk   -dup  -dup      -dup  -dup   prt      fil   can       rej       exp      -spk   -spk    -spk
prt   -dup  -dup      -bck  -dup   prt      fil   can       can       exp      -spk   -spk    -spk
fil   -dup  -dup      -bck  -bck   fil      fil   -end      -end      -end     -spk   -spk    -spk
can   -dup  -dup      -bck  wrk    can      fil   -dup      -end      -end     -spk   -spk    -spk
rej   -dup  -bck      -bck  wrk    prt      fil   -end      -dup      -end     -spk   -end    -dup
exp   -dup  -dup      -bck  wrk    exp      fil   -end      -end      -dup     -spk   -end    -spk
uns   dbt   ack       wrk   wrk    prt      fil   can       rej       exp      dbt    -dup    -dup
dbt   -dup  ack       wrk   wrk    prt      fil   can       rej       exp      -dup   -snt    rej
"""


def _read_grid() -> dict[tuple[OrdStatus, Fact], OrdStatus | Ignore]:
    lines = [line.split() for line in _GRID.strip().splitlines()]
    facts = [Fact(name) for name in lines[0]]
    return {
        (_STATUS[row[0]], fact): _STATUS[cell] if cell in _STATUS else _IGNORE[cell]
        for row in lines[1:]
        for fact, cell in zip(facts, row[1:], strict=True)
    }


TABLE: dict[tuple[OrdStatus, Fact], OrdStatus | Ignore] = _read_grid()
"""The whole machine."""


def step(status: OrdStatus, fact: Fact) -> OrdStatus | Ignore:
    """Say what a fact makes of an order that stands at ``status``."""
    return TABLE[status, fact]
