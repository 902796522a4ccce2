"""The ledger against a second reading of its conventions, written without it, on many scenarios.

The second reading is slow and plain: it finds the strikes of a clock day by day, keeps floors as
it goes, and shares no code with the first.
"""

import random
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP
from decimal import Decimal as D
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bascule.risk.programmes.replay import answer_scenario

Json = dict[str, Any]
ZONES = [
    ("00:00", "Europe/Prague"), ("17:00", "America/New_York"), ("00:00", "UTC"),
    ("00:00", "Etc/GMT-2"), ("17:00", "America/Chicago"), ("00:00", "server_gmt2_gmt3"),
]  # fmt: skip
SEASONS = [
    datetime(2026, *day, 8, tzinfo=UTC)
    for day in ((1, 12), (3, 6), (3, 27), (7, 13), (10, 23), (10, 30))
]
"""Each change of clocks in the US and in the EU, and the weeks in between."""


def cents(value: D) -> str:
    """Write an amount as answers do."""
    return str(value.quantize(D("0.01"), ROUND_HALF_UP))


def stamp(moment: datetime) -> str:
    """Write an instant as answers do."""
    return moment.isoformat().replace("+00:00", "Z")


def moment_of(text: str) -> datetime:
    """Read an instant."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def clocks(written: Json | None) -> list[tuple[str, str]]:
    """Give the clocks that a written one may mean."""
    if written is None:
        return []
    if written["tz"] == "server_gmt2_gmt3":
        return [("17:00", "America/New_York"), ("00:00", "Europe/Athens")]
    return [(written["time"], written["tz"])]


def strikes(clock: tuple[str, str], after: datetime, until: datetime) -> list[datetime]:
    """Give every instant after the first and up to the second at which a clock strikes."""
    found = []
    day: date = (after - timedelta(days=2)).date()
    while day <= (until + timedelta(days=2)).date():
        wall = datetime.combine(day, time.fromisoformat(clock[0]), ZoneInfo(clock[1]))
        if after < wall.astimezone(UTC) <= until:
            found.append(wall.astimezone(UTC))
        day += timedelta(days=1)
    return found


class Second:
    """The second reading of one scenario."""

    def __init__(self, asked: Json) -> None:
        rules = asked["rules"]
        self.day, self.whole = rules.get("daily_loss"), rules.get("max_loss")
        self.flows, self.guard = rules["cashflow"], rules.get("guard")
        self.initial = self.balance = self.high = D(asked["account"]["initial"])
        self.floating = D(0)
        self.days = clocks(self.day["reset"]) if self.day else []
        trail = (self.whole or {}).get("trail") or {}
        self.closes = clocks(trail["eod"]) if trail.get("when") == "eod" else []
        self.follows = trail.get("on") if trail.get("when") == "intraday" else None
        self.closing_on = trail.get("on")
        self.references = [self.measured() for _ in self.days]
        self.paused = [False for _ in self.days]
        self.floor = self.under(self.high) if self.whole else D(0)
        self.fixed = self.guarded = False
        self.breach: Json | None = None
        self.told: Json = {"soft_breaches": [], "trace": [], "guard": []}

    @property
    def equity(self) -> D:
        return self.balance + self.floating

    def measured(self) -> D:
        """What the day's loss is measured from, were it to begin now."""
        higher = max(self.balance, self.equity)
        by = {"balance": self.balance, "equity": self.equity, "initial": self.initial,
              "day_peak_equity": self.equity}  # fmt: skip
        return by.get(self.day["reference"], higher)

    def allowed(self, limit: Json, reference: D) -> D:
        if "amount" in limit:
            return D(limit["amount"])
        of = {"initial": self.initial, "reference": reference}
        return D(limit["pct"]) / 100 * of.get(limit["of"], min(self.initial, reference))

    def under(self, high: D) -> D:
        """The floor of the whole account below a high."""
        if self.whole["kind"] == "static":
            return self.initial - self.allowed(self.whole["limit"], self.initial)
        floor = high - self.allowed(self.whole["limit"], high)
        lock = self.whole["lock"]
        return min(floor, self.initial + lock["initial_plus"]) if lock else floor

    def trail(self, on: str) -> None:
        seen = self.balance if on == "balance" else self.equity
        if seen > self.high:
            self.high = seen
            self.floor = max(self.floor, self.under(seen))

    def floors(self) -> list[D]:
        return [one - self.allowed(self.day["limit"], one) for one in self.references]

    def figures(self) -> Json:
        out = {"balance": cents(self.balance), "equity": cents(self.equity)}
        if self.day:
            floor = max(self.floors())
            out["daily_reference"] = cents(self.references[self.floors().index(floor)])
            out["daily_floor"] = cents(floor)
            out["daily_remaining"] = cents(self.equity - floor)
        if self.whole:
            out["max_loss_floor"] = cents(self.floor)
            out["max_loss_remaining"] = cents(self.equity - self.floor)
        return out

    def crossed(self, rule: Json, floor: D) -> bool:
        held = self.balance if rule["measured_on"] == "balance" else self.equity
        return held < floor or (held == floor and rule["trigger"] != "below")

    def test(self, where: Json) -> None:
        """Hold everything against its floors, then against the guard."""
        hard: dict[str, D] = {}
        if self.day:
            over = [self.crossed(self.day, floor) for floor in self.floors()]
            worst = max((f for f, is_over in zip(self.floors(), over, strict=True) if is_over),
                        default=None)  # fmt: skip
            if worst is not None and self.day["on_breach"] == "fail":
                hard["daily_loss"] = worst
            elif worst is not None:
                if not any(self.paused):
                    self.told["soft_breaches"].append(self.broken({"daily_loss": worst}, where))
                self.paused = [old or new for old, new in zip(self.paused, over, strict=True)]
        if self.whole and self.crossed(self.whole, self.floor):
            hard["max_loss"] = self.floor
        if hard:
            self.breach = self.broken(hard, where)
        elif self.guard and self.day and not self.guarded:
            self.watch({k: v for k, v in where.items() if k != "t" or where["at"] == "reset"})

    def watch(self, where: Json) -> None:
        floor = max(self.floors())
        reference = self.references[self.floors().index(floor)]
        threshold = (reference - floor) * D(self.guard["flatten_at_used_pct"]) / 100
        if reference - self.equity >= threshold:
            self.guarded = True
            used = {"used": cents(reference - self.equity), "threshold": cents(threshold)}
            self.told["guard"].append({"action": "flatten", **where, **used})

    def broken(self, floors: dict[str, D], where: Json) -> Json:
        shown = {rule: cents(floor) for rule, floor in floors.items()}
        return {"rules": list(floors), **where, "equity": cents(self.equity), "floors": shown}

    def strike(self, at: datetime) -> None:
        """Let the days and closes of an instant begin, by what stood before it."""
        before = at - timedelta(seconds=1)
        for number, clock in enumerate(self.days):
            if strikes(clock, before, at):
                self.references[number], self.paused[number] = self.measured(), False
                self.guarded = False
        if not self.fixed and any(strikes(clock, before, at) for clock in self.closes):
            self.trail(str(self.closing_on))
        self.test({"at": "reset", "t": stamp(at)})

    def apply(self, event: Json) -> None:
        kind = event["type"]
        amount = D(event.get("amount", 0))
        if kind == "mark":
            self.floating = D(event["float"]) * D(event.get("fx", 1))
        elif kind == "close":
            self.balance, self.floating = self.balance + D(event["gross"]), D(0)
        elif kind == "open":
            self.balance += D(event["commission"])
        elif kind == "swap" and event["booked"] == "floating":
            self.floating += amount
        else:
            self.balance += amount
        if kind == "cashflow":
            self.flow(event["kind"], amount)
        if self.day and self.day["reference"] == "day_peak_equity":
            self.references = [max(one, self.equity) for one in self.references]
        if self.follows and not self.fixed:
            self.trail(self.follows)

    def flow(self, kind: str, amount: D) -> None:
        if self.flows["daily_reference"] == "shift":
            self.references = [one + amount for one in self.references]
        if self.whole and not self.fixed:
            if self.flows["max_loss_floor"] == "shift":
                self.high, self.floor = self.high + amount, self.floor + amount
            elif self.flows["max_loss_floor"] == "set_initial" and kind == "payout":
                self.floor, self.fixed = self.initial, True

    def answer(self, asked: Json) -> Json:
        now = moment_of(asked["start"])
        for index, event in enumerate(asked["events"]):
            at = moment_of(event["t"])
            for due in sorted({s for c in (*self.days, *self.closes) for s in strikes(c, now, at)}):
                self.strike(due)
                if self.breach:
                    return self.final()
            now = at
            self.apply(event)
            self.told["trace"].append({"i": index, "t": stamp(at), **self.figures()})
            self.test({"at": "event", "i": index, "t": stamp(at)})
            if self.breach:
                break
        return self.final()

    def final(self) -> Json:
        out = self.figures()
        rooms = [self.equity - max(self.floors())] if self.day else []
        rooms += [self.equity - self.floor] if self.whole else []
        if rooms:
            out["effective_remaining"] = cents(min(rooms))
        if self.day:
            out["daily_paused"] = any(self.paused)
        told = {name: self.told[name] for name in ("soft_breaches", "trace")}
        guard = {"guard": self.told["guard"]} if self.guard else {}
        return {"breach": self.breach, "final": out, **told, **guard}


