"""Each check at its boundary: what is exactly the limit passes, the least bit more is refused."""

from decimal import Decimal as D
from typing import Any

import pytest
from msgspec.structs import replace

from bascule.model.enums import AccountMode, OrdType, Side, StopMode
from bascule.model.instrument import Quote
from bascule.model.values import DAY, HOUR, MILLISECOND, MINUTE, SECOND
from bascule.risk.chain import CHECKS
from bascule.risk.limits import LOOSEST
from bascule.risk.proposal import Messages, Reference, StopInForce
from bascule.risk.rates import RateWindow
from tests.unit.risk.scene import (
    LISTING,
    NOW,
    money,
    passes,
    proposal,
    refuses,
    run,
)

SELL = {"side": Side.SELL}


def quote(age_ms: int = 0) -> Quote:
    """Give a quote that is so old."""
    return Quote("EURUSD.x", D("1.0999"), D("1.1001"), NOW - age_ms * MILLISECOND)


def numbers(code: str, **words: Any) -> tuple[D | None, D | None]:
    """Give what a check that lets an order go says was used, and its limit."""
    verdict = passes(code, **words)
    return verdict.used, verdict.limit


def test_places_and_codes_are_each_checks_own() -> None:
    """No two checks share a place or a code, and every place leaves a gap for another."""
    assert len({check.place for check in CHECKS}) == len(CHECKS)
    assert len({check.code for check in CHECKS}) == len(CHECKS)
    assert [check.place for check in CHECKS] == sorted(check.place for check in CHECKS)


@pytest.mark.parametrize(
    "code",
    [
        "instrument_not_allowed", "max_order_size", "book_limit", "position_limit",
        "account_position_limit", "portfolio_position_limit", "missing_fx_rate", "stale_quote",
        "order_value", "notional_limit", "portfolio_notional_limit", "margin_limit",
        "portfolio_margin_limit", "price_collar", "fat_finger", "message_budget",
        "short_interval", "order_to_fill", "repeated_execution", "probation", "opposite_position",
    ],
)  # fmt: skip
def test_a_check_without_a_limit_says_nothing(code: str) -> None:
    """An account with the defaults meets none of these, whatever is missing round the order."""
    nothing = {
        "reference": None, "rate": None, "value": None, "unit_value": None, "others_value": None,
        "elsewhere_value": None, "portfolio_rate": None, "portfolio_margin": None,
    }  # fmt: skip
    assert run(code, **nothing) is None


# --- stops, readiness, contract -------------------------------------------------------------------


@pytest.mark.parametrize("mode", list(StopMode))
def test_a_stop_refuses_what_may_add_risk(mode: StopMode) -> None:
    """Every stop does; the sentence names its scope, who set it, and how it is lifted."""
    stop = StopInForce("account:a", mode, "news", "anna")
    refuses("halted", mode.value, "account:a", "anna", "news", "bascule arm", stop=stop)


@pytest.mark.parametrize(("mode", "goes"), [("halt", True), ("lock", True), ("freeze", False)])
def test_only_a_freeze_holds_a_proven_reduction(mode: str, goes: bool) -> None:
    """Halt and lock let it pass."""
    stop = StopInForce("all", StopMode(mode), "r", "b")
    verdict = run("halted", stop=stop, reducing=True)
    assert verdict is not None and verdict.ok is goes
    assert passes("halted", stop=None)


def test_an_account_must_be_reconciled_and_without_drift() -> None:
    """Each of both is said in its own words."""
    passes("account_not_ready")
    refuses("account_not_ready", "has not been reconciled", "first reconcil", reconciled=False)
    refuses("account_not_ready", "we have 1", "bascule reconcile", drift="we have 1, they 2")


def test_a_contract_is_tradable_until_it_expires() -> None:
    """The instant of expiry is too late, the nanosecond before is not."""
    passes("contract_not_tradable", listing=replace(LISTING, expiry=NOW + 1))
    refuses("contract_not_tradable", "expired", listing=replace(LISTING, expiry=NOW))
    refuses("contract_not_tradable", "not open to trad", listing=replace(LISTING, tradable=False))


