"""Write the table of presets in ``docs/programmes.md``; a test holds that it is up to date.

python tools/make_programme_docs.py
"""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from bascule.config.programmes import Facts, presets, read
from bascule.model.programme import (
    Clock,
    DailyLoss,
    FlatRule,
    Limit,
    MaxLoss,
    NewsRule,
    ProfitTarget,
    Programme,
)
from bascule.model.values import text

PAGE = Path(__file__).resolve().parents[1] / "docs/programmes.md"
BEGIN = "<!-- Written by tools/make_programme_docs.py from the presets. Edit those instead. -->"
END = "<!-- End of the table of presets. -->"
COLUMNS = (
    "preset", "day's loss", "day begins", "whole loss", "target", "news", "night / weekend",
    "automation", "tradable", "basis",
)  # fmt: skip


def page() -> str:
    """Give the whole page as it should be."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{tables()}\n{END}{after}"


def tables() -> str:
    """Give a table a firm."""
    by_firm: dict[str, list[Facts]] = {}
    for facts in presets().values():
        by_firm.setdefault(facts.firm, []).append(facts)
    return "\n".join(line for firm in sorted(by_firm) for line in table(firm, by_firm[firm]))


def table(firm: str, found: list[Facts]) -> Iterator[str]:
    """Give the lines of one firm's table."""
    yield f"\n### {firm}\n"
    yield f"| {' | '.join(COLUMNS)} |"
    yield f"| {' | '.join('---' for _ in COLUMNS)} |"
    for facts in found:
        yield f"| {' | '.join(row(facts))} |"


def row(facts: Facts) -> tuple[str, ...]:
    """Give what the table says of one preset: where phases differ, of the strictest."""
    reading = read(facts)
    rules = reading.programme
    missing = ", ".join(f"`{key}`" for key in rules.missing)
    return (
        f"`{facts.name}`<br>{rules.title}",
        _daily(rules),
        _clock(rules.daily_loss.reset) if rules.daily_loss is not None else "",
        _max_loss(rules.max_loss, rules),
        _target(rules.target, facts),
        _news(rules.news),
        _held(rules.flat),
        rules.automation.permitted,
        f"no: {missing}" if missing else "yes",
        str(facts.table.get("confidence", "")),
    )


def _number(value: Decimal) -> str:
    return f"{value:,}" if value == value.to_integral_value() else text(value)


def _limit(limit: Limit) -> str:
    if limit.pct is not None:
        return f"{text(limit.pct)} %"
    return _number(limit.amount) if limit.amount is not None else "not found"


def _daily(rules: Programme) -> str:
    rule: DailyLoss | None = rules.daily_loss
    if rule is None:
        return "not found" if "daily_loss" in rules.missing else "none"
    of = f" of {rule.limit.of}" if rule.limit.pct is not None else ""
    effect = ", pause" if rule.on_breach == "pause" else ""
    return f"{_limit(rule.limit)}{of}, from {rule.reference.replace('_', ' ')}{effect}"


def _clock(clock: Clock | None) -> str:
    return f"{clock.time} {clock.tz}" if clock is not None else "not found"


def _max_loss(rule: MaxLoss | None, rules: Programme) -> str:
    if rule is None:
        return "not found" if "max_loss" in rules.missing else "none"
    told = f"{_limit(rule.limit)} {rule.kind}"
    if rule.trail is not None:
        told += f" ({rule.trail.on}, {rule.trail.when})"
    if rule.lock is not None:
        told += f", stops at start + {_number(rule.lock.initial_plus)}"
    return told


def _target(rule: ProfitTarget | None, facts: Facts) -> str:
    if rule is None:
        said = facts.table.get("profit_target", "not found")
        return said if isinstance(said, str) else "not found"
    return f"{text(rule.pct)} %" if rule.pct is not None else _number(rule.amount or Decimal(0))


def _news(rule: NewsRule | None) -> str:
    if rule is None:
        return "allowed"
    if rule.assumed:
        return "unknown"
    return f"{rule.before_s} s before, {rule.after_s} s after: {rule.scope.replace('_', ' ')}"


def _held(rule: FlatRule | None) -> str:
    if rule is None:
        return "allowed / allowed"
    at = f", flat {rule.time} {rule.tz}" if rule.time else ""
    return f"{rule.overnight} / {rule.weekend}{at}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
