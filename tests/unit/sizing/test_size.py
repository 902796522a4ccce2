from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bascule.model.enums import InstrumentKind, Side
from bascule.model.ids import Symbol, VenueSymbol
from bascule.model.instrument import Listing
from bascule.model.values import Currency
from bascule.sizing import CODES, MarginRule, Sized, SizeRefused, SizingCase, basis_amount, size
from bascule.sizing.atr import Bar, atr_stop, average_true_range, next_atr, true_range
from bascule.sizing.shares import PhaseTable, phase_multiplier, share_by_room
from bascule.sizing.size import excess_after_fill

D = Decimal


def listing(
    kind: InstrumentKind = InstrumentKind.FX,
    tick: str = "0.00001",
    multiplier: str = "100000",
    step: str = "0.01",
    pip: str = "0",
) -> Listing:
    """Make a symbol record."""
    return Listing(
        symbol=Symbol("X"),
        venue_symbol=VenueSymbol("X"),
        kind=kind,
        quote=Currency("USD"),
        tick_size=D(tick),
        multiplier=D(multiplier),
        lot_step=D(step),
        min_qty=D(step),
        max_qty=D(1000),
        pip_size=D(pip),
    )


FX = listing(pip="0.0001")
FUTURE = InstrumentKind.FUTURE
CFD = InstrumentKind.CFD


def case(record: Listing, entry: str, stop: str | None, cash: str, **more: object) -> SizingCase:
    """Make a case on the side that the stop implies."""
    side = Side.SELL if stop is not None and D(stop) > D(entry) else Side.BUY
    plain = SizingCase(
        listing=record,
        side=side,
        entry=D(entry),
        stop=None if stop is None else D(stop),
        equity=D(100_000),
        cash=D(cash),
        quote_to_account=D(1),
    )
    return replace(plain, **more)


YEN = D(1) / D("155.20")
EXAMPLES = [
    (case(FX, "1.0850", "1.0822", "450", commission=D(6)), "1.57", "449.02"),
    (case(listing(tick="0.001"), "155.20", "154.75", "400", quote_to_account=YEN), "1.37", None),
    (
        case(listing(tick="0.001"), "168", "167.38", "300", quote_to_account=1 / D(168)),
        "0.81",
        None,
    ),
    (case(listing(CFD, "0.01", "100"), "2400", "2391.6", "125"), "0.14", "117.6"),
    (case(listing(CFD, "0.1", "1", "0.1"), "20000", "20065", "400"), "6.1", "396.5"),
    (
        case(listing(CFD, "0.1", "1", "0.1"), "18000", "17955", "300", quote_to_account=D("1.09")),
        "6.1",
        None,
    ),
    (
        case(listing(FUTURE, "0.25", "2", "1"), "18000", "17978", "400", commission=D("1.24")),
        "8",
        "361.92",
    ),
    (case(listing(FUTURE, "0.015625", "1000", "1"), "110", "109.8125", "500"), "2", "375"),
    (case(listing(CFD, "0.01", "1"), "60000", "59100", "100"), "0.11", "99"),
    (case(listing(tick="0.0001"), "1.0850", "1.0787", "500"), "0.79", "497.7"),
]


@pytest.mark.parametrize(("asked", "lots", "risk"), EXAMPLES)
def test_worked_examples(asked: SizingCase, lots: str, risk: str | None) -> None:
    """Published examples of FX, metals, index and coin CFDs and futures, to the lot."""
    sized = size(asked)
    assert isinstance(sized, Sized)
    assert sized.lots == D(lots)
    assert risk is None or sized.risk_actual == D(risk)


def test_words_tell_the_arithmetic() -> None:
    """A person can redo the size from its sentence."""
    sized = size(
        case(FX, "1.0850", "1.0822", "300", commission=D(6), budget_words="0.5% of 60,000")
    )
    assert isinstance(sized, Sized)
    assert sized.words == (
        "0.5% of 60,000; 28 pips x 10 + 6 = 286 a lot; 1.04 lots, rounded down from 1.0489"
    )
    small = replace(FX, max_qty=D(1))
    held = size(case(small, "1.0850", "1.0822", "300", commission=D(6)))
    assert isinstance(held, Sized)
    assert held.words.endswith("1 lot, cut to the maximum from 1.0489")
    future = case(
        listing(FUTURE, "0.25", "2", "1"), "100", "99", "2", slippage=D("0.25"), phase=D("2")
    )
    assert size(future).words == (  # type: ignore[union-attr]
        "risk 2.00 x 2 for the phase; (4 + 1 slippage) ticks x 0.5 = 2.5 a contract; "
        "1 contract, rounded down from 1.6"
    )