@pytest.mark.parametrize(
    ("names", "symbol", "goes"),
    [
        (("EURUSD",), "EURUSD", True),
        (("EURUSD.x",), "EURUSD", True),
        (("GBPUSD", "EURUSD"), "EURUSD", True),
        (("GBPUSD",), "EURUSD", False),
        (("EUR",), "EURUSD", False),
        (("ES",), "ESZ2026", True),
        (("ES",), "ESTXZ2026", False),
        (("ES",), "ES", True),
        (("MES",), "ESZ2026", False),
        (("ES",), "ESZX26", False),
        (("ES",), "ES12026", False),
        (("-",), "EURUSD", False),
    ],
)
def test_the_list_of_instruments_is_held_to(
    names: tuple[str, ...], symbol: str, goes: bool
) -> None:
    """By our name, the venue's, or a future's root and nothing that only begins like it."""
    venue = "EURUSD.x" if symbol == "EURUSD" else symbol
    words = {
        "limits": {"instruments": names},
        "listing": replace(LISTING, symbol=symbol, venue_symbol=venue),
    }
    if goes:
        passes("instrument_not_allowed", **words)
    else:
        refuses("instrument_not_allowed", symbol, ", ".join(names), "on that list", **words)


@pytest.mark.parametrize("session", ["break", "closed"])
def test_an_entry_needs_an_open_session(session: str) -> None:
    """A break counts as closed, and is said to be one."""
    passes("session_closed", session="open")
    said = "is in its break" if session == "break" else "is closed"
    refuses("session_closed", said, "EURUSD", session=session)


def test_a_stop_can_be_required() -> None:
    """Where it is, an entry without one is refused."""
    passes("stop_required")
    passes("stop_required", limits={"require_stop": True}, has_stop_loss=True)
    refuses("stop_required", "requires a stop loss", limits={"require_stop": True})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"quantity": D("0.009")}, "below the smallest order 0.01"),
        ({"quantity": D("0.015")}, "a quantity of 0.01"),
        ({"quantity": D("1000.01")}, "above the venue's largest order 1000"),
        ({"price": D("1.10005")}, "a price of 1.1"),
        ({"stop_price": D("1.10005")}, "not a multiple of the tick 0.0001"),
    ],
)
def test_tick_and_lot_are_the_venues(words: dict[str, D], said: str) -> None:
    """What it would round or reject is refused with what would pass."""
    verdict = refuses("tick_or_lot", said, **words)
    assert verdict.limit == D("0.01")


def test_tick_and_lot_at_their_bounds_pass() -> None:
    """The smallest and the largest order pass; a largest of zero is none."""
    passes("tick_or_lot", quantity=D("0.01"), price=D("1.1001"))
    passes("tick_or_lot", quantity=D(1000))
    passes("tick_or_lot", quantity=D(5000), listing=replace(LISTING, max_qty=D(0)))
    small = replace(LISTING, max_qty=D("0.5"))
    refuses("tick_or_lot", "largest order 0.5", quantity=D("0.51"), listing=small)


# --- quantities -----------------------------------------------------------------------------------


def test_max_order_size_and_its_symbol() -> None:
    """The limit itself passes; a symbol's own limit replaces the general one."""
    limits = {"max_order_qty": D(2), "max_order_qty_by_symbol": {"GBPUSD": D(1)}}
    verdict = passes("max_order_size", limits=limits, quantity=D(2))
    assert (verdict.used, verdict.limit) == (D(2), D(2))
    verdict = refuses("max_order_size", "2.01 is more", limits=limits, quantity=D("2.01"))
    assert (verdict.used, verdict.limit, verdict.room) == (D("2.01"), D(2), D(2))
    gbp = replace(LISTING, symbol="GBPUSD")
    refuses("max_order_size", "a quantity of 1 or less", limits=limits, quantity=D("1.01"),
            listing=gbp)  # fmt: skip
    passes("max_order_size", limits=limits, quantity=D(1), listing=gbp)


