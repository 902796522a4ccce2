"""The rules of a programme's file that speak of conduct: news, sizes, counts, automation."""

from decimal import Decimal
from typing import Any

from bascule.config.programme_fields import NOT_FOUND, UNKNOWN, Fields
from bascule.model.programme import (
    Automation,
    Conduct,
    HoldTime,
    MaxSize,
    NewsRule,
    SizeTier,
)

ASSUMED_S = 300
"""Seconds on either side of a release where nobody says how many: the widest that is known."""
_NEWS = ("restricted", UNKNOWN, "allowed")
_SCOPES = ("open", "open_or_close", "flat", "profit_removed", "no_bracket_orders")
_WRITTEN_SCOPES = {"no_bracket_orders_around_news": "no_bracket_orders"}
_HEDGES = ("allowed", "prohibited", UNKNOWN)
_PERMITTED = ("yes", "no", "silent", UNKNOWN)
_EVERY_INSTRUMENT = "listed_instruments"


def news(top: Fields, phase: str) -> NewsRule | None:
    """Read what is forbidden around releases; None where a source says that nothing is."""
    fields = top.table("news")
    if fields is None:
        if not top.has("news") or top.says("news", UNKNOWN):
            return _assumed(top, "news")
        return None
    policy = fields.word("policy", _NEWS, fields.by_phase(phase, _NEWS))
    before, after = fields.whole("before_s"), fields.whole("after_s")
    scope = fields.word("scope", (*_SCOPES, *_WRITTEN_SCOPES), "open_or_close")
    targets = fields.words("targets")
    only = fields.flag("only_targets")
    effect: Any = fields.word("effect", ("profit_removed",), "")
    fields.skip("holding", "includes_resting_fills", "note")
    fields.close()
    if policy == "allowed":
        return None
    if policy == UNKNOWN:
        return _assumed(fields, "policy")
    if before is None or after is None:
        fields.ask("before_s", "How long before and after a release does the rule hold?",
                   f"{ASSUMED_S} seconds on either side")  # fmt: skip
    return NewsRule(
        before_s=ASSUMED_S if before is None else before,
        after_s=ASSUMED_S if after is None else after,
        scope=_WRITTEN_SCOPES.get(scope, scope),
        targets=tuple(target for target in targets if target != _EVERY_INSTRUMENT),
        effect=effect,
        only_targets=only,
    )


def _assumed(fields: Fields, name: str) -> NewsRule:
    reading = f"no entries within {ASSUMED_S} seconds of one, where a calendar is set up"
    fields.ask(name, "What may not be done around news releases, and for how long?", reading)
    return NewsRule(ASSUMED_S, ASSUMED_S, scope="open", assumed=True)


def max_size(top: Fields, initial: Decimal | None) -> MaxSize | None:
    """Read how much may be held; sizes that go by the account's size take its initial balance."""
    fields = top.table("max_size")
    if fields is None:
        return None
    micros = None if _is_told(fields, "micros_per_mini") else fields.whole("micros_per_mini")
    half = None
    if _is_told(fields, "funded_half_until"):
        fields.ask("funded_half_until", "Until which balance is only half the size permitted?",
                   "the whole size is")  # fmt: skip
    else:
        half = fields.number("funded_half_until")
    size = MaxSize(
        contracts=fields.number("contracts"),
        lots=_lots(fields, initial),
        lots_per_order=fields.number("max_lots_per_order"),
        micros_per_mini=micros,
        tiers_on=_tiers_on(fields),
        tiers=tuple(tier for row in fields.rows("tiers") if (tier := _tier(row)) is not None),
        half_until_eod_balance=half,
    )
    fields.skip("note")
    fields.close()
    if size.contracts is not None and micros is None:
        fields.ask("micros_per_mini", "How many micro contracts count as one?",
                   "a micro counts as a whole one")  # fmt: skip
    return size


def _is_told(fields: Fields, name: str) -> bool:
    """Whether a source tells of a number in words that are no number."""
    return isinstance(fields.raw(name), str) and fields.raw(name) != NOT_FOUND


