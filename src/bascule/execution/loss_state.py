"""What the loss watch keeps of an account beyond the journal: part of ``Market``."""

from decimal import Decimal

from msgspec import Struct, field

from bascule.model.account import AccountSpec, RiskLimits
from bascule.model.ids import Symbol
from bascule.model.ledger import LedgerState
from bascule.model.order import AccountSnapshot
from bascule.model.programme import Programme
from bascule.model.values import ZERO, Instant
from bascule.risk.programmes.ledger import Levels, Room


class Booked(Struct, array_like=True, frozen=True):
    """What a book had realised (price units times quantity) and paid when last counted."""

    realized: Decimal
    commission: Decimal


class Watch(Struct):
    """One account under watch: its rules, and what is known of its money but not journaled.

    ``ledger`` runs ahead of the journaled one by marks alone. ``snapshot`` is the venue's last
    word since the start, ``gained`` what was realised since, in account currency, at the rates of
    the moment; ``told`` is where each book stood at the snapshot, ``counted`` up to where its
    results are in ``gained``. ``offset`` is how much lower the venue's equity was than ours at the
    snapshot, and ``before`` at the one before it. ``unheard`` is what the venue's balance then held
    beyond ours: results whose fills we had not heard of, and losses that no word before it
    explained either, back to what the journal had before the start. ``basis`` is what the venue has
    realised of what to our books is open, since books of one contract have prices of their own, and
    ``apart`` how the venue's equity differed from ours at the snapshot. ``aside`` is a younger word
    that could not be told apart from results of a shared position; until a look explains it, or a
    price or fill is younger, equity is no higher. ``shared`` are the contracts that several books
    have held or traded since the snapshot. ``floors`` are the rooms of a ledger, kept while it is
    the same. Equity within ``calm`` changes nothing else, and of a ledger that is ``eased``
    the coming reset was found to bring no floor too near. ``looked_at`` is when the ledger was last
    brought to its moment. ``spec`` and ``limits`` are what the rules were made from. ``nought`` is
    when the venue first told an equity of 0, None once it tells another, and ``asked_at`` when it
    was last asked after that. ``swept_at`` is when it was last closed by the watch, ``sweeps`` how
    often in a row since.
    """

    rules: Programme
    levels: Levels
    key: str
    spec: AccountSpec
    limits: RiskLimits
    ledger: LedgerState | None = None
    snapshot: AccountSnapshot | None = None
    gained: Decimal = ZERO
    told: dict[str, Booked] = field(default_factory=dict)
    counted: dict[str, Booked] = field(default_factory=dict)
    offset: Decimal = ZERO
    before: Decimal = ZERO
    unheard: Decimal = ZERO
    basis: Decimal = ZERO
    apart: Decimal = ZERO
    aside: AccountSnapshot | None = None
    shared: set[Symbol] = field(default_factory=set)
    floors: tuple[LedgerState, tuple[Room, ...]] | None = None
    calm: tuple[Decimal, Decimal] | None = None
    eased: LedgerState | None = None
    looked_at: Instant = Instant(0)
    nought: Instant | None = None
    asked_at: Instant = Instant(0)
    swept_at: Instant = Instant(0)
    sweeps: int = 0