def test_a_books_worst_case() -> None:
    """Held on its side, its own open entries and the order; what stands against it is no help."""
    limits = {"max_book_qty": D(5)}
    verdict = passes("book_limit", limits=limits, book=D(3), book_open=D(1))
    assert (verdict.used, verdict.limit) == (D(5), D(5))
    verdict = refuses(
        "book_limit", "5.01", "4.01 held or open", "a quantity of 0.99 or less",
        limits=limits, book=D("3.01"), book_open=D(1),
    )  # fmt: skip
    assert (verdict.used, verdict.room) == (D("5.01"), D("0.99"))
    passes("book_limit", limits=limits, book=D(-3), book_open=D(4))
    own = {"max_book_qty": D(5), "max_book_qty_by_symbol": {"EURUSD": D(1)}}
    refuses("book_limit", limits=own, book_open=D("0.01"))
    refuses("book_limit", limits=limits, book=D(-3), book_open=D(2), **SELL)
    passes("book_limit", limits=limits, book=D(-3), book_open=D(1), **SELL)
    passes("book_limit", limits=limits, book=D(9), book_open=D(4), **SELL)


def test_a_contracts_worst_case() -> None:
    """Books on the order's side, everything open there, and the order."""
    limits = {"max_position_qty": D(5)}
    words = {"long": D(3), "open_buy": D(1), "short": D(9), "open_sell": D(9)}
    assert numbers("position_limit", limits=limits, **words) == (D(5), D(5))
    verdict = refuses(
        "position_limit", "5.01 buy", "4.01 held or open, 1 asked", "0.99 or less",
        limits=limits, long=D(3), open_buy=D("1.01"),
    )  # fmt: skip
    assert (verdict.used, verdict.limit, verdict.room) == (D("5.01"), D(5), D("0.99"))
    refuses("position_limit", "5.01 sell", limits=limits, short=D(3), open_sell=D("1.01"), **SELL)
    passes("position_limit", limits=limits, short=D(3), open_sell=D(1), **SELL)
    own = {"max_position_qty": D(5), "max_position_qty_by_symbol": {"EURUSD": D(1)}}
    refuses("position_limit", limits=own, open_buy=D("0.01"))
    verdict = refuses("position_limit", "an exit first", limits=limits, long=D(7))
    assert verdict.room == 0
    refuses("position_limit", "a quantity of 0.01 or less", limits=limits, long=D("4.99"))


def test_an_accounts_contracts_together() -> None:
    """Each with its larger side; this one with what it would become."""
    limits = {"max_account_qty": D(10)}
    words = {"limits": limits, "others_quantity": D(6), "long": D(2), "open_buy": D(1)}
    assert numbers("account_position_limit", **words) == (D(10), D(10))
    verdict = refuses(
        "account_position_limit", "10.01", "6.01 in others", "0.99 or less",
        limits=limits, others_quantity=D("6.01"), long=D(3),
    )  # fmt: skip
    assert (verdict.used, verdict.limit, verdict.room) == (D("10.01"), D(10), D("0.99"))
    # The other side is the larger one, and a small buy leaves it so.
    passes("account_position_limit", limits=limits, others_quantity=D(6), short=D(4))
    refuses("account_position_limit", limits=limits, others_quantity=D(6), short=D("4.01"))


def test_a_contract_over_all_accounts() -> None:
    """What others have on this side counts; the portfolio's own limit for a symbol comes first."""
    together = replace(LOOSEST, max_position_qty=D(10), max_position_qty_by_symbol={"X": D(1)})
    words = {"portfolio": together, "elsewhere_quantity": D(7), "long": D(2)}
    assert numbers("portfolio_position_limit", **words) == (D(10), D(10))
    verdict = refuses(
        "portfolio_position_limit", "10.01", "7.01 on other accounts", "0.99 or less",
        portfolio=together, elsewhere_quantity=D("7.01"), long=D(2),
    )  # fmt: skip
    assert (verdict.used, verdict.limit, verdict.room) == (D("10.01"), D(10), D("0.99"))
    listing = replace(LISTING, symbol="X")
    refuses("portfolio_position_limit", portfolio=together, listing=listing, open_buy=D("0.01"))