def limit(chance: random.Random, percents: list[str], amounts: list[int], *of: str) -> Json:
    """Draw a limit: an amount, or a percent of something."""
    if chance.random() < 0.3:
        return {"amount": str(chance.choice(amounts))}
    return {"pct": chance.choice(percents), "of": chance.choice(of)}


def rules(chance: random.Random) -> Json:
    """Draw the rules of a scenario."""
    clock = lambda: dict(zip(("time", "tz"), chance.choice(ZONES), strict=True))  # noqa: E731
    common = lambda: {  # noqa: E731
        "measured_on": chance.choice(["equity", "equity", "balance"]),
        "trigger": chance.choice(["below", "at_or_below"]),
    }
    found: Json = {
        "cashflow": {
            "daily_reference": chance.choice(["keep", "shift"]),
            "max_loss_floor": chance.choice(["keep", "shift", "set_initial"]),
        }
    }
    which = chance.random()
    if which < 0.75:
        anchors = ["balance", "equity", "higher", "unknown", "initial", "day_peak_equity"]
        bases = ("initial", "reference", "unknown")
        found["daily_loss"] = {
            **common(), "limit": limit(chance, ["3", "5", "7.5"], [1000, 2000, 5000], *bases),
            "reference": chance.choice(anchors), "on_breach": chance.choice(["fail", "pause"]),
            "reset": clock(),
        }  # fmt: skip
        if chance.random() < 0.4:
            found["guard"] = {"flatten_at_used_pct": chance.choice([75, 80, 90])}
    if which > 0.4:
        rule = {
            **common(),
            "limit": limit(chance, ["5", "6", "10"], [2000, 4500], "initial"),
            "kind": chance.choice(["static", "trailing"]),
            "on_breach": "fail",
            "lock": None,
        }
        if rule["kind"] == "trailing":
            rule["trail"] = {
                "on": chance.choice(["balance", "equity"]),
                "when": chance.choice(["intraday", "eod"]),
                "eod": clock(),
            }
            if found["cashflow"]["max_loss_floor"] != "shift":
                rule["lock"] = chance.choice([None, {"initial_plus": 0}, {"initial_plus": 100}])
        found["max_loss"] = rule
    return found


