"""From the facts of a programme's file to a firm's rules, and to what is still to be asked.

What nobody knows gets the stricter reading, and a question says which.
"""

from datetime import date
from decimal import Decimal
from typing import Any, Literal

import msgspec

from bascule.config.programme_conduct import automation, conduct, hold_time, max_size, news
from bascule.config.programme_fields import NONE, UNKNOWN, Fields
from bascule.model.programme import (
    SERVER_GMT2_GMT3,
    CashFlow,
    Clock,
    Consistency,
    DailyLoss,
    FlatRule,
    IdeaRule,
    Inactivity,
    Limit,
    Lock,
    MaxLoss,
    MinDays,
    ProfitTarget,
    Programme,
    Scaling,
    StopLossRule,
    Trail,
)
from bascule.model.values import ZERO
from bascule.reference.localtime import parse_time, zone

Phase = Literal["", "phase1", "phase2", "phase3", "funded"]
TRI_STATE = ("prohibited", "flat", "restricted", UNKNOWN, "allowed")
"""Words on holding through the night and over the weekend, the strictest first."""
_OF = ("initial", "reference", UNKNOWN)
_REFERENCES = ("balance", "equity", "higher", "initial", "day_peak_equity", UNKNOWN)
_MEASURES = ("equity", "balance", UNKNOWN)
_TRIGGERS = ("below", "at_or_below", UNKNOWN)
_BREACHES = ("fail", "pause", UNKNOWN)
_COUNTED = ("day_with_open", "profitable_day", "qualifying_day", "any", UNKNOWN)
_PROFITS: dict[str, Any] = {
    "total_net": "net",
    "net": "net",
    "sum_positive": "sum_positive",
    "target": "target",
}
_TARGETS = {
    "": ("challenge_pct", "phase1_pct"),
    "phase1": ("challenge_pct", "phase1_pct"),
    "phase2": ("verification_pct", "phase2_pct"),
    "phase3": ("phase3_pct",),
    "funded": (),
}


def rules_of(
    fields: Fields, name: str, firm: str, phase: Phase, initial: Decimal | None
) -> Programme:
    """Read every rule of a programme for one phase.

    Args:
        fields: the programme's table; problems and questions are collected in its notes.
        name: what the account calls it.
        firm: whose it is.
        phase: which rules hold where they differ by phase; '' for the strictest.
        initial: the account's initial balance, for sizes that depend on it; None if not known.
    """
    notes = fields.notes
    notes.accepted = fields.words("accept_stricter")
    fields.skip("note", "daily_loss_note", "payout", "extra")
    programme = Programme(
        id=name,
        firm=firm,
        title=fields.text("title"),
        phase=phase,
        daily_loss=_daily_loss(fields),
        max_loss=_max_loss(fields),
        cashflow=_cashflow(fields),
        target=_target(fields, phase),
        min_days=_min_days(fields),
        consistency=_consistency(fields),
        news=news(fields, phase),
        flat=_flat(fields, phase),
        max_size=max_size(fields, initial),
        hold_time=hold_time(fields),
        stop_loss=_stop_loss(fields),
        idea=_idea(fields),
        inactivity=_inactivity(fields),
        conduct=conduct(fields),
        automation=automation(fields),
        scaling=_scaling(fields),
    )
    missing = tuple(one.key for one in notes.questions if one.needed)
    return msgspec.structs.replace(programme, missing=missing)


def clock(fields: Fields | None) -> Clock | None:
    """Read a time of day in a zone; None where the table is missing or wrong."""
    if fields is None:
        return None
    at = fields.text("time")
    where = fields.text("tz")
    fields.close()
    try:
        parse_time(at)
    except ValueError:
        fields.wrong("time", f'"{at}" is no time', '"HH:MM", such as "17:00"')
        return None
    if where != SERVER_GMT2_GMT3:
        try:
            zone(where)
        except (KeyError, ValueError, OSError):
            fields.wrong("tz", f'"{where}" is no zone', 'an IANA name, such as "Europe/Prague"')
            return None
    return Clock(at, where)