# --- money ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "max_order_value", "max_notional", "max_margin", "max_order_loss",
        "max_order_loss_percent", "short_interval_value",
    ],
)  # fmt: skip
def test_a_limit_in_money_needs_a_rate(name: str) -> None:
    """A missing rate refuses and is never taken as 1; without such a limit it is not asked for."""
    limits = {name: D(1000)}
    passes("missing_fx_rate", limits=limits)
    refuses("missing_fx_rate", "no fresh rate from USD to", "currency, USD", limits=limits,
            rate=None)  # fmt: skip
    passes("missing_fx_rate", limits=limits, portfolio_rate=None)


@pytest.mark.parametrize("name", ["max_notional", "max_margin"])
def test_a_limit_of_the_portfolio_needs_its_rate(name: str) -> None:
    """The rate to the account's currency is no help."""
    together = replace(LOOSEST, **{name: D(1)})
    passes("missing_fx_rate", portfolio=together, rate=None)
    refuses("missing_fx_rate", "the portfolio's currency", portfolio=together, portfolio_rate=None)


def test_a_quote_may_be_so_old() -> None:
    """Its age at the limit passes; none at all does not."""
    limits = {"max_quote_age_ns": 5 * SECOND}
    verdict = passes("stale_quote", limits=limits, quote=quote(5000))
    assert (verdict.used, verdict.limit) == (D(5000), D(5000))
    verdict = refuses("stale_quote", "5001 ms old", "5000 ms", limits=limits, quote=quote(5001))
    assert (verdict.used, verdict.limit) == (D(5001), D(5000))
    odd = replace(quote(), at=NOW - 4_000_900_000)
    assert numbers("stale_quote", limits=limits, quote=odd) == (D(4000), D(5000))
    odd = replace(quote(), at=NOW - 6_000_900_000)
    assert refuses("stale_quote", limits=limits, quote=odd).used == D(6000)
    verdict = refuses("stale_quote", "no quote of EURUSD", limits=limits, quote=None)
    assert verdict.limit == D(5000)


def test_an_orders_value() -> None:
    """The limit itself passes; what fits is a quantity on the lot step."""
    limits = {"max_order_value": D(110_000)}
    verdict = passes("order_value", limits=limits)
    assert (verdict.used, verdict.limit) == (D(110_000), D(110_000))
    verdict = refuses("order_value", "110000 USD", "109999", "a quantity of 0.99 or less",
                      limits={"max_order_value": D(109_999)})  # fmt: skip
    assert (verdict.used, verdict.limit, verdict.room) == (D(110_000), D(109_999), D(109_999))
    refuses("order_value", "an exit first", limits={"max_order_value": D(1_099)})
    refuses("order_value", "0.01 or less", limits={"max_order_value": D(1_100)})
    refuses("order_value", "cannot be valued", limits=limits, value=None)


def test_an_accounts_notional() -> None:
    """Others at their worst, this contract at its larger side."""
    limits = {"max_notional": D(330_000)}
    words = {"limits": limits, "others_value": D(110_000), "long": D(1)}
    assert numbers("notional_limit", **words) == (D(330_000), D(330_000))
    verdict = refuses(
        "notional_limit", "330000.5", "110000.5 in other contracts", "this order 110000",
        "0.99 or less", limits=limits, others_value=D("110000.5"), long=D(1),
    )  # fmt: skip
    assert (verdict.limit, verdict.room) == (D(330_000), D("109999.5"))
    passes("notional_limit", limits=limits, others_value=D(0), short=D(3))
    refuses("notional_limit", limits=limits, others_value=D(0), short=D("3.01"))
    refuses("notional_limit", "another contract", limits=limits, others_value=None)
    refuses("notional_limit", "this order", limits=limits, unit_value=None)


def test_the_portfolios_notional() -> None:
    """In its own currency, whatever the account's is."""
    together = replace(LOOSEST, max_notional=D(165_000))
    words = {"portfolio": together, "portfolio_rate": D("0.5")}
    there = {"elsewhere_value": D(55_000), "long": D(1)}
    assert numbers("portfolio_notional_limit", **there, **words) == (D(165_000), D(165_000))
    verdict = refuses(
        "portfolio_notional_limit", "165001", "55001 of it", "0.99 or less",
        elsewhere_value=D(55_001), long=D(1), **words,
    )  # fmt: skip
    assert (verdict.limit, verdict.room) == (D(165_000), D(54_999))
    passes("portfolio_notional_limit", short=D(3), **words)
    refuses("portfolio_notional_limit", short=D("3.01"), **words)
    refuses("portfolio_notional_limit", "this order", reference_price=None, **words)
    refuses("portfolio_notional_limit", "this order", portfolio=together, portfolio_rate=None)
    refuses("portfolio_notional_limit", "what another account", elsewhere_value=None, **words)


