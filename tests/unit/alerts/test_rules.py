"""Which events are told, in which words, and what is left out of them."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bascule.alerts.alert import Alert, AlertPlan, Severity, Shown
from bascule.alerts.kinds import KINDS
from bascule.alerts.rules import TABLE, OrderFacts, Rules, subject_of
from bascule.model import event as ev
from bascule.model.enums import OrdStatus, Side, StopMode
from bascule.model.ids import (
    AccountId,
    ClOrdID,
    ExecID,
    SignalId,
    StrategyId,
    Symbol,
    VenueOrderId,
    guardian_epoch,
)
from bascule.model.values import DAY, MILLISECOND, SECOND, Instant

MAIN = AccountId("main")
ORDER = ClOrdID("bayx-1-1e")
T0 = Instant(1_800_000_000 * SECOND)
PLAN = AlertPlan(accounts={MAIN: Shown(currency="USD", basis=Decimal(50_000))})
FULL = AlertPlan(detail="full", accounts=PLAN.accounts)


def rules(plan: AlertPlan = PLAN, leg: str = "e", filled: str = "0.5") -> Rules:
    """Give rules that know one order."""
    facts = OrderFacts("gold", "EURUSD", leg, Side.BUY, Decimal(filled))
    return Rules(plan, lambda account, order: facts if order == ORDER else None)


def told(event: ev.Event, given: Rules | None = None) -> Alert | None:
    """Give the one alert of an event."""
    found = list((given or rules()).alerts_of(event))
    assert len(found) <= 1
    return found[0] if found else None


def fill(status: OrdStatus = OrdStatus.FILLED) -> ev.OrderFilled:
    """Make a fill."""
    return ev.OrderFilled(
        at=T0, account=MAIN, cl_ord_id=ORDER, exec_id=ExecID("x"), side=Side.BUY,
        quantity=Decimal("0.5"), price=Decimal("1.16"), status=status, traded_at=T0,
    )  # fmt: skip


def ended(status: OrdStatus, **more: Any) -> ev.OrderEnded:
    """Make an end."""
    return ev.OrderEnded(
        at=T0, account=MAIN, cl_ord_id=ORDER, status=status, **{"reason": "no_money"} | more
    )


def test_a_fill_is_told_once_it_is_whole_and_without_size_or_price() -> None:
    """A partial fill is no outcome; the whole one names account, side and symbol only."""
    assert told(fill(OrdStatus.PARTIALLY_FILLED)) is None
    found = told(fill())
    assert found and found.name == "order_filled"
    assert found.title == "main: order filled"
    assert found.text == "Bought EURUSD: the entry bayx-1-1e in EURUSD for gold."
    assert "0.5" not in found.text and "1.16" not in found.text


def test_with_full_detail_size_and_price_are_told() -> None:
    """``detail = "full"`` is the user's word that the channel may know."""
    found = told(fill(), rules(FULL))
    assert found and found.text.startswith("Bought 0.5 EURUSD at 1.16")


def test_a_stop_that_fills_is_another_kind() -> None:
    """A stop or target can be muted apart from entries and exits."""
    found = told(fill(), rules(leg="s"))
    assert found and found.name == "protection_filled"


def test_a_canceled_order_with_a_part_filled_is_told_as_that() -> None:
    """What traded is an outcome even when the rest did not."""
    found = told(ended(OrdStatus.CANCELED))
    assert found and found.name == "order_filled" and "The rest was not: canceled" in found.text
    assert told(ended(OrdStatus.CANCELED), rules(filled="0")) is None


def test_a_rejection_hides_the_venues_words_unless_all_is_wanted() -> None:
    """A venue's sentence may hold money or a login: the reason's code stands for it."""
    event = ended(OrdStatus.REJECTED, text="account 4711 lacks 512.30 USD")
    short, full = told(event), told(event, rules(FULL))
    assert short and full and short.name == "order_rejected"
    assert "4711" not in short.text and "(no_money)" in short.text
    assert "512.30" in full.text


@pytest.mark.parametrize("leg", ["s", "t"])
def test_refused_protection_is_critical(leg: str) -> None:
    """A position without its stop is what a person must hear of."""
    found = told(ended(OrdStatus.REJECTED), rules(leg=leg))
    assert found and (found.name, found.severity) == ("protection_rejected", Severity.CRITICAL)


