"""Everything that chance decides in the simulation, in one place: how often, how long, how bad.

A run draws its scenario (accounts, routes, steps, which faults and how strong) from one generator
that the seed starts. What happens on the way (delays, losses) is asked of ``Chances`` by name, so
that dropping a step from a scenario does not change what becomes of all others.
"""

import random
from bisect import bisect
from collections.abc import Mapping, Sequence
from decimal import Decimal
from hashlib import blake2b
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from bascule.model.values import MILLISECOND, SECOND

_SPAN = float(1 << 56)
_T = TypeVar("_T")


class Fault(NamedTuple):
    """What can go wrong: its worst probability for one call, and what it is."""

    most: float
    text: str


FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        # the network
        "lose_request": Fault(0.25, "a request never reaches the venue"),
        "double_request": Fault(0.3, "a request reaches the venue twice"),
        "slow_request": Fault(0.3, "a request travels for seconds"),
        "lose_reply": Fault(0.3, "the venue's answer to a request is lost"),
        "lose_report": Fault(0.3, "a report is lost"),
        "double_report": Fault(0.4, "a report comes twice"),
        "late_report": Fault(0.3, "a report comes seconds late, behind younger ones"),
        "swap_reports": Fault(0.4, "reports overtake each other"),
        # the venue
        "reject_submit": Fault(0.25, "the venue refuses an order"),
        "late_reject": Fault(0.2, "the venue takes an order and rejects it a moment later"),
        "reject_cancel": Fault(0.4, "the venue refuses a cancel of a working order"),
        "reject_replace": Fault(0.4, "the venue refuses a change of a working order"),
        "partial_fill": Fault(0.7, "an order fills in parts"),
        "fill_on_cancel": Fault(0.5, "an order fills as its cancel arrives"),
        "fill_on_replace": Fault(0.5, "an order fills as its change arrives"),
        "slow_cancel": Fault(0.4, "a cancel is taken, and acts a second later"),
        "overfill": Fault(0.15, "an order fills one lot more than it asked for"),
        "second_end": Fault(0.3, "the venue tells the end of an order twice, in other words"),
        "false_refusal": Fault(0.04, "the venue refuses an order that it has taken"),
        "hide_order": Fault(0.4, "a new order is not shown for a while"),
        "unnamed_fill": Fault(0.4, "a fill carries no id of the client's order"),
        "no_exec_id": Fault(1.0, "fills carry no id of their own"),
        "reuse_order_id": Fault(0.5, "the venue gives a number out again"),
        # what the venue shows when asked
        "look_fails": Fault(0.3, "a question is not answered"),
        "truncated_orders": Fault(0.4, "the list of open orders lacks a page, and says so"),
        "truncated_fills": Fault(0.4, "the list of fills lacks a page, and says so"),
        "stale_positions": Fault(0.3, "positions are shown as they were before"),
        # our own house
        "slow_disk": Fault(0.3, "an fsync takes a fraction of a second"),
        "torn_batch": Fault(1.0, "what was being synced at a crash is lost"),
        # whole steps
        "crash": Fault(0.12, "the engine dies and starts again"),
        "freeze": Fault(0.06, "the engine's process stands still, and goes on"),
        "link_drop": Fault(0.08, "the connection drops"),
        "venue_forgets": Fault(0.06, "the venue forgets whom it tells of what"),
        "hand_trade": Fault(0.06, "somebody trades by hand"),
        "hand_order": Fault(0.06, "somebody places an order by hand"),
        "bust": Fault(0.06, "the venue takes a fill back"),
        "correct": Fault(0.06, "the venue corrects a fill's price or quantity"),
        "unsolicited_cancel": Fault(0.08, "the venue cancels a working order by itself"),
        "expire": Fault(0.08, "a working order expires"),
        "drag_order": Fault(0.06, "somebody changes a working order by hand"),
        # later ones, which are drawn apart
        "late_money": Fault(0.5, "the venue's word on money comes seconds late"),
        "stale_money": Fault(0.4, "money is shown as it was at the look before"),
        "reinstate": Fault(0.1, "an order that the venue has ended works again"),
        "enlarge_order": Fault(0.1, "somebody doubles a working order by hand"),
    }
)
"""Every fault by name. A step's probability is that of each step of a scenario."""
LATER = ("late_money", "stale_money", "reinstate", "enlarge_order")
"""Faults that are drawn from the second generator, so that older seeds stay what they were."""
LATER_STEPS = ("reinstate", "enlarge_order")