def test_an_accounts_margin() -> None:
    """By the venue's word with what is open on top, or by the percentage of all, the higher."""
    limits = {"max_margin": D(3_000), "margin_percent": D(1)}
    told = {"money": money(margin=1_000), "waiting_value": D(90_000), "limits": limits}
    assert numbers("margin_limit", **told) == (D(1_000 + 900 + 1_100), D(3_000))
    verdict = refuses("margin_limit", "3001", "1001 by its venue", "0.99 or less",
                      **{**told, "money": money(margin=1_001)})  # fmt: skip
    assert (verdict.used, verdict.limit, verdict.room) == (D(3_001), D(3_000), D(1_099))
    held = {"money": money(), "limits": limits, "others_value": D(80_000)}
    assert passes("margin_limit", long=D(1), **held).used == D(3_000)
    verdict = refuses("margin_limit", **held, long=D("1.01"))
    assert verdict.room == D(3_000) - D(800) - D(1_111)
    full = {"max_margin": D(110_000)}
    assert passes("margin_limit", limits=full, money=money()).used == D(110_000)
    refuses("margin_limit", limits=full, money=money(margin=1))


@pytest.mark.parametrize("missing", ["money", "unit_value", "others_value", "waiting_value"])
def test_margin_that_cannot_be_told_refuses(missing: str) -> None:
    """Each part is needed; none is taken as zero."""
    words = {"limits": {"max_margin": D(1)}, "money": money(), missing: None}
    said = "not told" if missing == "money" else "cannot be valued"
    refuses("margin_limit", said, **words)


def test_the_portfolios_margin() -> None:
    """What all accounts use, and this order on top."""
    together = replace(LOOSEST, max_margin=D(1_550), margin_percent=D(1))
    words = {"portfolio": together, "portfolio_rate": D("0.5")}
    used = numbers("portfolio_margin_limit", portfolio_margin=D(1_000), **words)
    assert used == (D(1_550), D(1_550))
    verdict = refuses("portfolio_margin_limit", "1551", "1001 before", "0.99 or less",
                      portfolio_margin=D(1_001), **words)  # fmt: skip
    assert (verdict.limit, verdict.room) == (D(1_550), D(549))
    for missing in ({"reference_price": None}, {"portfolio_rate": None},
                    {"portfolio_margin": None}):  # fmt: skip
        refuses("portfolio_margin_limit", "cannot be valued", **{**words, **missing})
    whole = replace(LOOSEST, max_margin=D(110_000))
    assert passes("portfolio_margin_limit", portfolio=whole).used == D(110_000)


@pytest.mark.parametrize(
    ("words", "goes"),
    [
        ({"price": D("1.155")}, True),
        ({"price": D("1.1551")}, False),
        ({"price": D("1.045")}, True),
        ({"price": D("1.0449")}, False),
        ({"stop_price": D("1.155")}, True),
        ({"stop_price": D("1.1551")}, False),
        ({"price": D("1.1"), "stop_price": D("2")}, True),
        ({"signal_price": D("1.155")}, True),
        ({"signal_price": D("1.1551")}, False),
        ({}, True),
    ],
)
def test_the_collar_both_ways(words: dict[str, D], goes: bool) -> None:
    """Five percent of 1.1: the order's limit, else its trigger, else what its sender saw."""
    limits = {"price_collar_percent": D(5)}
    if goes:
        verdict = passes("price_collar", limits=limits, **words)
        assert verdict.text == "measured from the venue's quote, 1.1"
        assert verdict.limit == 5 and (verdict.used is None) == (not words)
        assert verdict.used is None or verdict.used <= 5
    else:
        verdict = refuses(
            "price_collar", "the venue's quote, 1.1", "the limit is 5 %",
            "a price from 1.045 to 1.155", limits=limits, **words,
        )  # fmt: skip
        assert verdict.used is not None and verdict.used > 5 and verdict.limit == 5