def test_money_becomes_percent_of_the_account() -> None:
    """Whatever wrote the reason of a stop, no amount of money leaves."""
    event = ev.StopSet(
        at=T0, scope="account:main", mode=StopMode.HALT, by="risk",
        reason="lost 512.50 USD, limit USD 1,000",
    )  # fmt: skip
    found = told(event)
    assert found and found.severity is Severity.CRITICAL
    assert "lost 1.02 %, limit 2.00 %" in found.text and "512" not in found.text
    everywhere = told(
        ev.StopSet(at=T0, scope="all", mode=StopMode.HALT, by="anna", reason="lost 9 USD")
    )
    assert everywhere and "(an amount)" in everywhere.text
    full = told(event, rules(FULL))
    assert full and "512.50 USD" in full.text


def test_a_lock_tells_its_hour() -> None:
    """Nobody should try to arm before it."""
    event = ev.StopSet(
        at=T0, scope="firm:acme", mode=StopMode.LOCK, by="risk", reason="daily loss", until=T0
    )
    found = told(event)
    assert found and found.name == "locked" and found.title == "firm acme: locked"
    assert "2027-01-15 08:00 UTC" in found.text


def test_arming_lets_the_next_halt_be_told_at_once() -> None:
    """Halt, arm, halt within the window are three pieces of news."""
    halt = told(ev.StopSet(at=T0, scope="all", mode=StopMode.HALT, by="a", reason="b"))
    armed = told(ev.StopCleared(at=T0, scope="all", by="a", reason="b"))
    assert halt and armed and halt.key in armed.clears


def test_a_link_is_told_of_after_30_seconds_and_then_when_it_is_back() -> None:
    """A link that comes back in time was never lost."""
    given = rules()
    down = ev.LinkChanged(at=T0, account=MAIN, up=False, reason="closed")
    up = ev.LinkChanged(at=T0, account=MAIN, up=True)
    assert told(down, given) is None and given.waits
    assert list(given.overdue(Instant(T0 + 29 * SECOND))) == []
    assert told(up, given) is None and not given.waits
    assert told(down, given) is None
    (lost,) = given.overdue(Instant(T0 + 30 * SECOND))
    assert (lost.name, list(given.overdue(Instant(T0 + 60 * SECOND)))) == ("link_lost", [])
    back = told(up, given)
    assert back and back.name == "link_back" and lost.key in back.clears


def test_a_link_that_was_never_up_is_told_too() -> None:
    """A venue that cannot be reached at the start sends no news of that."""
    given = rules()
    given.begin([MAIN], T0)
    assert given.waits
    (lost,) = given.overdue(Instant(T0 + 30 * SECOND))
    assert lost.name == "link_lost"


def test_drift_is_told_with_its_end() -> None:
    """A reconciliation is told only where there was drift before."""
    given = rules()
    passed = ev.ReconcilePassed(at=T0, account=MAIN, orders=0, positions=0, fills=0)
    drift = ev.DriftFound(
        at=T0, account=MAIN, symbol=Symbol("EURUSD"), ours=Decimal(1), theirs=Decimal(2), text="x"
    )
    assert told(passed, given) is None
    found, over = told(drift, given), told(passed, given)
    assert found and "ours" not in found.text and over and over.name == "drift_over"
    full = told(drift, rules(FULL))
    assert full and "ours 1, theirs 2" in full.text


def test_an_account_that_does_not_trade_is_told_of_each_day() -> None:
    """A warning before the firm's days are over, critical after them."""
    event = ev.AccountIdle(
        at=T0, account=MAIN, last_trade=Instant(T0 - 25 * DAY), closes_at=Instant(T0 + 5 * DAY),
        text="nothing has traded since 2026-01-05",
    )  # fmt: skip
    found = told(event)
    assert found and (found.name, found.severity) == ("account_idle", Severity.WARNING)
    assert found.text == "Nothing has traded since 2026-01-05. Bascule trades nothing by itself."
    tomorrow = told(replace(event, at=Instant(T0 + DAY)))
    assert tomorrow and tomorrow.key != found.key
    over = told(replace(event, at=event.closes_at))
    assert over and over.severity is Severity.CRITICAL


