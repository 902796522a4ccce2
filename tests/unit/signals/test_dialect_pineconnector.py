"""PineConnector's grammar: every command, alias and parameter, and every rule of refusal."""

from decimal import Decimal
from typing import Any

import pytest

from bascule.model.enums import Direction, LevelUnit, OrdType, QtyUnit, Side
from bascule.model.intent import (
    Amount,
    BreakEven,
    CancelOrders,
    ClosePosition,
    Flatten,
    Level,
    ModifyProtection,
    PlaceOrder,
    Protection,
    StopTrading,
    TakeProfit,
    Trail,
)
from bascule.signals.profile import Profile
from tests.unit.signals import said
from tests.unit.signals.said import held, measure

D = Decimal
NAME = "pineconnector"
ID = "60123456789"
SET = Profile(
    volume=QtyUnit.LOTS, stop=LevelUnit.PIPS, target=LevelUnit.PIPS, trail=LevelUnit.PIPS,
    entry="price",
)  # fmt: skip


def command(rest: str) -> str:
    """Put the licence id in front."""
    return f"{ID},{rest}"


def read(rest: str) -> dict[str, Any]:
    """Read one command, pinned and found by itself: both must agree."""
    text = command(rest)
    pinned, alone = said.read(NAME, text), said.read("", text)
    assert pinned == alone
    assert said.found(text) == NAME
    return pinned


def opens(side: str, order_type: str = "market") -> dict[str, Any]:
    """Describe an entry."""
    effect = "long" if side == "buy" else "short"
    return {"intent": "open", "side": side, "order_type": order_type, "position_effect": effect}


def swaps(intent: str, side: str, closes: str) -> dict[str, Any]:
    """Describe a close that opens anew."""
    effect = "long" if side == "buy" else "short"
    return {"intent": intent, "side": side, "closes": closes, "position_effect": effect,
            "order_type": "market"}  # fmt: skip


def closes(held_side: str, side: str | None) -> dict[str, Any]:
    """Describe a close of everything on a side."""
    return {"intent": "close", "side": side, "closes": held_side, "qty": "all",
            "position_effect": "flat"}  # fmt: skip


ENTRIES: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("buy", "long", "bull", "bullish", "BUY", "Long"), opens("buy")),
    **dict.fromkeys(("sell", "short", "bear", "bearish", "SELL", "Bear"), opens("sell")),
    "closelongbuy": swaps("reopen", "buy", "long"),
    "closeshortsell": swaps("reopen", "sell", "short"),
    **dict.fromkeys(("closelongopenlong", "CL+OL"), swaps("reopen", "buy", "long")),
    **dict.fromkeys(("closelongopenshort", "CL+OS"), swaps("reverse", "sell", "long")),
    **dict.fromkeys(("closeshortopenlong", "CS+OL"), swaps("reverse", "buy", "short")),
    **dict.fromkeys(("closeshortopenshort", "cs+os"), swaps("reopen", "sell", "short")),
    **dict.fromkeys(("closelongshortopenlong", "CLS+OL"), swaps("reverse", "buy", "both")),
    **dict.fromkeys(("closelongshortopenshort", "CLS+OS"), swaps("reverse", "sell", "both")),
}
WORKING: dict[str, dict[str, Any]] = {
    "buystop": opens("buy", "stop"),
    "buylimit": opens("buy", "limit"),
    "sellstop": opens("sell", "stop"),
    "selllimit": opens("sell", "limit"),
    "cancellongbuystop": opens("buy", "stop") | {"intent": "replace_pending"},
    "cancellongbuylimit": opens("buy", "limit") | {"intent": "replace_pending"},
    "cancelshortsellstop": opens("sell", "stop") | {"intent": "replace_pending"},
    "cancelshortselllimit": opens("sell", "limit") | {"intent": "replace_pending"},
}
OTHERS: dict[str, dict[str, Any]] = {
    "closelong": closes("long", "sell"),
    "closeshort": closes("short", "buy"),
    "closelongshort": closes("both", None),
    "cancellong": {"intent": "cancel", "scope": "pending_long"},
    "cancelshort": {"intent": "cancel", "scope": "pending_short"},
    "breakeven": {"intent": "modify", "sl": "breakeven", "tp": None},
    "closeall": {"intent": "flatten_all", "position_effect": "flat", "control": None},
    "closealleaoff": {"intent": "flatten_all", "control": "halt"},
}