STEP_FAULTS = tuple(
    name
    for name in FAULTS
    if name
    in {
        "crash",
        "freeze",
        "link_drop",
        "venue_forgets",
        "hand_trade",
        "hand_order",
        "bust",
        "correct",
        "unsolicited_cancel",
        "expire",
        "drag_order",
    }
)
"""Faults that are steps of a scenario by themselves."""

STEPS: Mapping[str, float] = MappingProxyType(
    {
        "signal": 55.0,
        "resend": 4.0,
        "conflict": 1.0,
        "mark": 30.0,
        "halt": 0.7,
        "latch": 0.5,
        "freeze_scope": 0.3,
        "lock": 0.3,
        "arm": 5.0,
        "sweep": 2.0,
        "resolve": 2.0,
        "money": 1.0,
    }
)
"""What a step is where no fault takes its place, by weight."""

INTENTS: Mapping[str, float] = MappingProxyType(
    {
        "market": 30.0,
        "limit": 20.0,
        "stop": 5.0,
        "trailing": 3.0,
        "target": 12.0,
        "close": 14.0,
        "cancel": 6.0,
        "modify": 16.0,
        "protection": 8.0,
        "flatten": 4.0,
        "stop_trading": 0.3,
        "nonsense": 2.0,
    }
)
"""What a signal asks for, by weight."""

FIRM: Mapping[str, float] = MappingProxyType(
    {
        "daily_loss": 0.75,
        "max_loss": 0.6,
        "consistency": 0.5,
        "news": 0.2,
        "flat": 0.2,
        "max_size": 0.3,
        "hold_time": 0.35,
        "stop_loss": 0.3,
        "idea": 0.3,
        "conduct": 0.5,
    }
)
"""How likely a firm's programme is to have each kind of rule."""
UNDER_FIRM = 0.3
"""How likely an account is to be under a programme."""
OWN_LOSS = 0.1
"""How likely one that is not is to have its owner's own limit on its loss."""
LIVE = 0.15
"""How likely an account under a programme is to be live."""
OTHERS = 0.3
"""How likely a live account is to be told that its signals are somebody else's."""
FOREIGN_MONEY = 0.04
PORTFOLIO = 0.12
"""How likely a scenario is to have limits over all accounts."""
ELSEWHEN = 0.35
"""How likely a scenario is to begin at another hour than most, near a change of clocks."""

STORIES: Mapping[str, float] = MappingProxyType(
    {
        "opposed": 46.0,
        "resting": 12.0,
        "scaled": 10.0,
        "limits": 18.0,
        "guarded": 8.0,
        "routed": 6.0,
    }
)
"""What a story beside a scenario's steps is about, by weight; see ``stories``."""
TELLS = 0.3
"""How likely a scenario is to have one. It has another generator: less it, a seed is as ever."""
OPPOSED: Mapping[str, float] = MappingProxyType(
    {
        "mark": 26.0,
        "hit": 14.0,
        "protect": 14.0,
        "beyond": 6.0,
        "part": 10.0,
        "close": 6.0,
        "turn": 8.0,
        "add": 10.0,
        "cancel": 3.0,
        "sweep": 3.0,
    }
)
"""What happens once two strategies stand against each other, by weight."""
NATIVE = 0.7
"""How likely the venue of a story's account is to hold stops and targets itself."""
NETS = 0.8
"""How likely it is to net."""
ROOMY = 0.85
"""How likely a story's account is to have hardly a limit."""
UNWATCHED = 0.8
"""How likely a story's account is to be under no firm's programme, where the plot wants none."""
QUIET = 0.85
"""How likely nobody is to halt anything beside a story."""
PLAIN = 0.75
"""How likely nothing happens beside a story that nobody asked for: what hands and wrong fills
leave at a venue is nobody's, and less can be said of what is whose."""
NOBODYS = (
    "overfill",
    "false_refusal",
    "hand_trade",
    "hand_order",
    "bust",
    "correct",
    "reinstate",
    "enlarge_order",
)
"""What that leaves out."""
ONE_SIDED = 0.08
"""How likely a story's routes are to enter on one side alone."""
SCALES = (Decimal("0.5"), Decimal("0.5"), Decimal("1.5"), Decimal(2), Decimal(1))
"""By what a person says that a firm lets an account size."""
BESIDE = 0.3
"""How likely two strategies stand on one side, not against each other."""
FIRST_MOST = (Decimal(3), Decimal(6))
"""The largest position of an account whose limits change."""
DAYS = 0.6
"""How likely an account whose limits change is to be under a programme that limits its day."""