def test_a_contract_too_large_is_refused_with_its_numbers() -> None:
    """NQ at 22 points loses 440 where 400 may be lost: refused, never lifted to one contract."""
    refused = size(case(listing(FUTURE, "0.25", "20", "1"), "18000", "17978", "400"))
    assert isinstance(refused, SizeRefused)
    assert refused.code == "below_min_lot"
    assert refused.raw == D(400) / D(440)
    assert "400.00" in refused.text
    assert "1 contract" in refused.text


def test_an_off_tick_stop_goes_away_from_the_entry_before_measuring() -> None:
    """A stop between ticks makes the size smaller, on either side."""
    mes = listing(FUTURE, "0.25", "5", "1")
    long = size(case(mes, "5300", "5286.875", "500"))
    short = size(case(mes, "5300", "5313.125", "500"))
    assert isinstance(long, Sized)
    assert isinstance(short, Sized)
    assert (long.stop, long.loss_per_lot) == (D("5286.75"), D("66.25"))
    assert (short.stop, short.loss_per_lot) == (D("5313.25"), D("66.25"))


def test_the_side_of_a_stop_is_judged_before_rounding() -> None:
    """A stop above a long's entry does not become valid by rounding it down past the entry."""
    refused = size(
        replace(case(listing(FUTURE, "1", "5", "1"), "100.2", "99", "500"), stop=D("100.5"))
    )
    assert isinstance(refused, SizeRefused)
    assert refused.code == "stop_wrong_side"


def test_default_caps_leave_room_for_more_than_one_trade() -> None:
    """One trade may use a quarter of the day's room and a tenth of the room to the floor."""
    day = size(case(FX, "1.0850", "1.0830", "1000", daily_remaining=D(1000)))
    floor = size(case(FX, "1.0850", "1.0830", "1000", max_loss_remaining=D(1000)))
    assert isinstance(day, Sized)
    assert isinstance(floor, Sized)
    assert (day.risk_cash, floor.risk_cash) == (D(250), D(100))
    assert "capped at 100.00 by 10% of the room to the floor" in floor.words


def test_margin_by_base_rate_price_and_contract() -> None:
    """FX margin follows the base currency's rate, others the price, futures a sum each."""
    rule = MarginRule(leverage=D(30))
    fx = size(
        case(
            FX,
            "1.0850",
            "1.0840",
            "200",
            margin=rule,
            free_margin=D(9000),
            base_to_account=D("1.085"),
        )
    )
    assert isinstance(fx, Sized)
    assert fx.lots == 2
    assert fx.margin is not None
    assert round(fx.margin, 2) == D("7233.33")
    mes = case(
        listing(FUTURE, "0.25", "5", "1"),
        "5300",
        "5295",
        "500",
        margin=MarginRule(per_contract=D(200), on_shortfall="shrink"),
        free_margin=D(3000),
    )
    shrunk = size(mes)
    assert isinstance(shrunk, Sized)
    assert (shrunk.lots, shrunk.margin, shrunk.risk_actual) == (D(15), D(3000), D(375))


MONEY = st.decimals("1", "100000", places=2)
DISTANCES = st.integers(1, 5_000)
STEPS = st.sampled_from(["0.01", "0.1", "1", "0.001"])


