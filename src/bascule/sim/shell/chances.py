"""Everything that chance decides in the shell tier: what is done, what goes wrong, how often."""

import random
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

SYMBOL = "EURUSD"
PRICE = 1.1
LOGINS = ("alpha", "beta", "gamma")
"""Native brackets on a netting account, a hedging one, and one whose stops the engine runs."""

STEPS: Mapping[str, float] = MappingProxyType(
    {
        "signal": 60.0,
        "resend": 6.0,
        "hand_trade": 1.5,
        "latch": 2.0,
        "unlatch": 3.0,
        "halt": 1.0,
        "arm": 2.0,
        "sweep": 1.5,
        "reconcile": 2.0,
    }
)
"""What a step of a scenario is, by weight."""

ACCIDENTS: Mapping[str, float] = MappingProxyType(
    {
        "kill": 0.10,
        "power_cut": 0.10,
        "freeze": 0.08,
        "link_cut": 0.08,
        "half_open": 0.05,
        "partition": 0.05,
        "disk_fails": 0.04,
        "disk_full": 0.03,
        "slow_disk": 0.10,
        "graceful_stop": 0.03,
    }
)
"""Accidents by their worst probability at each step; each run takes a share of it, or none."""

QUICK_REST = 1
"""Seeds that leave this by three have a disk that is quick enough to be waited for on the loop."""
GUARDED_DIGITS = frozenset({0, 2, 3, 4, 7})
"""Seeds that end with these have a guardian; those that found something before it came do not."""

GUARDED_STEPS: Mapping[str, float] = MappingProxyType(
    {"stop": 9.0, "stop_frozen": 4.0, "key": 1.5, "lift": 7.0}
)
"""What is asked of a guardian, by weight, beside the other steps."""
STEPS_WITH_GUARDIAN: Mapping[str, float] = MappingProxyType({**STEPS, **GUARDED_STEPS})

COMMANDS: Mapping[str, float] = MappingProxyType(
    {"flatten": 6.0, "cancel": 2.0, "halt": 1.5, "freeze": 1.5, "lock": 1.0}
)
"""What a stop is, by weight."""

SCOPES: Mapping[str, float] = MappingProxyType(
    {
        "all": 3.0,
        "account:alpha": 2.0,
        "account:beta": 2.0,
        "account:gamma": 3.0,
        "venue:native": 1.0,
        "firm:acme": 1.0,
        "strategy:ma": 1.5,
    }
)
"""What a stop is for, by weight."""

GUARDED_ACCIDENTS: Mapping[str, float] = MappingProxyType(
    {
        "engine_gone": 0.08,
        "freeze_in_send": 0.25,
        "guardian_kill": 0.15,
        "guardian_dies_writing": 0.15,
        "guardian_freeze": 0.08,
        "guardian_parted": 0.08,
        "guardian_link_cut": 0.08,
        "guardian_disk_fails": 0.05,
    }
)
"""Accidents of a machine with a guardian, as ``ACCIDENTS``."""

ALERTS = (
    "engine_back",
    "engine_dead",
    "engine_killed",
    "engine_stalled",
    "flat",
    "latch_unwritable",
    "loss_line",
    "runaway",
)
"""What a guardian must have come to tell."""

BROKER_FAULTS: Mapping[str, float] = MappingProxyType(
    {
        "drop_request": 0.15,
        "drop_reply": 0.2,
        "delay_reply": 0.3,
        "garbled_reply": 0.05,
        "reports_before_reply": 0.5,
        "disconnect_before_submit": 0.1,
        "disconnect_after_submit": 0.1,
        "drop_report": 0.15,
        "duplicate_report": 0.4,
        "late_report": 0.3,
        "out_of_order_reports": 0.3,
        "refuse_logon": 0.1,
        "reject_submit": 0.2,
        "reject_close": 0.15,
        "late_reject": 0.2,
        "throttle": 0.2,
        "reject_cancel": 0.3,
        "fill_during_cancel": 0.4,
        "partial_fills": 0.6,
        "overfill": 0.1,
        "slow_status": 0.4,
        "stale_positions_snapshot": 0.2,
        "incomplete_orders_page": 0.3,
    }
)
"""The broker's own faults by their worst probability for one call."""

CALM = 0.1
"""How many runs have no fault at all."""
SWARM = 0.3
"""How likely each accident and fault is to be in a run that has any."""
STEPS_RANGE = (12, 36)
JITTER_S = (0.001, 0.02, 0.2)
FSYNC_S = (0.0005, 0.004)
SLOW_FSYNC_S = (0.05, 1.5)
MINUTE_S = 63.0
ENGINE_GONE_S = (12.0, 40.0)
LOCK_S = (1.0, 20.0)
STALLED_S = (2.0, 5.0)
FLOORS = (999_950, 999_500)
RUNAWAY = (12, 120)
HEAL_S = 180.0
"""Virtual seconds within which everything must be settled once nothing goes wrong any more."""


def swarm(dice: random.Random, most: Mapping[str, float]) -> dict[str, float]:
    """Draw which of these a run has, and how strong."""
    return {name: worst * dice.random() for name, worst in most.items() if dice.random() < SWARM}


def gap(dice: random.Random) -> float:
    """Draw the seconds between two steps: mostly a moment, at times many seconds."""
    kind = dice.random()
    if kind < 0.3:
        return dice.uniform(0.0, 0.004)
    if kind < 0.9:
        return dice.uniform(0.01, 0.8)
    return dice.uniform(1.0, 8.0)


def body(dice: random.Random, name: str) -> dict[str, Any]:
    """Draw an alert, as TradingView would send it."""
    told: dict[str, Any] = {
        "ticker": SYMBOL,
        "signal_id": name,
        "strategy": dice.choice(("ma", "rsi")),
    }
    roll = dice.random()
    if roll < 0.62:
        side = dice.choice(("buy", "sell"))
        sign = 1 if side == "buy" else -1
        told |= {"action": side, "price": f"{PRICE:.5f}"}
        if dice.random() < 0.7:
            told["sl"] = f"{PRICE - sign * dice.uniform(0.002, 0.05):.5f}"
            told["tp"] = f"{PRICE + sign * dice.uniform(0.002, 0.05):.5f}"
        if dice.random() < 0.25:
            away = dice.uniform(0.0005, 0.01)
            told |= {"order_type": "limit", "limit": f"{PRICE - sign * away:.5f}"}
    elif roll < 0.88:
        told["action"] = "close"
    elif roll < 0.96:
        told["action"] = "cancel"
    else:
        told["action"] = "nonsense"
    return told