RESIZES = 0.1
"""How likely a sender is to make a resting entry smaller and to add at once what that leaves."""
INSISTS = 0.06
"""How likely a sender is to go on entering where answers, reports and looks are lost."""
LOSSES = MappingProxyType({"lose_reply": 0.8, "lose_report": 0.8, "look_fails": 0.6})
"""How strong the losses are then."""
LEANINGS = (0.0, 1.0, 1.0, 4.0)
"""By what a scenario multiplies the weight of each intent; entries never all vanish together."""
RARE_LIMIT = 0.06
"""How likely an account is to have one of the limits that few have."""
CALM = 0.1
"""How many scenarios have no fault at all."""
SWARM = 0.3
"""How likely each fault is to be in a scenario that has any."""
STEPS_RANGE = (18, 48)


class Dice(random.Random):
    """The standard generator, and a shorter way to the same choices."""

    def choice(self, options: Sequence[_T]) -> _T:  # type: ignore[override]
        """Draw one of several."""
        count = len(options)
        bits, draw = count.bit_length(), self.getrandbits
        found = draw(bits)
        while found >= count:
            found = draw(bits)
        return options[found]

    def weighed(self, options: Sequence[_T], sums: Sequence[float]) -> _T:
        """Draw one of several by the running sums of their weights."""
        return options[bisect(sums, self.random() * sums[-1], 0, len(options) - 1)]


def faults_of(dice: Dice, later: Dice) -> dict[str, float]:
    """Draw which faults a scenario has, and how strong each is."""
    if dice.random() < CALM:
        return {}
    found = {}
    for name, fault in FAULTS.items():
        source = later if name in LATER else dice
        if source.random() < SWARM:
            # The strength is drawn after the choice, as it always was.
            found[name] = round(fault.most * source.random(), 4)
    return found


def gap(dice: Dice) -> int:
    """Draw the nanoseconds between two steps: mostly a moment, at times none or many seconds."""
    kind = dice.random()
    if kind < 0.25:
        return dice.randrange(3 * MILLISECOND)
    if kind < 0.85:
        return dice.randrange(10 * MILLISECOND, 700 * MILLISECOND)
    if kind < 0.97:
        return dice.randrange(SECOND, 5 * SECOND)
    return dice.randrange(10 * SECOND, 75 * SECOND)


class Chances:
    """Numbers that follow from the seed and from what is asked for, and from nothing else."""

    __slots__ = ("_named", "faults", "hits")

    def __init__(self, seed: int, faults: Mapping[str, float]) -> None:
        self._named = blake2b(digest_size=7, key=seed.to_bytes(8, "big"))
        self.faults = dict(faults)
        self.hits: dict[str, int] = {}

    def of(self, what: str) -> float:
        """Give the number in [0, 1) that belongs to a name."""
        named = self._named.copy()
        named.update(what.encode())
        return int.from_bytes(named.digest()) / _SPAN

    def between(self, low: int, high: int, what: str) -> int:
        """Give the whole number in [low, high) that belongs to a name."""
        return low + int((high - low) * self.of(what))

    def strikes(self, fault: str, what: str) -> bool:
        """Say whether a fault strikes here, and count it."""
        chance = self.faults.get(fault)
        if not chance or self.of(f"{fault}|{what}") >= chance:
            return False
        self.hits[fault] = self.hits.get(fault, 0) + 1
        return True

    def heal(self) -> None:
        """Let nothing go wrong any more."""
        self.faults.clear()

    # --- durations, in nanoseconds --------------------------------------------------------------

    def disk(self, batch: str) -> int:
        """How long an fsync takes."""
        if self.strikes("slow_disk", batch):
            return self.between(50 * MILLISECOND, 600 * MILLISECOND, f"disk {batch}")
        return self.between(MILLISECOND // 2, 4 * MILLISECOND, f"disk {batch}")

    def request(self, what: str) -> int:
        """How long a request travels."""
        if self.strikes("slow_request", what):
            return self.between(SECOND, 4 * SECOND, f"request {what}")
        return self.between(MILLISECOND, 25 * MILLISECOND, f"request {what}")

    def reply(self, what: str) -> int:
        """How long a reply or a report travels."""
        return self.between(MILLISECOND, 25 * MILLISECOND, f"reply {what}")

    def late(self, what: str) -> int:
        """How late a late report is."""
        return self.between(SECOND // 2, 8 * SECOND, f"late {what}")

    def question(self, what: str) -> int:
        """How long a question to the venue takes."""
        return self.between(2 * MILLISECOND, 150 * MILLISECOND, f"question {what}")

    def down(self, what: str) -> int:
        """How long an engine or a link is away."""
        return self.between(SECOND // 10, 9 * SECOND, f"down {what}")