def test_the_collar_names_prices_on_the_tick() -> None:
    """The range that it offers lies inside the collar."""
    refuses(
        "price_collar", "a price from 1.0452 to 1.1551",
        limits={"price_collar_percent": D(5)}, price=D(2), ord_type=OrdType.LIMIT,
        reference=Reference(D("1.10017"), "the last fill"),
    )  # fmt: skip


def test_the_collar_says_whose_price_it_was() -> None:
    """A market order's is its sender's."""
    limits = {"price_collar_percent": D(5)}
    refuses("price_collar", "its sender saw is", limits=limits, signal_price=D(2))
    refuses("price_collar", "of the order is", limits=limits, price=D(2), ord_type=OrdType.LIMIT)


def test_a_live_entry_needs_a_price_to_be_held_against() -> None:
    """With or without a collar; the route may let a small one go."""
    live = {"mode": AccountMode.LIVE, "reference": None}
    verdict = refuses("price_collar", "no price to hold", "once a quote has come", **live)
    assert verdict.limit is None
    verdict = passes("price_collar", unpriced_max_qty=D(1), **live)
    assert (verdict.used, verdict.limit) == (D(1), D(1))
    assert "lets 1 go" in verdict.text
    verdict = refuses("price_collar", "a quantity of 0.99 or less", unpriced_max_qty=D("0.99"),
                      **live)  # fmt: skip
    assert (verdict.used, verdict.limit) == (D(1), D("0.99"))
    assert passes("price_collar", mode=AccountMode.LIVE, limits={"price_collar_percent": D(5)})
    verdict = run("price_collar", mode=AccountMode.LIVE)
    assert verdict is not None and verdict.ok and not verdict.text
    paper = run("price_collar", reference=None, limits={"price_collar_percent": D(5)})
    assert paper is not None and paper.ok


def test_what_one_order_may_lose() -> None:
    """Quantity x multiplier x distance, against money or a share of equity, the lower."""
    limits = {"max_order_loss": D(500)}
    assert numbers("fat_finger", limits=limits, loss_per_unit=D("0.005")) == (D(500), D(500))
    verdict = refuses(
        "fat_finger", "0.0051 away", "would lose 510 USD", "may lose 500", "0.98 or less",
        "nearer stop", limits=limits, loss_per_unit=D("0.0051"),
    )  # fmt: skip
    assert (verdict.used, verdict.limit, verdict.room) == (D(510), D(500), D(500))
    share = {"max_order_loss_percent": D(5)}
    assert passes("fat_finger", limits=share, loss_per_unit=D("0.005"), money=money()).limit == 500
    refuses("fat_finger", limits=share, loss_per_unit=D("0.005"), money=money(9_999))
    refuses("fat_finger", "told the equity", limits=share, loss_per_unit=D("0.005"))
    both = {"max_order_loss": D(400), "max_order_loss_percent": D(5)}
    refuses("fat_finger", "may lose 400", limits=both, loss_per_unit=D("0.005"), money=money())
    lower = {"max_order_loss": D(600), "max_order_loss_percent": D(4)}
    refuses("fat_finger", "may lose 400", limits=lower, loss_per_unit=D("0.005"), money=money())
    refuses("fat_finger", "may lose 0", limits=share, loss_per_unit=D("0.005"), money=money(-5))


def test_a_loss_without_a_bound_is_refused() -> None:
    """No stop, or no rate: there is nothing to hold to the limit."""
    limits = {"max_order_loss": D(500)}
    refuses("fat_finger", "no bound", "with a stop loss", limits=limits, loss_per_unit=None)
    refuses("fat_finger", "no bound", limits=limits, loss_per_unit=D("0.001"), rate=None)