def _limit(fields: Fields) -> Limit:
    inner = fields.table("limit", ())
    if inner is None:
        fields.ask("limit", "How large is the limit, in percent of what, or in money?")
        return Limit()
    pct, amount = inner.number("pct"), inner.number("amount")
    of: Any = inner.word("of", _OF)
    inner.close()
    if pct is None and amount is None:
        inner.ask("amount" if inner.given("amount") else "pct", "How large is the limit?")
    if pct is not None and amount is not None:
        inner.wrong("amount", "stands beside pct; a limit is one of both")
    if pct is not None and of == UNKNOWN:
        inner.ask("of", "Is that a percent of the initial balance, or of the day's start?",
                  "the smaller of both")  # fmt: skip
    return Limit(pct, of, amount)


def _daily_loss(top: Fields) -> DailyLoss | None:
    if not top.has("daily_loss"):
        top.ask("daily_loss", "Is there a limit to a day's loss? How large is it, from what is it"
                " measured, and when does the day begin?")  # fmt: skip
    fields = top.table("daily_loss", (NONE,))
    if fields is None:
        return None
    rule = DailyLoss(
        limit=_limit(fields),
        reference=fields.word("reference", _REFERENCES),
        measured_on=fields.word("measured_on", _MEASURES),
        trigger=fields.word("trigger", _TRIGGERS),
        on_breach=fields.word("on_breach", _BREACHES),
        reset=clock(fields.table("reset", ())),
    )
    fields.skip("note")
    fields.close()
    if rule.reference == UNKNOWN:
        fields.ask("reference", "Is a day's loss measured from the balance at the reset, from the"
                   " equity, or from the higher of both?", "the higher of both")  # fmt: skip
    _ask_how_it_breaks(fields, rule)
    if not fields.has("reset"):
        fields.ask("reset", "At what time of day does a new day begin, and in which time zone?")
    elif rule.reset is not None and rule.reset.tz == SERVER_GMT2_GMT3:
        fields.ask("reset.tz", "Does the server's clock change on the dates of the United States,"
                   " or of the European Union?", "the higher floor until both have passed",
                   needed=True)  # fmt: skip
    return rule


def _ask_how_it_breaks(fields: Fields, rule: DailyLoss | MaxLoss) -> None:
    if rule.measured_on == UNKNOWN:
        fields.ask("measured_on", "Is the loss of open positions counted?", "it is")
    if rule.trigger == UNKNOWN:
        fields.ask("trigger", "Is the rule broken at the limit itself, or only beyond it?",
                   "at the limit itself")  # fmt: skip
    if rule.on_breach == UNKNOWN:
        fields.ask("on_breach", "Does it end the account, or pause it until the next day?",
                   "it ends the account")  # fmt: skip


def _max_loss(top: Fields) -> MaxLoss | None:
    if not top.has("max_loss"):
        top.ask("max_loss", "Is there a limit to the whole loss? How large is it, and does it"
                " trail?")  # fmt: skip
    fields = top.table("max_loss", (NONE,))
    if fields is None:
        return None
    kind = fields.word("kind", ("static", "trailing", UNKNOWN))
    rule = MaxLoss(
        limit=_limit(fields),
        kind=kind,
        trail=_trail(fields, kind),
        lock=_lock(fields, kind),
        measured_on=fields.word("measured_on", _MEASURES),
        trigger=fields.word("trigger", _TRIGGERS),
        on_breach=fields.word("on_breach", _BREACHES),
    )
    fields.skip("note", "after_first_payout")
    fields.close()
    _ask_how_it_breaks(fields, rule)
    if kind == UNKNOWN:
        fields.ask("kind", "Does the limit stand still, or does it follow the account upwards?",
                   "it follows the highest equity")  # fmt: skip
    return rule


