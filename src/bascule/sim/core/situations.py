"""Situations that a run must come through somewhere, or what guards them is not tested.

Each is read off events, or off the venue's ledger, and counted; the coverage table fails at a zero.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from bascule.execution.turn import Settings
from bascule.model import event as ev
from bascule.model.enums import OrdStatus, OrdType, PositionMode, StopMode
from bascule.model.ids import AccountId, ClOrdID, VenueSymbol
from bascule.sim.core.shelter import Shelter

SITUATIONS: Mapping[str, str] = MappingProxyType(
    {
        # strategies against each other, and brackets
        "opposed": "an entry against what another strategy holds, where the venue nets",
        "opposed_bracket": "the same with a bracket, where the venue runs brackets itself",
        "stop_opposed": "a stop or target fills while another strategy stands against it",
        "native_taken_over": "the venue's bracket was gone or too small, and ours took its place",
        "native_moved": "a signal moves levels that the venue runs",
        "engine_moved": "a signal moves levels that the engine runs",
        "beyond_market": "a signal moves a stop to where the market has been",
        "trail_moved": "a stop trails",
        "even_moved": "a stop moves to break-even",
        "bracket_resized": "a stop or target follows what is held",
        "astray_closed": "what closes had opened, or what came too late, is closed",
        # entries that rest, and what becomes of them
        "rest_limit": "a limit entry with a bracket fills",
        "rest_stop": "a stop entry with a bracket fills",
        "rest_trailing": "a trailing entry with a bracket fills",
        "entry_trailed": "a trailing entry with a bracket is moved by the engine",
        "entry_changed": "a working entry is changed",
        "entry_canceled": "a working entry is canceled, since a signal asked for it",
        "fraction_closed": "a part of a position is closed",
        "reversed": "an entry waits for the close of the other side, and goes",
        # routes
        "withdrawn": "one account refuses, and the route's others are withdrawn",
        "stood_alone": "one account refuses, and the route's others enter",
        "staggered": "an entry is sent at its account's later turn",
        "not_reversed": "a route does not reverse",
        "side_refused": "a route enters on one side alone",
        "not_stacked": "a route stacks no more entries",
        # people
        "halted": "somebody halts a scope",
        "frozen": "somebody freezes a scope",
        "locked": "somebody locks a scope",
        "armed": "a scope is armed",
        "not_armed": "arming is refused",
        "canceled_all": "somebody asks all entries of a scope back",
        "flattened": "somebody flattens a scope",
        "resolved_absent": "a person says that an order never was",
        "resolved_filled": "a person says that an order filled",
        "guardian_stopped": "the guardian stops a scope",
        "guardian_armed": "the guardian lifts a stop",
        "scaled_up": "an account may size more, from its next reset on",
        "scaled_down": "an account is to size less",
        "scaled_order": "an order is sized by a scale",
        "limits_tightened": "a restart brings tighter limits",
        "limits_wait": "a restart brings looser limits, which wait",
        "limits_accepted": "a person accepts looser limits",
        "rules_carried": "a day's books go on under other limits of the owner",
    }
)
"""By name, what it is."""
RARE = ("resolved_filled",)
"""Situations that need more than ``RARE_RUNS`` seeds for certain."""

_REFUSED = MappingProxyType(
    {
        "opposite_held": "not_reversed",
        "side_not_allowed": "side_refused",
        "pyramiding_limit": "not_stacked",
    }
)
_RESTS = MappingProxyType(
    {
        OrdType.LIMIT: "rest_limit",
        OrdType.STOP: "rest_stop",
        OrdType.STOP_LIMIT: "rest_stop",
        OrdType.TRAILING_STOP: "rest_trailing",
    }
)
_STOPPED = MappingProxyType(
    {StopMode.HALT: "halted", StopMode.FREEZE: "frozen", StopMode.LOCK: "locked"}
)


class Situations:
    """Counts what one run comes through."""

    def __init__(
        self,
        settings: Settings,
        requested: Mapping[ClOrdID, ev.OrderRequested],
        shelter: Shelter,
    ) -> None:
        self._settings = settings
        self._requested = requested
        self._shelter = shelter
        self.counts: dict[str, int] = {}
        self._scaled: set[AccountId] = set()

    def count(self, what: str) -> None:
        """Count a situation; '' is none."""
        if what:
            self.counts[what] = self.counts.get(what, 0) + 1

    def decided(self, event: ev.Event) -> None:
        """An event was decided."""
        look = _LOOKS.get(type(event))
        if look is not None:
            self.count(look(self, event))

    def _against(self, account: AccountId, symbol: VenueSymbol, strategy: str) -> Decimal:
        """Give what others than a strategy hold of a contract, where the venue nets."""
        if self._settings.accounts[account].position_mode is not PositionMode.NETTING:
            return Decimal(0)
        net = self._shelter.venue.net.get((account, symbol), Decimal(0))
        return net - self._shelter.held(account, symbol, strategy)

    def _request(self, event: ev.OrderRequested) -> str:
        if event.account in self._scaled and event.leg in "ex":
            self.count("scaled_order")
        if event.leg == "x":
            if event.sizing.startswith("closes part"):
                return "fraction_closed"
            late = ("closes what two", "closes an entry that")
            return "astray_closed" if event.sizing.startswith(late) else ""
        if event.leg != "e":
            return ""
        others = self._against(event.account, event.venue_symbol, event.strategy)
        if others * event.side.sign >= 0:
            return ""
        bracket, able = event.bracket, self._settings.capabilities[event.account]
        if able.native_bracket and bracket is not None and bracket.stop_loss is not None:
            self.count("opposed_bracket")
        return "opposed"

    def _fill(self, event: ev.OrderFilled) -> str:
        asked = self._requested.get(event.cl_ord_id)
        if asked is not None and asked.leg == "e":
            if asked.bracket is None:
                return ""
            trails = asked.trail_distance is not None
            return "rest_trailing" if trails else _RESTS.get(asked.ord_type, "")
        name = event.cl_ord_id.partition(":")[0]
        entry = self._requested.get(ClOrdID(name)) if asked is None else asked
        if entry is None or (asked is not None and asked.leg == "x"):
            return ""
        others = self._against(event.account, entry.venue_symbol, entry.strategy)
        return "stop_opposed" if others * event.side.sign > 0 else ""

    def _refusal(self, event: ev.IntentRefused) -> str:
        if event.code == "stop_wrong_side":
            return "beyond_market" if event.text.startswith("with the market at") else ""
        return _REFUSED.get(event.code, "")

    def _protection(self, event: ev.ProtectionChanged) -> str:
        if event.reason == "signal":
            return "native_moved" if event.bracket.native else "engine_moved"
        words = {"trail": "trail_moved", "break_even": "even_moved"}
        return words.get(event.reason, "native_taken_over")

    def _replace(self, event: ev.ReplaceRequested) -> str:
        if event.reason == "bracket":
            return "bracket_resized" if event.quantity is not None else ""
        asked = self._requested.get(event.cl_ord_id)
        if event.reason == "trail" and asked is not None:
            return "entry_trailed" if asked.bracket is not None else ""
        return "entry_changed" if event.reason == "signal" else ""

    def _cancel(self, event: ev.CancelRequested) -> str:
        return "entry_canceled" if event.reason == "cancel" else ""

    def _release(self, event: ev.OrderReleased) -> str:
        asked = self._requested.get(event.cl_ord_id)
        before = self._requested.get(asked.after) if asked is not None and asked.after else None
        goes = asked is not None and asked.leg == "e"
        return "reversed" if goes and before is not None and before.leg == "x" else ""

    def _ended(self, event: ev.OrderEnded) -> str:
        unsent = event.status is OrdStatus.EXPIRED_UNSENT
        return "withdrawn" if unsent and event.reason == "route_all_or_none" else ""

    def _stopped(self, event: ev.StopSet) -> str:
        return _STOPPED[event.mode]

    def _armed(self, event: ev.StopCleared) -> str:
        return "armed"

    def _not_armed(self, event: ev.ArmRefused) -> str:
        return "not_armed"

    def _guardian(self, event: ev.GuardianActed) -> str:
        return {"command": "guardian_stopped", "armed": "guardian_armed"}.get(event.what, "")

    def _resolved(self, event: ev.OrderResolved) -> str:
        return f"resolved_{event.outcome}"

    def _scale(self, event: ev.ScaleRecorded) -> str:
        if event.after == event.before:
            return ""
        self._scaled.add(event.account)
        return "scaled_up" if event.after > event.before else "scaled_down"

    def _limits(self, event: ev.LimitsChanged) -> str:
        return "limits_accepted" if event.effective_at > event.at else ""

    def _ledger(self, event: ev.LedgerMoved) -> str:
        return "rules_carried" if event.cause == "rules" else ""


_LOOKS: dict[type, Callable[[Situations, Any], str]] = {
    ev.OrderRequested: Situations._request,
    ev.OrderFilled: Situations._fill,
    ev.IntentRefused: Situations._refusal,
    ev.ProtectionChanged: Situations._protection,
    ev.ReplaceRequested: Situations._replace,
    ev.CancelRequested: Situations._cancel,
    ev.OrderReleased: Situations._release,
    ev.OrderEnded: Situations._ended,
    ev.StopSet: Situations._stopped,
    ev.StopCleared: Situations._armed,
    ev.ArmRefused: Situations._not_armed,
    ev.GuardianActed: Situations._guardian,
    ev.OrderResolved: Situations._resolved,
    ev.ScaleRecorded: Situations._scale,
    ev.LimitsChanged: Situations._limits,
    ev.LedgerMoved: Situations._ledger,
}
