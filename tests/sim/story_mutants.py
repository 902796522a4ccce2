"""Planted bugs that stories find: opposed strategies, brackets, sizes, limits and routes."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from unittest.mock import patch

from msgspec.structs import replace

from bascule.execution import (
    decide,
    guarded,
    guards,
    limits,
    loss_watch,
    plan_change,
    plan_entry,
    plan_target,
    planner,
    planning,
    reconcile,
    stops,
    trailing,
)
from bascule.execution import inputs as inp
from bascule.model.values import ONE, ZERO
from tests.sim.planting import Mutant, Patch


def _bracket_not_taken_over() -> list[Patch]:
    """A bracket that the venue ended, or made too small, is the venue's own affair."""
    return [(reconcile, "_abandoned", lambda *args: False)]


def _bracket_not_resized() -> list[Patch]:
    """A bracket at the venue stays as large as it was when a part is closed."""

    def tend(duty: Any) -> None:
        for child in duty.children:
            level = guards._native_level(duty.guard, child)
            if level is not None:
                guards._move(duty, child, level, None)

    return [(guards, "_tend_native", tend)]


def _astray_stays() -> list[Patch]:
    return [(reconcile, "close_astray", _nothing)]


def _nothing(*args: Any, **more: Any) -> None:
    """Do nothing at all."""


def _other_positions_guard() -> list[Patch]:
    """The close of one position takes from the guards of any."""
    from bascule.execution import fold_guards, positions

    def trim(account: Any, book: Any) -> None:
        for guard in account.guards.values():
            if (guard.strategy, guard.symbol) == (book.strategy, book.symbol):
                guard.position_id, kept[guard.cl_ord_id] = None, guard.position_id
        original(account, book)
        for guard in account.guards.values():
            guard.position_id = kept.pop(guard.cl_ord_id, guard.position_id)

    kept: dict[Any, Any] = {}
    original = fold_guards.trim_guards
    return [(positions, "trim_guards", trim)]


def _stop_beyond_market() -> list[Patch]:
    """A signal moves a stop to wherever it says."""

    def levels(plan: Any, guard: Any, *rest: Any) -> Any:
        with patch.object(type(plan), "entry_reference", lambda *args: (None, "")):
            return original(plan, guard, *rest)

    original = plan_change._levels
    return [(plan_change, "_levels", levels)]


def _guarded_entry_never_trails() -> list[Patch]:
    """The guard of a trailing entry stands in the way of the order."""

    def follow(turn: Any, account: Any, order: Any, quote: Any) -> None:
        if order.cl_ord_id not in account.guards:
            original(turn, account, order, quote)

    original = trailing._follow_order
    return [(trailing, "_follow_order", follow)]


def _targets_unscaled() -> list[Patch]:
    """Entries are scaled; targets, exits and changes are not."""

    def multiple(self: planning.Plan) -> Decimal | None:
        rule = self.leg.sizing
        if rule.method not in ("multiplier", "signal"):
            return None
        return rule.factor if rule.method == "multiplier" else ONE

    return [(planning.Plan, "multiple", multiple)]


def _target_makes_up() -> list[Patch]:
    """A target makes up for what rests on the other side, and may never fill."""

    def heading(book: Any, side: Any) -> Decimal:
        return planning.expected(book) * side.sign if book is not None else ZERO

    return [(plan_target, "heading_on", heading)]


def _day_begun_anew() -> list[Patch]:
    """A changed limit of the owner opens the firm's day anew."""
    return [(loss_watch, "_carried", lambda old, fresh: fresh)]


def _looser_at_once() -> list[Patch]:
    """What the configuration says is in force, looser or not."""
    return [(limits, "tightest", lambda one, other: other)]


def _accepted_at_once() -> list[Patch]:
    """A looser limit does not wait for the reset."""
    return [(limits, "next_reset", lambda turn, scope: turn.at)]


def _guardian_lifts_locks() -> list[Patch]:
    """The guardian's arming lifts the loss watch's lock too."""

    def told(turn: Any, given: Any) -> None:
        known = turn.state.stops.get(given.scope)
        fresh = given.seq > turn.state.guardian_seq
        original(turn, given)
        stands = known is not None and given.scope in turn.state.stops
        if given.what == "armed" and fresh and stands:
            stops.lift(turn, given.scope, "guardian", "armed")

    original = guarded.guardian_told
    return [(decide, "_DECIDERS", {**decide._DECIDERS, inp.GuardianTold: told})]


def _others_enter_alone() -> list[Patch]:
    """One account refuses, and a route of all or none enters on the others."""
    return [(planner, "_withdraw_if_any_refused", _nothing)]


def _no_stagger() -> list[Patch]:
    def run(turn: Any, name: Any, index: Any, intent: Any, strategy: Any, route: Any, leg: Any,
            *rest: Any) -> None:  # fmt: skip
        original(turn, name, index, intent, strategy, route, replace(leg, stagger_ns=0), *rest)

    original = planner.plan_leg
    return [(planner, "plan_leg", run)]


def _reverses_anyway() -> list[Patch]:
    """An entry against its own position goes, whatever the route says."""
    return [(plan_entry, "_reverse", lambda *args: plan_entry._Way())]


def _any_side() -> list[Patch]:
    def way(plan: Any, side: Any, *rest: Any) -> Any:
        route = replace(plan.route, allowed_sides=(side,))
        return original(replace(plan, route=route), side, *rest)

    original = plan_entry._way_in
    return [(plan_entry, "_way_in", way)]


def _planted() -> Iterable[Mutant]:
    for name, text, patches in (
        ("bracket_abandoned", "a bracket that the venue ended is gone", _bracket_not_taken_over),
        ("bracket_not_resized", "a bracket is larger than what is held", _bracket_not_resized),
        ("astray_stays", "what closes opened stays open", _astray_stays),
        ("other_positions_guard", "one position's close bares another", _other_positions_guard),
        ("stop_beyond_market", "a changed stop sells at once", _stop_beyond_market),
        ("trail_stands", "a trailing entry with a bracket stands", _guarded_entry_never_trails),
        ("targets_unscaled", "a scale holds for entries alone", _targets_unscaled),
        ("target_makes_up", "a target counts what rests against it", _target_makes_up),
        ("day_begun_anew", "an owner's limit begins the firm's day anew", _day_begun_anew),
        ("looser_at_once", "a looser limit holds from the restart", _looser_at_once),
        ("accepted_at_once", "a looser limit waits for no reset", _accepted_at_once),
        ("guardian_lifts_locks", "the guardian lifts another's lock", _guardian_lifts_locks),
        ("others_enter_alone", "a route of all or none enters on some", _others_enter_alone),
        ("no_stagger", "entries go to all accounts at once", _no_stagger),
        ("reverses_anyway", "a route reverses that is not to", _reverses_anyway),
        ("any_side", "a route enters on any side", _any_side),
    ):
        yield Mutant(name, text, patches)


STORY_MUTANTS = tuple(_planted())