@pytest.mark.parametrize(("word", "expected"), ENTRIES.items(), ids=ENTRIES)
def test_entries(word: str, expected: dict[str, Any]) -> None:
    """Each alias opens its side with the size that is given, and is refused without one."""
    held(
        expected | {"symbol": "EURUSD", "volume": measure("0.5", "account_setting"), "qty": None},
        read(f"{word},EURUSD,risk=0.5"),
    )
    assert read(f"{word},EURUSD")["error"] == "missing_field"


@pytest.mark.parametrize(("word", "expected"), WORKING.items(), ids=WORKING)
def test_working_orders(word: str, expected: dict[str, Any]) -> None:
    """A price makes the limit or the stop; a bare one waits for the profile; none is refused."""
    price = "limit" if expected["order_type"] == "limit" else "stop"
    other = "stop" if price == "limit" else "limit"
    held(
        expected | {price: 1.2345, other: None, "entry": None},
        read(f"{word},EURUSD,entry_price=1.2345,vol_lots=1"),
    )
    bare = {"entry": measure("15", "account_setting"), "limit": None, "stop": None}
    held(expected | bare, read(f"{word},EURUSD,price=15,risk=1"))
    pips = {"entry": measure("15", "pips"), "limit": None, "stop": None}
    held(expected | pips, read(f"{word},EURUSD,entry_pips=15,risk=1"))
    assert read(f"{word},EURUSD,risk=1")["error"] == "missing_field"
    assert read(f"{word},EURUSD,price=0,risk=1")["error"] == "missing_field"
    assert read(f"{word},EURUSD,price=1.2")["error"] == "missing_field"
    assert read(f"{word},EURUSD,price=1.2,entry_pips=3,risk=1")["error"] == "conflict"


@pytest.mark.parametrize(("word", "expected"), OTHERS.items(), ids=OTHERS)
def test_closes_cancels_and_controls(word: str, expected: dict[str, Any]) -> None:
    """None of them has a size of its own to invent."""
    held(expected | {"volume": None, "risk": None}, read(f"{word},EURUSD"))


@pytest.mark.parametrize(
    "target", ["long", "short", "buystop", "buylimit", "sellstop", "selllimit"]
)
def test_new_stops_and_targets(target: str) -> None:
    """A change names what it is about and needs a stop or a target."""
    changed = {"intent": "modify", "target": target, "side": None, "qty": None}
    got = read(f"newsltp{target},EURUSD,sl=20,tp_price=1.5")
    held(changed | {"sl": measure("20", "account_setting"), "tp": measure("1.5", "price")}, got)
    held(changed | {"sl": measure("9", "pips"), "tp": None},
         read(f"newsltp{target},EURUSD,sl_pips=9"))  # fmt: skip
    for missing in ("", ",comment=x", ",spread=1", ",betrigger=5"):
        assert read(f"newsltp{target},EURUSD{missing}")["error"] == "missing_field"
    assert read(f"newsltp{target},EURUSD,sl=0")["error"] == "bad_number"
    assert read(f"newsltp{target},EURUSD,sl=NaN")["error"] == "bad_number"


