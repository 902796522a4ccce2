"""What each refusal says, word by word: people read it, and programs read its numbers."""

from decimal import Decimal as D
from typing import Any

import pytest
from msgspec.structs import replace

from bascule.model.enums import AccountMode, OrdType, StopMode
from bascule.model.values import SECOND, text
from bascule.risk.chain import CHECKS
from bascule.risk.limits import LOOSEST
from bascule.risk.proposal import Messages, StopInForce
from bascule.risk.rates import RateWindow
from tests.unit.risk.scene import LISTING, NOW, money, run
from tests.unit.risk.test_checks import quote

Case = tuple[str, dict[str, Any], str, str, str]
"""A check, an order, ``used, limit, room``, the sentence, and what would pass."""

CASES: list[Case] = [
    (
        "halted",
        dict(stop=StopInForce("account:a", StopMode.HALT, "news", "anna")),
        "-, -, -",
        "a halt on account:a is in force, set by anna: news",
        "an exit under a halt, or any order after `bascule arm --scope account:a`",
    ),
    (
        "account_not_ready",
        dict(drift="EURUSD: ours 1, theirs 2"),
        "-, -, -",
        "EURUSD: ours 1, theirs 2",
        "an entry once `bascule reconcile` agrees",
    ),
    (
        "account_not_ready",
        dict(reconciled=False),
        "-, -, -",
        "account a has not been reconciled with its venue since the start",
        "the same order after the first reconciliation has passed",
    ),
    (
        "contract_not_tradable",
        dict(listing=replace(LISTING, tradable=False)),
        "-, -, -",
        "EURUSD.x is listed by the venue but not open to trading",
        "a contract that the venue lists as tradable",
    ),
    (
        "contract_not_tradable",
        dict(listing=replace(LISTING, expiry=NOW)),
        "-, -, -",
        "EURUSD.x has expired",
        "the contract that is now in front",
    ),
    (
        "instrument_not_allowed",
        dict(limits={"instruments": ("ES", "NQ")}),
        "-, -, -",
        "EURUSD is not among the instruments that account a may open: ES, NQ",
        "an instrument on that list",
    ),
    (
        "session_closed",
        dict(session="break"),
        "-, -, -",
        "the session of EURUSD is in its break",
        "the same order when the session is open",
    ),
    (
        "stop_required",
        dict(limits={"require_stop": True}),
        "-, -, -",
        "account a requires a stop loss with every entry, and this has none",
        "the same order with a stop loss",
    ),
    (
        "tick_or_lot",
        dict(quantity=D("0.001")),
        "0.001, 0.01, -",
        "quantity 0.001 is below the smallest order 0.01",
        "a quantity of 0.01 or more",
    ),
    (
        "tick_or_lot",
        dict(quantity=D("1.005")),
        "1.005, 0.01, -",
        "quantity 1.005 is not a multiple of 0.01",
        "a quantity of 1",
    ),
    (
        "tick_or_lot",
        dict(quantity=D(1001)),
        "1001, 0.01, -",
        "quantity 1001 is above the venue's largest order 1000",
        'a quantity of 1000 or less, or on_oversize = "split"',
    ),
    (
        "tick_or_lot",
        dict(price=D("1.10005")),
        "1, 0.01, -",
        "price 1.10005 is not a multiple of the tick 0.0001",
        "a price of 1.1",
    ),
    (
        "max_order_size",
        dict(limits={"max_order_qty": D("0.5")}),
        "1, 0.5, 0.5",
        "1 is more than the largest order of 0.5 that account a allows",
        'a quantity of 0.5 or less, or on_oversize = "split"',
    ),
    (
        "book_limit",
        dict(limits={"max_book_qty": D("1.5")}, book=D("0.4"), book_open=D("0.3")),
        "1.7, 1.5, 0.8",
        (
            "the worst case of s is 1.7 buy EURUSD on account a (0.7 held or open, 1 asked), the "
            "limit of a book is 1.5"
        ),
        "a quantity of 0.8 or less",
    ),
    (
        "position_limit",
        dict(limits={"max_position_qty": D("1.5")}, long=D("0.4"), open_buy=D("0.3")),
        "1.7, 1.5, 0.8",
        "the worst case is 1.7 buy on account a (0.7 held or open, 1 asked), the limit 1.5",
        "a quantity of 0.8 or less",
    ),
    (
        "account_position_limit",
        dict(limits={"max_account_qty": D(3)}, others_quantity=D(2), long=D("0.4")),
        "3.4, 3, 0.6",
        (
            "account a could come to hold 3.4 in all its contracts together (2 in others than "
            "EURUSD), the limit is 3"
        ),
        "a quantity of 0.6 or less",
    ),
    (
        "portfolio_position_limit",
        dict(
            portfolio=replace(LOOSEST, max_position_qty=D(3)),
            elsewhere_quantity=D(2),
            long=D("0.4"),
        ),
        "3.4, 3, 0.6",
        (
            "the worst case over all accounts is 3.4 buy EURUSD (2 on other accounts, 0.4 on a, 1"
            " asked), the limit is 3"
        ),
        "a quantity of 0.6 or less",
    ),
    (
        "missing_fx_rate",
        dict(limits={"max_notional": D(1)}, rate=None),
        "-, -, -",
        (
            "there is no fresh rate from USD to account a's currency, USD, so EURUSD cannot be "
            "held to limits in money"
        ),
        "the same order once a quote of USD against it has come",
    ),
    (
        "missing_fx_rate",
        dict(portfolio=replace(LOOSEST, max_margin=D(1)), portfolio_rate=None),
        "-, -, -",
        (
            "there is no fresh rate from USD to the portfolio's currency, so EURUSD cannot be "
            "held to limits in money"
        ),
        "the same order once a quote of USD against it has come",
    ),
    (
        "stale_quote",
        dict(limits={"max_quote_age_ns": 5 * SECOND}),
        "-, 5000, -",
        "no quote of EURUSD has come on account a",
        "the same order within 5000 ms of a quote",
    ),
    (
        "stale_quote",
        dict(limits={"max_quote_age_ns": 5 * SECOND}, quote=quote(7001)),
        "7001, 5000, -",
        "the last quote of EURUSD on account a is 7001 ms old, the limit is 5000 ms",
        "the same order within 5000 ms of a quote",
    ),
    (
        "order_value",
        dict(limits={"max_order_value": D(50_000)}),
        "110000, 50000, 50000",
        "the order is worth 110000 USD, and one order on account a may be worth 50000 USD",
        "a quantity of 0.45 or less",
    ),
    (
        "order_value",
        dict(limits={"max_order_value": D(50_000)}, value=None),
        "-, 50000, -",
        (
            "this order cannot be valued on account a: a price or a rate is missing or old, and "
            "none is made up"
        ),
        "the same order once quotes have come",
    ),
    (
        "notional_limit",
        dict(limits={"max_notional": D(200_000)}, others_value=D("80000.555"), long=D("0.5")),
        "245000.555, 200000, 64999.445",
        (
            "the worst notional of account a would be 245000.56 USD (80000.56 in other contracts,"
            " this order 110000), the limit is 200000"
        ),
        "a quantity of 0.59 or less",
    ),
    (
        "notional_limit",
        dict(limits={"max_notional": D(200_000)}, others_value=None),
        "-, 200000, -",
        (
            "another contract that is held or on its way cannot be valued on account a: a price "
            "or a rate is missing or old, and none is made up"
        ),
        "the same order once quotes have come",
    ),
    (
        "notional_limit",
        dict(limits={"max_notional": D(200_000)}, unit_value=None),
        "-, 200000, -",
        (
            "this order cannot be valued on account a: a price or a rate is missing or old, and "
            "none is made up"
        ),
        "the same order once quotes have come",
    ),
    (
        "portfolio_notional_limit",
        dict(
            portfolio=replace(LOOSEST, max_notional=D(200_000)),
            elsewhere_value=D(80_000),
            long=D("0.5"),
        ),
        "245000, 200000, 65000",
        (
            "the worst notional of all accounts would be 245000, 80000 of it beside EURUSD on a; "
            "the limit is 200000"
        ),
        "a quantity of 0.59 or less",
    ),
    (
        "portfolio_notional_limit",
        dict(portfolio=replace(LOOSEST, max_notional=D(200_000)), elsewhere_value=None),
        "-, 200000, -",
        (
            "what another account holds cannot be valued on account a: a price or a rate is "
            "missing or old, and none is made up"
        ),
        "the same order once quotes have come",
    ),
    (
        "portfolio_notional_limit",
        dict(portfolio=replace(LOOSEST, max_notional=D(200_000)), portfolio_rate=None),
        "-, 200000, -",
        (
            "this order cannot be valued on account a: a price or a rate is missing or old, and "
            "none is made up"
        ),
        "the same order once quotes have come",
    ),
    (
        "margin_limit",
        dict(
            limits={"max_margin": D(2_000), "margin_percent": D(2)},
            money=money(margin=500),
            waiting_value=D(10_000),
        ),
        "2900, 2000, 1300",
        (
            "account a could come to use 2900 USD of margin (500 by its venue's last word), the "
            "limit is 2000"
        ),
        "a quantity of 0.59 or less",
    ),
    (
        "margin_limit",
        dict(limits={"max_margin": D(2_000)}),
        "-, 2000, -",
        "the venue has not told the margin used of account a yet",
        "the same order once it has",
    ),
    (
        "margin_limit",
        dict(limits={"max_margin": D(2_000)}, money=money(), others_value=None),
        "-, 2000, -",
        (
            "what is held or on its way cannot be valued on account a: a price or a rate is "
            "missing or old, and none is made up"
        ),
        "the same order once quotes have come",
    ),
    (
        "portfolio_margin_limit",
        dict(
            portfolio=replace(LOOSEST, max_margin=D(2_000), margin_percent=D(2)),
            portfolio_margin=D(700),
        ),
        "2900, 2000, 1300",
        (
            "all accounts could come to use 2900 of margin (700 before this order), the limit is "
            "2000"
        ),
        "a quantity of 0.59 or less",
    ),
    (
        "portfolio_margin_limit",
        dict(portfolio=replace(LOOSEST, max_margin=D(2_000)), portfolio_margin=None),
        "-, 2000, -",
        (
            "what is held or on its way cannot be valued on account a: a price or a rate is "
            "missing or old, and none is made up"
        ),
        "the same order once quotes have come",
    ),
    (
        "price_collar",
        dict(limits={"price_collar_percent": D(5)}, price=D("1.2"), ord_type=OrdType.LIMIT),
        "9.091, 5, -",
        "the price 1.2 of the order is 9.091 % from the venue's quote, 1.1; the limit is 5 %",
        "a price from 1.045 to 1.155",
    ),
    (
        "price_collar",
        dict(limits={"price_collar_percent": D(5)}, signal_price=D("1.03333")),
        "6.061, 5, -",
        (
            "the price 1.03333 that its sender saw is 6.061 % from the venue's quote, 1.1; the "
            "limit is 5 %"
        ),
        "a price from 1.045 to 1.155",
    ),
    (
        "price_collar",
        dict(mode=AccountMode.LIVE, reference=None),
        "-, -, -",
        (
            "there is no price to hold an entry in EURUSD against: no quote and no fill of the "
            "last 60 s, and none in the signal"
        ),
        "the same order once a quote has come, or with the price that its sender sees",
    ),
    (
        "price_collar",
        dict(mode=AccountMode.LIVE, reference=None, unpriced_max_qty=D("0.5")),
        "1, 0.5, -",
        (
            "there is no price to hold an entry in EURUSD against: no quote and no fill of the "
            "last 60 s, and none in the signal"
        ),
        (
            "the same order once a quote has come, or with the price that its sender sees, or a "
            "quantity of 0.5 or less"
        ),
    ),
    (
        "fat_finger",
        dict(
            limits={"max_order_loss": D(200)},
            loss_per_unit=D("0.004"),
            quantity=D(2),
            rate=D("0.8"),
        ),
        "640, 200, 200",
        (
            "2 EURUSD with the stop 0.004 away would lose 640 USD, and one order on account a may"
            " lose 200"
        ),
        "a quantity of 0.62 or less, or a nearer stop",
    ),
    (
        "fat_finger",
        dict(limits={"max_order_loss": D(200)}),
        "-, 200, -",
        (
            "its loss has no bound that could be held to a limit of 200 USD: it has no stop, or "
            "no price to measure from"
        ),
        "the same order with a stop loss, once a price is known",
    ),
    (
        "fat_finger",
        dict(limits={"max_order_loss_percent": D(2)}),
        "-, 2, -",
        "the venue has not told the equity of account a yet",
        "the same order once it has",
    ),
    (
        "order_rate",
        dict(limits={"orders_per_minute": 2}, rates=RateWindow([NOW - 2, NOW - 1])),
        "2, 2, -",
        "account a has sent 2 entries within the last minute, the limit is 2",
        "the same order when fewer than 2 were sent within a minute",
    ),
    (
        "message_budget",
        dict(messages=(Messages("account a", 90, 100, 10),)),
        "91, 90, 0",
        (
            "account a has sent 90 messages within 24 hours; entries may use 90 of 100, 10 are "
            "kept for exits and protection"
        ),
        "the same order once older messages are more than 24 hours ago",
    ),
    (
        "short_interval",
        dict(limits={"short_interval_value": D(150_000)}, value_lately=D(90_000)),
        "200000, 150000, 60000",
        (
            "account a has sent entries worth 90000 USD within 60 s, and this one is worth "
            "110000; the limit is 150000"
        ),
        "the same order later, or a quantity of 0.54 or less",
    ),
    (
        "short_interval",
        dict(limits={"short_interval_value": D(150_000)}, value=None),
        "-, 150000, -",
        (
            "this order cannot be valued on account a: a price or a rate is missing or old, and "
            "none is made up"
        ),
        "the same order once quotes have come",
    ),
    (
        "order_to_fill",
        dict(limits={"order_to_fill_max": 5}, sent_per_fill=(33, 6)),
        "5.5, 5, -",
        "account a has sent 33 messages for 6 fills in 24 hours, 5.5 a fill; the limit is 5",
        "the same order after 1 more fills, or later",
    ),
    (
        "max_open_orders",
        dict(limits={"max_open_orders": 3}, open_orders=3),
        "4, 3, -",
        "account a already has 3 open orders, the limit is 3",
        "the same order after an open one has filled or was canceled",
    ),
    (
        "duplicate_intent",
        dict(
            last_same_signal="t-0",
            last_same_at=NOW - 1_500_999_999,
            limits={"duplicate_window_ns": 2_000_900_000},
        ),
        "1500, 2000, -",
        "signal t-0 asked for the same buy of 1 EURUSD on account a 1500 ms ago",
        "the same order 2000 ms after the first, or another size",
    ),
    (
        "repeated_execution",
        dict(limits={"repeated_executions": 2}, repeats=2),
        "3, 2, 0",
        (
            "s has sent 2 buy entries in EURUSD on account a within 600 s, the limit is 2; the "
            "strategy is halted"
        ),
        "an entry after `bascule arm --scope strategy:s`",
    ),
    (
        "self_match",
        dict(crosses="a sell limit order at 1.1 rests on account b"),
        "-, -, -",
        (
            "a buy of EURUSD could trade with ourselves: a sell limit order at 1.1 rests on "
            "account b"
        ),
        "a price that does not reach it, or the same order once that one has ended",
    ),
    (
        "opposite_position",
        dict(limits={"opposite_positions": "refuse"}, opposes="account b is short"),
        "-, -, -",
        (
            "a buy of EURUSD on account a would stand against another account at v: account b is "
            "short"
        ),
        "the same order once that account is flat there",
    ),
    (
        "probation",
        dict(limits={"probation_signals": 3}, strategy_signals=1),
        "1, 0.01, 0.01",
        (
            "the strategy s is on probation: this is its signal 2 of 3 that trade the smallest "
            "order, 0.01"
        ),
        "a quantity of 0.01, or the same order after `bascule approve s`",
    ),
    (
        "probation",
        dict(limits={"probation_signals": 3, "probation": "approval"}),
        "1, 0, 0",
        "the strategy s is new, and account a wants a person to approve it first",
        "the same order after `bascule approve s`",
    ),
]
OF_THE_FIRM = {
    "firm_policy", "flat_window", "news_blackout", "news_straddle", "stop_attached",
    "programme_size", "worst_loss", "daily_loss", "max_drawdown", "requests_per_day",
    "fills_per_day", "hedging", "min_hold", "consistency", "allocation", "risk_per_idea",
    "copies_others",
}  # fmt: skip
"""Checks of a programme, whose words are held with the programmes."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_a_refusal_says_exactly_this(case: Case) -> None:
    """Its numbers, its sentence, and what would have passed."""
    code, words, numbers, sentence, would_pass = case
    verdict = run(code, **words)
    assert verdict is not None and verdict.ok is False
    said = (verdict.used, verdict.limit, verdict.room)
    assert ", ".join("-" if one is None else text(one) for one in said) == numbers
    assert verdict.text == sentence
    assert verdict.passes == would_pass


def test_every_check_has_its_words_here() -> None:
    """A new check comes with the sentence of its refusal."""
    assert {check.code for check in CHECKS} - OF_THE_FIRM == {case[0] for case in CASES}