# --- counts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "span", "word"),
    [
        ("orders_per_second", SECOND, "second"),
        ("orders_per_minute", MINUTE, "minute"),
        ("orders_per_hour", HOUR, "hour"),
        ("orders_per_day", DAY, "day"),
    ],
)
def test_each_rate_counts_its_span(name: str, span: int, word: str) -> None:
    """One before the limit passes, the limit is reached, and an instant later it is over."""
    many = {key: 1000 for key in ("orders_per_second", "orders_per_minute", "orders_per_hour",
                                  "orders_per_day")}  # fmt: skip
    limits = {**many, name: 3}
    passes("order_rate", limits=limits, rates=RateWindow([NOW - 2, NOW - 1]))
    three = RateWindow([NOW - span + 1, NOW - 1, NOW])
    verdict = refuses("order_rate", f"3 entries within the last {word}", limits=limits,
                      rates=three)  # fmt: skip
    assert (verdict.used, verdict.limit) == (D(3), D(3))
    gone = RateWindow([NOW - span, NOW - 1, NOW])
    passes("order_rate", limits=limits, rates=gone)


def test_the_rate_says_the_minute_when_it_passes() -> None:
    """Used and limit are the minute's."""
    verdict = passes("order_rate", rates=RateWindow([NOW - 2 * SECOND]))
    assert (verdict.used, verdict.limit) == (D(1), D(60))


def test_a_message_budget_keeps_its_reserve() -> None:
    """The last that entries may use passes; each budget is looked at, and the one that refuses."""
    verdict = passes("message_budget", messages=(Messages("account a", 89, 100, 10),))
    assert (verdict.used, verdict.limit) == (D(90), D(90))
    verdict = refuses(
        "message_budget", "strategy s has sent 90 messages", "90 of 100, 10 are kept",
        messages=(Messages("account a", 0, 100, 10), Messages("strategy s", 90, 100, 10)),
    )  # fmt: skip
    assert (verdict.used, verdict.limit, verdict.room) == (D(91), D(90), D(0))
    verdict = refuses(
        "message_budget", "entries may use 0 of 60, 100 are kept", "a smaller message_reserve",
        messages=(Messages("account a", 0, 60, 100),),
    )  # fmt: skip
    assert verdict.limit == D(0)


def test_what_a_short_while_may_be_worth() -> None:
    """Everything sent within it counts, and the order."""
    limits = {"short_interval_value": D(200_000), "short_interval_ns": 90 * SECOND}
    used = numbers("short_interval", limits=limits, value_lately=D(90_000))
    assert used == (D(200_000), D(200_000))
    verdict = refuses(
        "short_interval", "90001 USD within 90 s", "worth 110000", "later, or a quantity of 0.99",
        limits=limits, value_lately=D(90_001),
    )  # fmt: skip
    assert (verdict.used, verdict.limit, verdict.room) == (D(200_001), D(200_000), D(109_999))
    refuses("short_interval", "cannot be valued", limits=limits, value=None)


def test_messages_a_fill() -> None:
    """Above the warning it passes and says so; above the limit it is refused."""
    limits = {"order_to_fill_warn": 5, "order_to_fill_max": 10}
    assert run("order_to_fill", limits=limits, sent_per_fill=(19, 0)).used is None
    verdict = passes("order_to_fill", limits=limits, sent_per_fill=(50, 10))
    assert (verdict.used, verdict.limit, verdict.text) == (D(5), D(10), "")
    verdict = passes("order_to_fill", limits=limits, sent_per_fill=(51, 10))
    assert (verdict.used, verdict.limit) == (D("5.1"), D(5))
    assert "51 messages for 10 fills" in verdict.text
    passes("order_to_fill", limits=limits, sent_per_fill=(100, 10))
    verdict = refuses("order_to_fill", "10.1 a fill", "after 1 more fills", limits=limits,
                      sent_per_fill=(101, 10))  # fmt: skip
    assert (verdict.used, verdict.limit) == (D("10.1"), D(10))
    refuses("order_to_fill", "20 messages for 0 fills", limits=limits, sent_per_fill=(20, 0))
    assert (
        passes("order_to_fill", limits={"order_to_fill_warn": 5}, sent_per_fill=(20, 4)).text == ""
    )
    assert passes("order_to_fill", limits={"order_to_fill_warn": 5}, sent_per_fill=(900, 1)).text
    warned = {"order_to_fill_warn": 5}
    assert numbers("order_to_fill", limits=warned, sent_per_fill=(20, 4)) == (D(5), D(5))