@pytest.mark.parametrize(("held_side", "side"), [("long", "sell"), ("short", "buy")])
def test_partial_closes(held_side: str, side: str) -> None:
    """A share of the position, or lots; what nothing says stays unsaid."""
    part = {"intent": "reduce", "side": side, "closes": held_side, "position_effect": "reduce"}
    percent = {"qty": measure("25", "percent_of_position"), "volume": None}
    held(part | percent, read(f"close{held_side}pct,EURUSD,partial_close_pct=25"))
    held(part | percent, read(f"close{held_side}pct,EURUSD,risk=25"))
    held(part | {"qty": None, "volume": None}, read(f"close{held_side}pct,EURUSD"))
    lots = {"qty": None, "volume": measure("0.05", "lots")}
    held(part | lots, read(f"close{held_side}vol,EURUSD,risk=0.05"))
    held(part | lots, read(f"close{held_side}vol,EURUSD,vol_lots=0.05"))
    assert read(f"close{held_side}vol,EURUSD")["error"] == "missing_field"
    assert read(f"close{held_side}vol,EURUSD,vol_dollar=5")["error"] == "missing_field"
    assert read(f"close{held_side}pct,EURUSD,partial_close_pct=101")["error"] == "bad_number"
    assert read(f"close{held_side}pct,EURUSD,vol_lots=1")["error"] == "conflict"
    assert read(f"close{held_side},EURUSD,partial_close_pct=50")["error"] == "conflict"
    assert read(f"close{held_side},EURUSD,vol_lots=1")["error"] == "conflict"


PARAMETERS: dict[str, dict[str, Any]] = {
    "risk=1": {"volume": measure("1", "account_setting"), "risk": None},
    "vol_lots=0.02": {"volume": measure("0.02", "lots")},
    "vol_dollar=50,sl_pips=20": {"risk": measure("50", "amount"), "volume": None},
    "vol_pct_bal_loss=1,sl_pips=20": {"risk": measure("1", "percent_balance"), "volume": None},
    "vol_pct_eq_loss=1,sl_pips=20": {"risk": measure("1", "percent_equity"), "volume": None},
    "vol_pct_bal_margin=5": {"volume": measure("5", "percent_of_balance_margin")},
    "risk=1,sl=20,tp=40": {"sl": measure("20", "account_setting"),
                           "tp": measure("40", "account_setting")},
    "risk=1,sl_pips=20,tp_pips=40": {"sl": measure("20", "pips"), "tp": measure("40", "pips")},
    "risk=1,sl_price=1.1,tp_price=1.3": {"sl": measure("1.1", "price"),
                                         "tp": measure("1.3", "price")},
    "risk=1,sl_pct=1.5,tp_pct=3": {"sl": measure("1.5", "percent"), "tp": measure("3", "percent")},
    "risk=1,sl=2%": {"sl": measure("2", "percent")},
    "risk=1,sl=0,tp=": {"error": "malformed_command"},
    "risk=1,sl=0": {"sl": None},
    "risk=1,betrigger=10,beoffset=1": {"breakeven": {"trigger": 10, "offset": 1}},
    "risk=1,betrigger=10": {"breakeven": {"trigger": 10}},
    "risk=1,trailtrig=25,traildist=15,trailstep=5": {
        "trail": {"trigger": 25, "distance": 15, "step": 5}},
    "risk=1,traildist=15": {"trail": {"distance": 15}},
    "risk=1,atrtimeframe=60,atrperiod=14,atrmultiplier=2,atrshift=1,atrtrigger=10": {
        "trail": {"trigger": 10, "atr_timeframe": 60, "atr_period": 14, "atr_multiplier": 2,
                  "atr_shift": 1}},
    "risk=1,spread=2.5": {"max_spread_pips": 2.5},
    "risk=1,comment=a=b#c": {"comment": "a=b#c"},
    'risk=1,comment="one, two"': {"comment": "one, two"},
    "risk=1,comment=": {"comment": None},
    "risk=1,secret=S": {"auth": "body_secret"},
    " risk = 1 , SL_PIPS = 20 ": {"volume": measure("1", "account_setting"),
                                  "sl": measure("20", "pips")},
}  # fmt: skip


@pytest.mark.parametrize(("fields", "expected"), PARAMETERS.items(), ids=PARAMETERS)
def test_parameters(fields: str, expected: dict[str, Any]) -> None:
    """A key that names its unit has it; a bare one has the account's, whatever that is."""
    held(expected, read(f"buy,EURUSD,{fields}"))