@given(cash=MONEY, ticks=DISTANCES, step=STEPS, commission=st.decimals("0", "20", places=2))
def test_the_risk_is_never_exceeded(
    cash: Decimal, ticks: int, step: str, commission: Decimal
) -> None:
    """What is lost at the stop is within the cash, and one step more would not be."""
    record = listing(step=step)
    asked = case(record, "2", str(2 - D(ticks) * D("0.00001")), str(cash), commission=commission)
    found = size(asked)
    if isinstance(found, SizeRefused):
        assert found.code == "below_min_lot"
        assert found.raw is not None
        assert found.raw < record.min_qty
        return
    assert found.risk_actual is not None
    assert found.loss_per_lot is not None
    assert found.risk_actual <= cash
    assert found.lots % record.lot_step == 0
    if found.lots < record.max_qty:
        assert (found.lots + record.lot_step) * found.loss_per_lot > cash


def test_after_a_worse_fill_the_excess_comes_off() -> None:
    """A fill further from the stop than sized for takes lots off, beyond a tolerance."""
    asked = case(FX, "1.0850", "1.0830", "400")
    sized = size(asked)
    assert isinstance(sized, Sized)
    assert excess_after_fill(sized, asked, D("1.0850")) == 0
    assert excess_after_fill(sized, asked, D("1.0855")) == D("0.40")
    assert excess_after_fill(sized, asked, D("1.0855"), D("0.3")) == 0
    assert excess_after_fill(Sized(D(1), "", D(1)), asked, D(2)) == 0


def test_basis() -> None:
    """Each basis is its own amount; the lower of balance and equity is the default's meaning."""
    given_money = {"balance": D(100), "equity": D(90), "initial": D(120), "room": D(10)}
    names = ("initial", "balance", "equity", "lower", "room")
    amounts = [basis_amount(name, **given_money) for name in names]  # type: ignore[arg-type]
    assert amounts == [D(120), D(100), D(90), D(90), D(10)]
    assert basis_amount("initial", balance=D(1), equity=D(1)) is None


def test_atr() -> None:
    """True range reaches to the previous close; Wilder's mean carries on from a plain mean."""
    bar = Bar(D(12), D(11), D("11.5"))
    assert true_range(bar, None) == 1
    assert true_range(bar, D(10)) == 2
    assert true_range(bar, D(14)) == 3
    assert next_atr(D("0.0040"), D("0.0068"), 14) == D("0.0042")
    bars = [Bar(D(2), D(1), D(2)), Bar(D(5), D(3), D(5)), Bar(D(9), D(5), D(9))]
    assert average_true_range(bars, 2) == ((D(1) + D(3)) / 2 + D(4)) / 2


def test_atr_stop_goes_out_to_the_tick() -> None:
    """1.25 x 10.5 = 13.125 points away becomes 13.25, on either side."""
    assert atr_stop(D(5300), Side.BUY, D("10.5"), D("1.25"), D("0.25")) == D("5286.75")
    assert atr_stop(D(5300), Side.SELL, D("10.5"), D("1.25"), D("0.25")) == D("5313.25")


def test_the_smallest_phase_multiplier_applies() -> None:
    """Several states at once: the smallest multiplier wins, and a reached target is nothing."""
    assert phase_multiplier("evaluation") == 1
    assert phase_multiplier("funded") == D("0.5")
    assert phase_multiplier("verification", room_left=D("0.25")) == D("0.25")
    assert phase_multiplier("evaluation", soft_guard=True) == D("0.5")
    assert phase_multiplier("evaluation", target_reached=True) == 0
    own = PhaseTable(funded=D("0.8"))
    assert phase_multiplier("funded", room_left=D("0.26"), table=own) == D("0.8")


@given(
    budget=MONEY, rooms=st.dictionaries(st.text(max_size=3), st.decimals("-100", "9000", places=2))
)
def test_shares_stay_within_budget_and_room(budget: Decimal, rooms: dict[str, Decimal]) -> None:
    """No account gets more than its room, and together no more than the budget."""
    shares = share_by_room(budget, rooms)
    assert shares.keys() == rooms.keys()
    assert sum(shares.values()) <= budget
    assert all(0 <= shares[name] <= max(room, D(0)) for name, room in rooms.items())


def test_refusal_codes_are_stable() -> None:
    """The codes and their order are part of the interface."""
    assert CODES == (
        "not_positive_equity",
        "no_stop",
        "stop_wrong_side",
        "stop_too_close",
        "missing_fx_rate",
        "no_risk_room",
        "size_limit",
        "below_min_lot",
        "insufficient_margin",
    )