def _trail(fields: Fields, kind: str) -> Trail | None:
    inner = fields.table("trail")
    if kind == "static":
        return None
    if inner is None:
        fields.ask("trail", "What does the limit follow, and when?", "the equity, at once")
        return Trail()
    trail = Trail(
        on=inner.word("on", _MEASURES),
        when=inner.word("when", ("intraday", "eod", UNKNOWN)),
        eod=clock(inner.table("eod", ())),
    )
    inner.close()
    if trail.on == UNKNOWN:
        inner.ask("on", "Does the limit follow the balance or the equity?", "the equity")
    if trail.when == UNKNOWN:
        inner.ask("when", "Does the limit move at once, or at the end of the day?", "at once")
    return trail


def _lock(fields: Fields, kind: str) -> Lock | None:
    inner = fields.table("lock", ("never", UNKNOWN))
    if inner is None:
        if kind != "static" and fields.says("lock", UNKNOWN):
            fields.ask("lock", "At which level does the limit stop following, if at all?",
                       "it never stops")  # fmt: skip
        return None
    if inner.says("initial_plus", UNKNOWN):
        inner.ask("initial_plus", "At which level does the limit stop following?", "it never stops")
        return None
    plus = inner.number("initial_plus")
    inner.close()
    return Lock(plus or ZERO)


def _cashflow(top: Fields) -> CashFlow:
    """Read what a payout does; the floor set by the first one stands with the loss it moves."""
    after = top.inside("max_loss", "after_first_payout")
    floor: Any = UNKNOWN
    if after is not None:
        after.word("floor", ("initial",))
        after.close()
        floor = "set_initial"
    fields = top.table("cashflow")
    if fields is None:
        return CashFlow(max_loss_floor=floor)
    treatments = ("keep", "shift", "set_initial", UNKNOWN)
    flow = CashFlow(
        daily_reference=fields.word("daily_reference", ("shift", "keep", UNKNOWN)),
        max_loss_floor=fields.word("max_loss_floor", treatments, floor),
    )
    fields.close()
    return flow


def _target(top: Fields, phase: Phase) -> ProfitTarget | None:
    fields = top.table("profit_target")
    if fields is None:
        if phase != "funded" and not top.has("profit_target"):
            top.ask("profit_target", "At which profit is the phase passed?", "trading goes on")
        return None
    amount, stage = fields.number("amount"), fields.number("stage_pct")
    by_name = {name: fields.number(name) for names in _TARGETS.values() for name in names}
    fields.close()
    if phase == "funded":
        return None
    pct = next((by_name[name] for name in _TARGETS[phase] if by_name[name] is not None), stage)
    if pct is None and amount is None:
        return None
    return ProfitTarget(pct=pct, amount=amount)


def _min_days(top: Fields) -> MinDays | None:
    if not top.has("min_days"):
        top.ask("min_days", "How many days must be traded, and which days count?", "none")
    fields = top.table("min_days")
    if fields is None:
        return None
    rule = MinDays(
        count=fields.whole("count") or 0,
        counts=fields.word("counts", _COUNTED),
        min_profit_pct=fields.number("min_profit_pct"),
        min_profit_amount=fields.number("min_profit_amount"),
        per_days=fields.whole("per_days"),
        clock=clock(fields.table("clock")) or _day_of(top),
    )
    fields.skip("per", "effect", "note")
    fields.close()
    if rule.counts == UNKNOWN:
        fields.ask("counts", "Which days count: each with a trade, or those in profit?",
                   "each with an opening trade")  # fmt: skip
    return rule


def _day_of(top: Fields) -> Clock:
    """Give where the firm's day begins, by what it says of the day's loss, or of its close."""
    for names in (("daily_loss", "reset"), ("max_loss", "trail", "eod")):
        inner = top.inside(*names)
        found = clock(inner) if inner is not None else None
        if found is not None:
            return found
    return Clock()