REFUSED: dict[str, str] = {
    "hold,EURUSD,risk=1": "invalid_action",
    "closebuy,EURUSD": "invalid_action",
    "buy,EURUSD,risk=1,lots=1": "unknown_field",
    "buy,EURUSD,risk=1,stop=20": "unknown_field",
    "buy,EURUSD,risk=1,vol_lots=1": "conflict",
    "buy,EURUSD,risk=1,risk=1": "conflict",
    "buy,EURUSD,risk=1,sl=1,sl_price=1": "conflict",
    "buy,EURUSD,risk=1,tp=1,tp_pips=1": "conflict",
    "buy,EURUSD,vol_dollar=50": "missing_field",
    "buy,EURUSD,vol_pct_bal_loss=1": "missing_field",
    "buy,EURUSD,vol_dollar=50,sl=0": "missing_field",
    "buy,EURUSD,risk=1,price=1.2": "conflict",
    "buy,EURUSD,risk=1,partial_close_pct=5": "conflict",
    "buy,EURUSD,partial_close_pct=5": "missing_field",
    "buy,EURUSD,risk=0": "bad_number",
    "buy,EURUSD,risk=-1": "bad_number",
    "buy,EURUSD,risk=+1": "bad_number",
    "buy,EURUSD,risk=1_0": "bad_number",
    "buy,EURUSD,risk=one": "bad_number",
    "buy,EURUSD,risk=NaN": "bad_number",
    "buy,EURUSD,risk=1,sl=-5": "bad_number",
    "buy,EURUSD,risk=1,sl_pips=2%": "bad_number",
    "buy,EURUSD,vol_pct_bal_margin=101": "bad_number",
    "buy,EURUSD,risk={{strategy.order.contracts}}": "unresolved_placeholder",
    "buy,EURUSD,risk=1,sl={{plot_0}}": "unresolved_placeholder",
    "buy,{{ticker}},risk=1": "unresolved_placeholder",
    "buy,EURUSD,risk=1,sl": "malformed_command",
    "buy,EURUSD,risk=1,=5": "malformed_command",
    "buy,EURUSD,risk=1,,sl=5": "malformed_command",
    "buy,EURUSD,risk=1,": "malformed_command",
    "buy,EURUSD,risk=": "malformed_command",
    "buy,EURUSD,risk=1,sl=1,0850": "malformed_command",
    "buy,EURUSD,0.1,1.2,1.3,auto": "malformed_command",
    'buy,EURUSD,risk=1,comment="open': "malformed_command",
    'buy,EURUSD,risk=1,comment="a"b': "malformed_command",
    "buy,sell,EURUSD,risk=1": "malformed_command",
    "buy,risk=1": "missing_field",
    "buy,,risk=1": "missing_field",
    "buy,EUR USD,risk=1": "malformed_command",
    "buy,123,risk=1": "malformed_command",
    "buy": "missing_field",
    f"{ID},buy,EURUSD,risk=1": "malformed_command",
    "eaoff,EURUSD": "malformed_command",
    "buylimit,EURUSD,risk=1,entry_price=1.08,sl_price=1.09": "conflict",
    "buylimit,EURUSD,risk=1,entry_price=1.08,tp_price=1.07": "conflict",
    "selllimit,EURUSD,risk=1,entry_price=1.08,sl_price=1.07": "conflict",
    "breakeven,EURUSD,sl=5": "conflict",
    "buy,EURUSD,risk=1,beoffset=5": "missing_field",
    "buy,EURUSD,risk=1,trailstep=5": "missing_field",
    "buy,EURUSD,risk=1,atrperiod=14": "missing_field",
    "buy,EURUSD,risk=1,atrtimeframe=60": "missing_field",
    "buy,EURUSD,risk=1,traildist=5,atrtimeframe=60,atrperiod=14": "conflict",
}