def happens(chance: random.Random, at: datetime) -> Json:
    """Draw one event."""
    kind = chance.choice(["mark", "mark", "mark", "close", "close", "open", "swap", "cashflow"])
    event: Json = {"t": stamp(at), "type": kind}
    amount = D(chance.randint(-6000, 6000)) + chance.choice([D(0), D("0.01"), D("0.005")])
    if kind == "mark":
        event["float"] = str(amount)
        if chance.random() < 0.2:
            event |= {"ccy": "EUR", "fx": "1.0837"}
    elif kind == "close":
        event["gross"] = str(amount)
    elif kind == "open":
        event["commission"] = str(-chance.randint(0, 9))
    elif kind == "swap":
        event |= {"amount": str(amount / 100), "booked": chance.choice(["floating", "balance"])}
    else:
        flow = chance.choice(["payout", "deposit", "withdrawal"])
        cash = chance.randint(100, 3000)
        event |= {"kind": flow, "amount": str(cash if flow == "deposit" else -cash)}
    return event


def scenario(seed: int) -> Json:
    """Draw a scenario; many an event lies exactly on a reset."""
    chance = random.Random(seed)
    begins = at = chance.choice(SEASONS)
    events = []
    for _ in range(chance.randint(1, 9)):
        at += timedelta(minutes=chance.choice([5, 59, 60, 180, 600, 900, 1440]),
                        seconds=chance.choice([0, 0, 1, 59]))  # fmt: skip
        if chance.random() < 0.25:
            at = at.replace(minute=0, second=0) + timedelta(hours=1)
        events.append(happens(chance, at))
    account = {"currency": "USD", "initial": str(chance.choice([50_000, 100_000, 200_000]))}
    return {"start": stamp(begins), "account": account, "rules": rules(chance), "events": events}


@pytest.mark.parametrize("first", range(0, 600, 100))
def test_both_readings_agree_in_every_field(first: int) -> None:
    """Breaches by events and by resets, pauses, locks, cash, guards, and each step of the trace."""
    ends = set()
    for seed in range(first, first + 100):
        asked = scenario(seed)
        expected = Second(asked).answer(asked)
        assert answer_scenario(asked) == expected, seed
        broke = expected["breach"]
        ends.add(broke["at"] if broke else "paused" if expected["soft_breaches"] else "held")
    assert {"event", "paused", "held"} <= ends