def _consistency(top: Fields) -> Consistency | None:
    if not top.has("consistency"):
        top.ask("consistency", "May one day make more than a part of the profit?", "it may")
    fields = top.table("consistency")
    if fields is None:
        return None
    by_phase = [name for name in ("evaluation", "funded") if fields.given(name)]
    for name in by_phase:
        said = fields.text(name)
        fields.ask(name, f"May one day make more than a part of the profit? {said}".strip(),
                   "it may")  # fmt: skip
    rule = Consistency(
        max_best_day_pct=fields.number("max_best_day_pct"),
        of=_PROFITS.get(fields.word("of", ("total_profit", *_PROFITS)), UNKNOWN),
        compare=fields.word("compare", ("le", "lt", UNKNOWN)),
        pass_at=fields.number("pass_at"),
        review_at=fields.number("review_at"),
        effect=fields.text("effect"),
    )
    fields.skip("score", "note")
    fields.close()
    return None if rule.max_best_day_pct is None and rule.pass_at is None else rule


def _flat(top: Fields, phase: Phase) -> FlatRule | None:
    overnight: Any = top.phased("overnight", phase, TRI_STATE)
    weekend: Any = top.phased("weekend", phase, TRI_STATE)
    for name, word in (("overnight", overnight), ("weekend", weekend)):
        if word == UNKNOWN:
            when = "through the night" if name == "overnight" else "over the weekend"
            top.ask(name, f"May positions be held {when}?", "they may not")
    habits = top.inside("conduct")
    gap = (habits.whole("gap_trading_min_before_long_close") if habits else None) or 0
    fields = top.table("flat")
    if fields is None:
        held = overnight == weekend == "allowed" and not gap
        return None if held else FlatRule(overnight=overnight, weekend=weekend, no_entry_min=gap)
    before_weekend = fields.flag("before_weekend")
    rule = FlatRule(
        overnight=overnight,
        weekend="flat" if before_weekend and weekend == "allowed" else weekend,
        time=_time(fields, "time"),
        friday_time=_time(fields, "friday_time"),
        reopen=_time(fields, "reopen"),
        tz=fields.text("tz", "UTC"),
        half_day_time=_time(fields, "holiday_override"),
        half_days=_half_days(fields),
        break_longer_than_min=fields.whole("if_break_longer_than_min"),
        no_entry_min=gap,
    )
    fields.skip("note")
    fields.close()
    return rule


def _half_days(fields: Fields) -> dict[str, str]:
    """Read from ISO dates to the times by which one must be flat on them."""
    inner = fields.table("half_days", ())
    if inner is None:
        return {}
    days = {}
    for day in inner.names():
        try:
            date.fromisoformat(day)
        except ValueError:
            inner.wrong(day, "is no date", '"2026-11-27" = "12:59"')
        days[day] = _time(inner, day)
    return days


def _time(fields: Fields, name: str) -> str:
    said = fields.text(name)
    try:
        if said:
            parse_time(said)
    except ValueError:
        fields.wrong(name, f'"{said}" is no time', '"HH:MM", such as "15:10"')
        return ""
    return said


def _stop_loss(top: Fields) -> StopLossRule | None:
    fields = top.table("stop_loss")
    if fields is None:
        return None
    rule = StopLossRule(
        required=fields.flag("required"),
        within_s=fields.whole("within_s"),
        max_risk_pct=fields.number("max_risk_pct"),
    )
    fields.skip("of", "note")
    fields.close()
    return rule


def _idea(top: Fields) -> IdeaRule | None:
    fields = top.table("risk_per_idea")
    if fields is None:
        return None
    pct = fields.number("max_loss_pct")
    merge = fields.whole("merge_s") or 0
    fields.close()
    return IdeaRule(pct, merge) if pct is not None else None


def _inactivity(top: Fields) -> Inactivity | None:
    days = top.whole("inactivity_days")
    return Inactivity(days) if days else None


def _scaling(top: Fields) -> Scaling | None:
    fields = top.table("scaling")
    if fields is None:
        return None
    multiplier = fields.number("multiplier")
    cap = fields.number("cap")
    fields.close()
    return Scaling(multiplier, cap) if multiplier is not None else None