@pytest.mark.parametrize(("rest", "error"), REFUSED.items(), ids=REFUSED)
def test_refused(rest: str, error: str) -> None:
    """Nothing that is missing, doubled, unknown or out of place is guessed at."""
    assert said.read(NAME, command(rest))["error"] == error
    assert "error" in said.read("", command(rest))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "empty_body"),
        (" \r\n\0", "empty_body"),
        (ID, "malformed_command"),
        (f"buy,{ID},EURUSD", "malformed_command"),
        (f"{ID};buy;EURUSD;risk=1", "malformed_command"),
        (f"{ID} buy EURUSD risk=1", "malformed_command"),
        (",buy,EURUSD,risk=1", "unauthenticated"),
        ("{{license}},buy,EURUSD,risk=1", "malformed_command"),
        (f"{ID},buy,EURUSD,risk=1,secret=", "unauthenticated"),
        (f"{ID},buy,EURUSD,risk=1;{ID},sell,EURUSD,risk=1", "malformed_command"),
        ("\n".join([f"{ID},closelong,EURUSD"] * 21), "malformed_command"),
        (f"{ID},buy,EURUSD,risk=1,{','.join(f'k{n}=1' for n in range(70))}", "unknown_field"),
    ],
)
def test_what_is_no_command(text: str, error: str) -> None:
    """Exactly one licence id, one command, one symbol, in this order."""
    assert said.read(NAME, text)["error"] == error
    assert "error" in said.read("", text)


def test_the_controls_repeat_themselves_in_the_place_of_the_symbol() -> None:
    """They are about the terminal, not about a symbol."""
    held({"intent": "control", "control": "halt", "symbol": None}, read("eaoff,eaoff"))
    held({"intent": "control", "control": "resume"}, read("EAON,eaon"))
    held({"intent": "flatten_all", "control": "halt"}, read("closealleaoff,closealleaoff"))


def test_two_lines_are_a_batch_in_their_order() -> None:
    """As public scripts send them; a bad second line refuses both."""
    first, second = command("closelong,EURUSD"), command("sell,EURUSD,risk=1,sl=20")
    got = said.read("", f"{first}\n{second}\r\n")
    assert [leg["intent"] for leg in said.legs(got)] == ["close", "open"]
    assert said.legs(got)[1]["side"] == "sell"
    assert said.read(NAME, f"{first}\n{command('sel,EURUSD,risk=1')}")["error"] == "invalid_action"
    other = "70123456789,sell,EURUSD,risk=1"
    assert said.read(NAME, f"{first}\n{other}")["error"] == "conflict"


def test_a_line_that_ends_with_a_comma_goes_on_in_the_next() -> None:
    """A long alert is broken where its author liked."""
    got = read("buy,XAUUSD,vol_lots=0.03,sl_pips=150,\n tp_pips=54,\ncomment=0.03#sl=150")
    expected = {"sl": measure("150", "pips"), "tp": measure("54", "pips"), "comment": "0.03#sl=150"}
    held({"volume": measure("0.03", "lots")} | expected, got)


@pytest.mark.parametrize(
    "rest",
    ["buy,EURUSD,risk=1", "buy,EURUSD,vol_lots=1,sl=5", "buy,EURUSD,vol_lots=1,tp=5",
     "buylimit,EURUSD,vol_lots=1,price=5", "newsltplong,EURUSD,sl=5"],
)  # fmt: skip
def test_a_bare_number_is_refused_until_the_profile_says_its_unit(rest: str) -> None:
    """The account of the sender decides it, and only the user knows the account."""
    assert said.becomes(NAME, command(rest)) == "unit_not_set"
    assert not isinstance(said.becomes(NAME, command(rest), SET), str)


