"""What a client's FIX messages mean: every word that is mapped, and every one that is refused."""

from decimal import Decimal

import pytest

from bascule.fix.message import Message
from bascule.model.enums import LevelUnit, OrdType, QtyUnit, Side, TimeInForce
from bascule.model.intent import CancelOrders, ModifyOrder, PlaceOrder, Signal
from bascule.model.values import SECOND, Instant
from bascule.signals.intake.fix_words import Client, raw_of, signal_of, terms_of

NOW = Instant(1_795_000_000 * SECOND)
CLIENT = Client(source="desk", strategy="es", accounts=frozenset({"one"}))
AT = b"20261121-10:00:00.000"


def order(**changes: bytes | None) -> Message:
    """A limit order for one lot, with fields (``t44``) changed or, by None, left out."""
    fields: dict[int, bytes | None] = {
        11: b"a1", 21: b"1", 38: b"1", 40: b"2", 44: b"1.10", 54: b"1", 55: b"EURUSD",
        59: b"1", 60: AT,
    }  # fmt: skip
    fields |= {int(tag[1:]): value for tag, value in changes.items()}
    return Message(b"D", [(tag, value) for tag, value in fields.items() if value is not None])


def read(message: Message, root: str = "a1") -> Signal:
    """Read a message of our client."""
    return signal_of(message, CLIENT, root, NOW)


def placed(**changes: bytes | None) -> PlaceOrder:
    """Read an order that must be one."""
    (intent,) = read(order(**changes)).intents
    assert isinstance(intent, PlaceOrder)
    return intent


def test_an_order_becomes_one_intent_under_its_cl_ord_id() -> None:
    """Symbol, side, quantity, type, price, life, label, key and time are the client's."""
    signal = read(order())
    assert signal.key == "desk/fix/a1"
    assert signal.strategy == "es"
    assert signal.fired_at == 1_795_255_200 * SECOND
    assert placed() == PlaceOrder(
        symbol="EURUSD",
        label="desk/a1",
        side=Side.BUY,
        quantity=placed().quantity,
        ord_type=OrdType.LIMIT,
        price=Decimal("1.10"),
        time_in_force=TimeInForce.GTC,
    )
    amount = placed().quantity
    assert amount is not None
    assert (amount.value, amount.unit) == (Decimal(1), QtyUnit.UNITS)


@pytest.mark.parametrize(("code", "side"), [(b"1", Side.BUY), (b"2", Side.SELL), (b"5", Side.SELL)])
def test_sides(code: bytes, side: Side) -> None:
    """A short sale is a sale."""
    assert placed(t54=code).side is side


@pytest.mark.parametrize(
    ("code", "life"),
    [
        (None, TimeInForce.DAY),
        (b"0", TimeInForce.DAY),
        (b"1", TimeInForce.GTC),
        (b"3", TimeInForce.IOC),
        (b"4", TimeInForce.FOK),
    ],
)
def test_an_order_without_a_life_is_for_the_day(code: bytes | None, life: TimeInForce) -> None:
    """That is FIX's own default, and the engine's is not asked."""
    assert placed(t59=code).time_in_force is life


def test_prices_go_with_their_types() -> None:
    """A market order has none, a stop its trigger, a stop limit both."""
    market = placed(t40=b"1", t44=b"9")
    stop = placed(t40=b"3", t44=None, t99=b"1.2")
    both = placed(t40=b"4", t99=b"1.2")
    assert (market.price, market.stop_price) == (None, None)
    assert (stop.price, stop.stop_price) == (None, Decimal("1.2"))
    assert (both.price, both.stop_price) == (Decimal("1.10"), Decimal("1.2"))


def test_brackets_come_as_prices_or_distances() -> None:
    """Our own fields 9701 to 9704 carry them."""
    prices = placed(t9701=b"1.05", t9702=b"1.2").protection
    far = placed(t9703=b"0.01").protection
    assert prices is not None and prices.stop_loss is not None and far is not None
    assert prices.stop_loss.value == Decimal("1.05")
    assert [target.level.value for target in prices.take_profits] == [Decimal("1.2")]
    assert far.stop_loss is not None
    assert far.stop_loss.unit is LevelUnit.DISTANCE
    assert far.take_profits == ()


def test_a_close_can_open_nothing() -> None:
    """PositionEffect C, and ExecInst E, make it reduce only."""
    assert placed(t77=b"C").reduce_only
    assert placed(t18=b"E").reduce_only
    assert not placed(t18=b"1").reduce_only


def test_a_future_is_named_by_its_month() -> None:
    """ES with 200=202612 is ESZ2026; a symbol that names its contract is taken as it is."""
    assert placed(t55=b"ES", t167=b"FUT", t200=b"202612").symbol == "ESZ2026"
    assert placed(t55=b"ES", t167=b"FUT", t200=b"202612w3").symbol == "ESZ2026"
    assert placed(t55=b"ESZ6", t200=b"202612").symbol == "ESZ6"
    assert placed(t55=b"ESZ6", t167=b"FUT").symbol == "ESZ6"


@pytest.mark.parametrize(
    "fields",
    [
        {"t167": b"FUT", "t200": b"202613"},
        {"t167": b"FUT", "t200": b"2026xx"},
        {"t167": b"FUT", "t200": "20261²".encode()},
        {"t200": b"202703"},
        {"t167": b"OPT", "t200": b"202612", "t201": b"1", "t202": b"6000"},
        {"t167": b"MLEG"},
    ],
)
def test_another_contract_than_the_one_that_was_named_is_not_traded(
    fields: dict[str, bytes],
) -> None:
    """ES alone is the front month, and nobody who writes a month or a strike means that."""
    assert read(order(t55=b"ES", **fields)).refused_code == "unsupported_term"