def test_a_loss_level_is_told_in_percent_of_the_account() -> None:
    """Blocked is a warning; closed and locked is critical; the amounts stay at home."""
    event = ev.GuardTripped(
        at=T0, account=MAIN, action="block", rule="daily_loss", used=Decimal("1875.50"),
        threshold=Decimal(2500), text="1875.50 of 2500 used",
    )  # fmt: skip
    found = told(event)
    assert found and found.severity is Severity.WARNING
    assert found.text == "Daily loss: 3.75 % of the account used. New risk is blocked."
    bare = told(event, rules(AlertPlan()))
    assert bare and "75 % of that level used" in bare.text
    full = told(event, rules(FULL))
    assert full and "1875.5 USD of 2500 used" in full.text


def test_a_crossed_line_is_critical() -> None:
    """Whether the account only pauses or has failed is said."""
    found = told(
        ev.LedgerBreached(
            at=T0,
            account=MAIN,
            rules=("max_loss",),
            soft=False,
            equity=Decimal(44_990),
            floors={"max_loss": Decimal(45_000)},
            text="equity 44990",
        )
    )
    assert found and found.severity is Severity.CRITICAL
    assert "max loss. The account has failed" in found.text and "44990" not in found.text


def test_a_refusal_by_a_check_says_which() -> None:
    """The code and what would have passed; a stop that is held back is critical."""
    event = ev.OrderRefused(
        at=T0, cl_ord_id=ORDER, signal=SignalId("bayx-1"), intent=0, account=MAIN,
        strategy=StrategyId("gold"), leg="s", symbol=Symbol("EURUSD"), side=Side.SELL,
        quantity=Decimal(1), code="position_limit", text="7 of at most 5",
    )  # fmt: skip
    found = told(event)
    assert found and found.severity is Severity.CRITICAL and "(position_limit; " in found.text
    assert "7 of at most" not in found.text
    full = told(event, rules(FULL))
    assert full and full.text.endswith("for gold: 7 of at most 5 (position_limit).")


def test_doubt_and_its_settlement() -> None:
    """Doubt says that nothing is sent again."""
    doubt = told(ev.OrderDoubted(at=T0, account=MAIN, cl_ord_id=ORDER, cause="timeout"))
    over = told(
        ev.OrderResolved(
            at=T0, account=MAIN, cl_ord_id=ORDER, outcome="absent", evidence="e", by="anna"
        )
    )
    assert doubt and "not sent again" in doubt.text and over and over.name == "doubt_over"


def test_what_is_under_way_is_never_told() -> None:
    """Requests, sends and acknowledgements are no outcomes, nor is a signal that was accepted."""
    for kind in (ev.OrderRequested, ev.OrdersSent, ev.OrderAcknowledged):
        assert kind not in TABLE
    assert told(accepted("tradingview", "{}")) is None


def accepted(source: str, raw: str) -> ev.SignalAccepted:
    """Make a signal that was taken in."""
    return ev.SignalAccepted(
        at=T0, signal=SignalId("bayx-1"), source=source, dialect=source,
        strategy=StrategyId(source), key="", body_hash="", received_at=T0, raw=raw, intents=(),
    )  # fmt: skip


def test_what_the_engine_does_for_a_firms_rule_is_told() -> None:
    """Nobody asked for it, so somebody must hear of it."""
    found = told(accepted("programme", "Firm on main: flat by 15:10; EURUSD is cleared"))
    assert found and found.name == "firm_rule" and found.severity is Severity.WARNING
    assert found.title == "Firm on main: firm rule"
    assert found.text == "flat by 15:10; EURUSD is cleared."


def test_a_strangers_fill_is_told_and_the_guardians_own_is_not() -> None:
    """The guardian reports what it closes itself; nobody else did it."""

    def closed(client_id: str) -> ev.ForeignFill:
        return ev.ForeignFill(
            at=T0, account=MAIN, exec_id=ExecID("x"), venue_order_id=VenueOrderId("7"),
            symbol=Symbol("EURUSD"), side=Side.SELL, quantity=Decimal(1), price=Decimal("1.16"),
            traded_at=T0, client_id=client_id,
        )  # fmt: skip

    somebody = told(closed("9911"))
    assert somebody is not None and somebody.name == "foreign_trade"
    assert told(closed(f"{guardian_epoch(T0 // MILLISECOND)}-1")) is None


def test_every_alert_has_a_kind_with_words() -> None:
    """A name without a row in the table of kinds would have no severity."""
    assert all(kind.when for kind in KINDS.values())
    assert subject_of("all") == "all accounts" and subject_of("account:main") == "main"