def test_open_orders() -> None:
    """The limit counts this order."""
    limits = {"max_open_orders": 3}
    verdict = passes("max_open_orders", limits=limits, open_orders=2)
    assert (verdict.used, verdict.limit) == (D(3), D(3))
    verdict = refuses("max_open_orders", "already has 3", limits=limits, open_orders=3)
    assert (verdict.used, verdict.limit) == (D(4), D(3))


def test_the_same_entry_from_another_signal() -> None:
    """Within the window only; an instant later it passes, and so does the same signal."""
    limits = {"duplicate_window_ns": 2 * SECOND}
    same = {"limits": limits, "last_same_signal": "t-0"}
    verdict = refuses("duplicate_intent", "t-0", "1999 ms ago", "2000 ms after", **same,
                      last_same_at=NOW - 2 * SECOND + 1)  # fmt: skip
    assert (verdict.used, verdict.limit) == (D(1999), D(2000))
    passes("duplicate_intent", **same, last_same_at=NOW - 2 * SECOND)
    passes("duplicate_intent", **{**same, "last_same_signal": "t-1"}, last_same_at=NOW)
    passes("duplicate_intent", limits=limits)


def test_a_repeated_execution() -> None:
    """So many signals pass, one more is refused and says how the strategy is armed."""
    limits = {"repeated_executions": 3}
    verdict = passes("repeated_execution", limits=limits, repeats=2)
    assert (verdict.used, verdict.limit) == (D(3), D(3))
    verdict = refuses(
        "repeated_execution", "s has sent 3 buy entries", "within 600 s", "the limit is 3",
        "bascule arm --scope strategy:s", limits=limits, repeats=3,
    )  # fmt: skip
    assert (verdict.used, verdict.limit, verdict.room) == (D(4), D(3), D(0))


def test_self_match_and_opposite_positions() -> None:
    """Both refuse with the order or account that is in the way, unless they are allowed."""
    passes("self_match")
    refuses("self_match", "trade with ourselves: a sell", crosses="a sell limit order")
    assert run("self_match", crosses="x", limits={"self_match": "allow"}) is None
    refused = {"opposite_positions": "refuse"}
    passes("opposite_position", limits=refused)
    refuses("opposite_position", "account b is short", "account a", "at v", limits=refused,
            opposes="account b is short")  # fmt: skip
    assert run("opposite_position", opposes="account b") is None


def test_probation_by_size() -> None:
    """The smallest order passes until the last signal of it; then any does, or once approved."""
    limits = {"probation_signals": 3}
    small = {"limits": limits, "quantity": D("0.01")}
    verdict = passes("probation", **small, strategy_signals=2)
    assert (verdict.used, verdict.limit) == (D("0.01"), D("0.01"))
    verdict = refuses("probation", "signal 3 of 3", "0.01", "bascule approve s", limits=limits,
                      quantity=D("0.02"), strategy_signals=2)  # fmt: skip
    assert (verdict.used, verdict.limit, verdict.room) == (D("0.02"), D("0.01"), D("0.01"))
    passes("probation", limits=limits, strategy_signals=3)
    passes("probation", limits=limits, strategy_signals=0, approved=True)


def test_probation_by_approval() -> None:
    """Nothing passes before a person approves, however small and however many signals."""
    limits = {"probation_signals": 1, "probation": "approval"}
    verdict = refuses("probation", "wants a person", "after `bascule approve s`", limits=limits,
                      quantity=D("0.01"), strategy_signals=99)  # fmt: skip
    assert (verdict.used, verdict.limit, verdict.room) == (D("0.01"), D(0), D(0))
    passes("probation", limits=limits, approved=True)


def test_a_proposals_worst_side() -> None:
    """The order's side with the order, or the other as it stands, whichever is larger."""
    order = proposal(long=D(1), open_buy=D(2), short=D(3), open_sell=D(4))
    assert (order.held, order.worst) == (D(3), D(7))
    order = proposal(long=D(1), open_buy=D(2), short=D(3), open_sell=D(4), **SELL)
    assert (order.held, order.worst) == (D(7), D(8))
    order = proposal(long=D(5), open_buy=D(2), **SELL)
    assert order.worst == D(7)