def test_an_amount_of_money_is_one() -> None:
    """CashOrderQty is in the quote currency."""
    amount = placed(t38=None, t152=b"5000").quantity
    assert amount is not None
    assert amount.unit is QtyUnit.CURRENCY


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"t54": b"8"}, "unsupported_term"),
        ({"t40": b"P"}, "unsupported_term"),
        ({"t59": b"7"}, "unsupported_term"),
        ({"t18": b"G"}, "unsupported_term"),
        ({"t110": b"5"}, "unsupported_term"),
        ({"t38": None}, "missing_field"),
        ({"t38": b"0"}, "missing_field"),
        ({"t38": b"-1"}, "missing_field"),
        ({"t44": None}, "missing_field"),
        ({"t59": b"6"}, "missing_field"),
        ({"t38": b"1e3"}, "bad_number"),
        ({"t38": b"9" * 40}, "bad_number"),
        ({"t44": b"1." + b"3" * 40}, "bad_number"),
        ({"t9701": b"0"}, "bad_number"),
        ({"t9703": b"-1"}, "bad_number"),
        ({"t60": b"soon"}, "bad_number"),
        ({"t11": b"a|b"}, "bad_cl_ord_id"),
        ({"t11": b"x" * 65}, "bad_cl_ord_id"),
        ({"t1": b"two"}, "unknown_account"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(changes: dict[str, bytes], code: str) -> None:
    """Nothing of an order that asks for more than Bascule does is placed."""
    signal = read(order(**changes))
    assert signal.refused_code == code
    assert signal.intents == ()


def test_a_resend_is_the_same_message_and_another_order_is_not() -> None:
    """TransactTime may differ; price may not."""
    first = read(order())
    assert read(order(t60=b"20261121-11:00:00.000")).body_hash == first.body_hash
    assert read(order(t44=b"1.2")).body_hash != first.body_hash


@pytest.mark.parametrize(
    ("ord_type", "price", "stop"), [(b"1", 0, 0), (b"2", 1, 0), (b"3", 0, 1), (b"4", 1, 1)]
)
def test_a_replace_takes_the_prices_that_its_type_has(
    ord_type: bytes, price: int, stop: int
) -> None:
    """Clients restate every tag, a limit of zero for a stop order too."""
    named = [(11, b"a3"), (38, b"2"), (41, b"a2"), (54, b"1"), (55, b"EURUSD"), (60, AT)]
    (modify,) = read(Message(b"G", [*named, (40, ord_type), (44, b"1.3"), (99, b"1.4")])).intents
    assert isinstance(modify, ModifyOrder)
    assert (modify.price, modify.stop_price) == (
        Decimal("1.3") if price else None, Decimal("1.4") if stop else None
    )  # fmt: skip


def test_cancel_and_replace_name_the_first_cl_ord_id() -> None:
    """Whatever the order is called by now, the engine knows it by its first name."""
    named = [(11, b"a3"), (38, b"2"), (41, b"a2"), (54, b"1"), (55, b"EURUSD"), (60, AT)]
    cancel = read(Message(b"F", list(named)))
    change = read(Message(b"G", [*named, (40, b"2"), (44, b"1.3")]))
    assert cancel.intents == (CancelOrders(label="desk/a1", exits=True),)
    assert cancel.fired_at is None
    (modify,) = change.intents
    assert isinstance(modify, ModifyOrder)
    assert (modify.label, modify.symbol, modify.price) == ("desk/a1", "EURUSD", Decimal("1.3"))


@pytest.mark.parametrize("said", [(44, b"0"), (44, b"-1"), (99, b"-1"), (38, b"9" * 40)])
def test_a_replace_to_no_price_changes_nothing(said: tuple[int, bytes]) -> None:
    """No order is ever given a price that is not above zero, or a number beyond all sums."""
    refused = read(Message(b"G", [(11, b"a2"), (41, b"a1"), (55, b"EURUSD"), (60, AT), said]))
    assert refused.refused_code == "bad_number"
    assert refused.intents == ()


def test_a_replace_that_names_a_stop_loss_is_refused() -> None:
    """It would be told as replaced, and the stop would stand where it stood."""
    moved = (9701, b"1.09")
    refused = read(Message(b"G", [(11, b"a2"), (41, b"a1"), (55, b"EURUSD"), (60, AT), moved]))
    assert (refused.refused_code, refused.intents) == ("unsupported_term", ())


def test_a_cancel_of_nothing_named_cancels_nothing() -> None:
    """Without a label a cancel would take every order of the strategy back."""
    assert read(Message(b"F", [(11, b"a3"), (54, b"1")]), "").refused_code == "missing_field"


def test_what_is_journaled_holds_no_secret_and_reads_back() -> None:
    """Passwords and the session's own fields are left out; a bar in a text forges no field."""
    raw = raw_of(order(t554=b"hunter22", t58=b"x|11=forged", t49=b"ME"))
    assert "hunter22" not in raw and "49=" not in raw
    assert terms_of(raw)[11] == "a1"
    assert terms_of(raw_of(order(t11=None, t58=b"x|11=forged"))).get(11) is None