def test_an_entry_with_everything() -> None:
    """Size, stop, target, trailing and break-even arrive, each in its unit."""
    text = command(
        "sell,EURUSD,risk=0.5,sl=20,tp_price=1.05,betrigger=10,beoffset=1,traildist=15,"
        "trailtrig=25,trailstep=5,comment=swing"
    )

    def pips(value: int) -> Level:
        return Level(D(value), LevelUnit.PIPS)

    assert said.one(NAME, text, SET) == PlaceOrder(
        symbol="EURUSD", label="swing", side=Side.SELL, quantity=Amount(D("0.5"), QtyUnit.LOTS),
        protection=Protection(
            pips(20), (TakeProfit(Level(D("1.05"), LevelUnit.PRICE)),),
            Trail(pips(15), pips(25), pips(5)), BreakEven(pips(10), pips(1)),
        ),
    )  # fmt: skip


MAPPED: list[tuple[str, Any]] = [
    ("buy,X,vol_dollar=50,sl_pips=20", PlaceOrder(
        symbol="X", side=Side.BUY, quantity=Amount(D(50), QtyUnit.RISK_CURRENCY),
        protection=Protection(Level(D(20), LevelUnit.PIPS)))),
    ("sellstop,X,vol_lots=1,entry_price=5", PlaceOrder(
        symbol="X", side=Side.SELL, quantity=Amount(D(1), QtyUnit.LOTS), ord_type=OrdType.STOP,
        stop_price=D(5))),
    ("closelong,X", ClosePosition(symbol="X", held=Direction.LONG)),
    ("closelongshort,X", ClosePosition(symbol="X")),
    ("closeshortpct,X,partial_close_pct=50", ClosePosition(
        symbol="X", held=Direction.SHORT, fraction=D("0.5"))),
    ("closelongvol,X,risk=0.1", ClosePosition(
        symbol="X", held=Direction.LONG, quantity=Amount(D("0.1"), QtyUnit.LOTS))),
    ("cancelshort,X", CancelOrders(symbol="X", side=Side.SELL)),
    ("newsltpshort,X,tp_pips=30", ModifyProtection(
        symbol="X", held=Direction.SHORT,
        protection=Protection(take_profits=(TakeProfit(Level(D(30), LevelUnit.PIPS)),)))),
    ("closeall,X", Flatten()),
    ("eaoff,eaoff", StopTrading()),
    ("eaon,eaon", "arm_not_remote"),
    ("closelongpct,X", "missing_quantity"),
    ("newsltpbuystop,X,sl_pips=5", "unsupported_field"),
    ("buy,X,vol_lots=1,accfilter=500", "unsupported_field"),
    ("buy,X,vol_lots=1,atrtimeframe=60,atrperiod=14", "unsupported_unit"),
    ("buy,X,vol_pct_bal_margin=5", "unsupported_unit"),
    ("buystop,X,vol_lots=1,entry_pips=5", "unsupported_unit"),
    ("buy,X,vol_lots=1,sl=NaN", "stop_unreadable"),
]  # fmt: skip


@pytest.mark.parametrize(("rest", "expected"), MAPPED, ids=[rest for rest, _ in MAPPED])
def test_what_commands_become(rest: str, expected: Any) -> None:
    """Each is the intent that says the same, or is refused when Bascule has none."""
    assert said.one(NAME, command(rest)) == expected


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("CL+OL,X,vol_lots=1", ["ClosePosition", "PlaceOrder"]),
        ("CLS+OS,X,vol_lots=1", ["ClosePosition", "PlaceOrder"]),
        ("cancellongbuystop,X,vol_lots=1,entry_price=5", ["CancelOrders", "PlaceOrder"]),
        ("closealleaoff,X", ["StopTrading", "Flatten"]),
    ],
)
def test_commands_that_are_two_intents(rest: str, expected: list[str]) -> None:
    """What is closed, cancelled or stopped comes before what opens."""
    assert said.kinds(said.becomes(NAME, command(rest))) == expected


def test_a_swap_closes_only_the_side_that_it_names() -> None:
    """``CS+OL`` takes back a short and nothing else."""
    swap = said.becomes(NAME, command("CS+OL,X,vol_lots=1"))
    assert swap[0] == ClosePosition(symbol="X", held=Direction.SHORT)