def _tiers_on(fields: Fields) -> Any:
    words = ("last_eod_profit", "last_eod_balance")
    return fields.word("tiers_on", words, "last_eod_profit")


def _tier(row: Fields) -> SizeTier | None:
    start = None if row.says("from", "-inf") else row.number("from")
    contracts = row.number("contracts")
    row.close()
    if contracts is None:
        row.wrong("contracts", "is missing", "how many contracts from there on")
        return None
    return SizeTier(start, contracts)


def _lots(fields: Fields, initial: Decimal | None) -> Decimal | None:
    lots = fields.number("lots")
    threshold, per = fields.number("gambling_threshold_lots"), fields.number("per_account")
    if lots is None and threshold is not None and per and initial is not None:
        lots = threshold * initial / per
    by_account = fields.table("lots_by_account", ())
    if by_account is None:
        return lots
    sizes = sorted(by_account.names(), key=len)
    found = {size: by_account.number(size) for size in sizes if size.isdecimal()}
    by_account.close()
    if initial is None or not found:
        return lots
    smaller = [size for size in found if Decimal(size) <= initial] or sizes[:1]
    return found[max(smaller, key=Decimal)]


def hold_time(top: Fields) -> HoldTime | None:
    """Read how long trades must be held, from the firm's limits of conduct."""
    fields = top.inside("conduct")
    if fields is None:
        return None
    floor = fields.number("min_hold_s")
    if floor is None:
        floor = fields.number("profit_share_over_s") or fields.number("avg_duration_over_s")
    under, over = fields.number("violation_if_share_under_s"), fields.number("over_s")
    rule = HoldTime(
        min_hold_s=floor,
        min_share_over_pct=fields.number("min_share_over_pct"),
        max_share_under_pct=fields.number("share_pct"),
        over_s=over if over is not None else under,
        compare=fields.word("compare", ("gt", "ge"), "gt"),
    )
    return None if rule.min_hold_s is None and rule.over_s is None else rule


def conduct(top: Fields) -> Conduct:
    """Read the counts of a day, and the firm's word on hedges and copies."""
    fields = top.table("conduct")
    if fields is None:
        return Conduct()
    copying = fields.text("copy_own_accounts", UNKNOWN)
    many = fields.text("same_strategy_many_accounts", copying)
    rule = Conduct(
        max_requests_per_day=fields.whole("max_requests_per_day"),
        max_executions_per_day=fields.whole("max_executions_per_day"),
        same_account_hedge=fields.word("same_account_hedge", _HEDGES),
        cross_account_hedge=fields.word("cross_account_hedge", _HEDGES),
        same_strategy_many_accounts=many,
        copying=copying,
        copying_others=fields.word("copy_others", _HEDGES),
        max_allocation=fields.number("max_allocation_per_strategy"),
    )
    fields.skip(
        "gap_trading_min_before_long_close", "third_party_access",
        "keep_same_method_manual_or_ea", "violation_if_share_under_s", "share_pct",
        "max_positions_in_drawdown_same_symbol", "same_ip_expected", "avg_duration_over_s",
        "profit_share_over_s", "min_profit_share_pct", "group_hedge", "reverse_hedge",
        "correlated_hedge", "min_hold_s", "min_share_over_pct", "over_s", "compare", "note",
    )  # fmt: skip
    fields.close()
    return rule


def automation(top: Fields) -> Automation:
    """Read the firm's word on automated orders."""
    fields = top.table("automation")
    if fields is None:
        top.ask("automation", "May automated orders be sent?", "not without written permission")
        return Automation()
    rule = Automation(
        permitted=fields.word("permitted", _PERMITTED),
        conditions=fields.words("conditions"),
        evidence=", ".join(fields.words("source")),
        as_of=fields.text("as_of"),
        vps=fields.word("vps", _HEDGES),
        attended=fields.flag("attended"),
        same_strategy_elsewhere=fields.word("same_strategy_elsewhere", _HEDGES),
    )
    fields.close()
    if rule.permitted in (UNKNOWN, "silent"):
        fields.ask("permitted", "May automated orders be sent through an API on this account, in"
                   " evaluation and when funded?", "not without written permission")  # fmt: skip
    return rule
