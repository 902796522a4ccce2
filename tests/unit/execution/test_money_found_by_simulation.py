"""Bugs in how money is reckoned that the simulator found, each in its smallest form."""

from decimal import Decimal as D
from typing import Any

import pytest
from msgspec.structs import replace

from bascule.engine.owner import receipt_of
from bascule.execution import inputs as inp
from bascule.execution.state import dump
from bascule.model.enums import PositionMode, Side, StopMode
from bascule.model.event import (
    GuardTripped,
    LedgerBreached,
    LedgerMoved,
    OrderRefused,
    OrderRequested,
    SignalAccepted,
    StopSet,
)
from bascule.model.ids import MANUAL_BOOK
from bascule.model.intent import ClosePosition
from bascule.model.order import AccountSnapshot, VenuePosition
from bascule.model.programme import Programme
from bascule.model.values import MINUTE, SECOND, Instant
from tests.unit.execution.harness import EURUSD, ROOMY, Bench, every, only
from tests.unit.execution.test_loss_watch import (
    DAILY,
    MIDNIGHT,
    ROOMY_RULES,
    bench,
    buy,
    loss,
    refused,
)


def looked(
    made: Bench,
    balance: Any,
    equity: Any,
    cost: str = "",
    *,
    stale: tuple[VenuePosition, ...] | None = None,
) -> None:
    """Look at the venue, which tells its money too, and at what cost it holds what it nets.

    ``stale``: the positions of before, if it still shows those.
    """
    money = AccountSnapshot(
        account="a",
        currency="USD",
        balance=D(str(balance)),
        equity=D(str(equity)),
        margin_used=D(0),
        free_margin=D(str(equity)),
        at=Instant(made.at),
    )
    more: dict[str, Any] = {}
    if cost:
        shown = made.venue.positions("a")
        more["positions"] = tuple(replace(one, avg_price=D(cost)) for one in shown)
    if stale is not None:
        more["positions"] = stale
    made.look(money=money, **more)


def test_a_signal_that_a_reset_comes_before_is_answered_as_what_it_is() -> None:
    """The day's reset is made up for in the same decision.

    Before, the sender was told that the engine was stopping, and the signal was acted on.
    """
    made = bench(held=0)
    made.at = MIDNIGHT + SECOND
    events = made.say(buy(stop="1.0990"))
    assert every(events, LedgerMoved)
    assert isinstance(events[0], SignalAccepted)
    assert receipt_of(events).status == "accepted"


def test_what_a_hands_trade_cost_is_lost_too() -> None:
    """The commission of a fill of no order of ours. Before, no reckoning knew of it."""
    made = bench(ROOMY_RULES, held=0)
    report = made.venue.by_hand("a", Side.BUY, 1, told=False)
    made.feed(inp.ReportReceived(Instant(made.at), replace(report, commission=D(7))))
    made.quote("1.1000")
    assert loss(made).equity == 99_993
    assert made.state.accounts["a"].books[f"{MANUAL_BOOK}|{EURUSD}"].commission == 7
    assert made.replay() == dump(made.state)


def test_an_opening_costs_the_spread_before_the_next_price() -> None:
    """The venue's money is younger than any price, and the fill younger than that.

    Before, an opening without a commission left the account at what it had been worth.
    """
    made = bench(ROOMY_RULES, held=0)
    made.quote("1.0999", "1.1000")
    made.at += SECOND
    made.money(100_000)
    made.at += SECOND
    made.venue.at = Instant(made.at)
    made.say(buy(2))
    made.settle()
    assert loss(made).equity == 99_980


def test_what_stands_on_both_sides_costs_its_spread() -> None:
    """A long and a short of one book on a hedging account can be closed at the spread alone."""
    made = bench(ROOMY_RULES, held=0, position_mode=PositionMode.HEDGING)
    made.venue.hedges = True
    for side in (Side.BUY, Side.SELL):
        made.venue.by_hand("a", side, 1)
        made.settle()
    made.quote("1.0999", "1.1001")
    assert loss(made).equity == 99_980


def enter(made: Bench, strategy: str, side: Side, quantity: int, price: str = "1.1000") -> None:
    """Have a strategy enter at a price, with a stop that is far away."""
    made.at += SECOND
    made.venue.at = Instant(made.at)
    made.venue.price = D(price)
    made.quote(price)
    stop = "1.0500" if side is Side.BUY else "1.2500"
    assert every(made.say(buy(quantity, stop, side=side), strategy=strategy), OrderRequested)
    made.settle()


def against(made: Bench) -> None:
    """Have two strategies hold against each other on one account that nets them: 3 and -1."""
    enter(made, "s", Side.BUY, 3)
    enter(made, "t", Side.SELL, 1)
    assert made.net() == 2


@pytest.mark.parametrize("mode", (StopMode.HALT, StopMode.LOCK))
def test_a_stop_lets_all_books_be_closed_together(mode: StopMode) -> None:
    """No close of two books that stand against each other reduces by itself.

    Before, a halt or the lock of the loss watch kept both open: the losing position stayed.
    """
    made = Bench(route={"pyramiding": 9})
    made.quote("1.1000")
    against(made)
    now = Instant(made.at)
    made.feed(inp.StopAsked(now, "account:a", mode, "ada", "enough"))
    alone = made.say(ClosePosition(symbol=EURUSD), strategy="s")
    assert every(alone, OrderRefused), "alone it would leave the other book's position"
    made.feed(inp.SweepAsked(now, "account:a", True, "ada", "out"))
    made.settle()
    assert made.net() == 0
    assert not any(book.quantity for book in made.state.accounts["a"].books.values())


def test_a_freeze_keeps_even_that() -> None:
    """Nothing at all leaves under a freeze."""
    made = Bench(route={"pyramiding": 9})
    made.quote("1.1000")
    against(made)
    made.feed(inp.StopAsked(Instant(made.at), "account:a", StopMode.FREEZE, "ada", "wait"))
    assert not every(
        made.feed(inp.SweepAsked(Instant(made.at), "account:a", True, "ada", "out")), OrderRequested
    )


def test_a_fee_gives_no_room() -> None:
    """A look shows a fee and a price that has not been heard yet.

    Before, the fee was taken for the loss of a fill on its way, and the move counted twice.
    """
    made = bench(ROOMY_RULES)
    made.at += SECOND
    looked(made, 99_900, 100_900)
    made.at += SECOND
    made.quote("1.1010")
    assert loss(made).equity == 100_900


def test_a_move_while_nobody_listened_is_lost_once() -> None:
    """The venue's word comes before the price that it was reckoned by, after a link was down.

    Before, the move counted again with the price, and locked accounts that had lost half as much.
    """
    made = bench()
    made.at += 10 * SECOND
    looked(made, 100_000, 97_500)
    assert loss(made).equity == 97_500
    made.at += SECOND
    made.quote("1.0975")
    assert loss(made).equity == 97_500
    assert not every(made.events, StopSet)


def test_what_is_told_twice_without_a_price_between_is_told_once() -> None:
    """The venue says the same loss in two words while no price comes; then the position closes.

    Before, the second word made the loss stay beside the result of the close.
    """
    made = bench(ROOMY_RULES)
    for _ in range(3):
        made.at += 20 * SECOND
        looked(made, 100_000, 99_000)
    made.at += SECOND
    made.venue.at = Instant(made.at)
    made.venue.price = D("1.0990")
    made.say(ClosePosition(symbol=EURUSD))
    made.settle()
    assert made.net() == 0
    assert loss(made).equity == 99_000


def test_who_holds_nothing_is_worth_no_more_than_the_balance() -> None:
    """A fee that no fill explains was taken for the result of what is open; then that closes."""
    made = bench(ROOMY_RULES)
    made.at += SECOND
    money = AccountSnapshot(
        account="a", currency="USD", balance=D(99_975), equity=D(100_000), margin_used=D(0),
        free_margin=D(100_000), at=Instant(made.at),
    )  # fmt: skip
    made.feed(inp.MoneyReceived(Instant(made.at), money))
    assert loss(made).equity == 100_000
    made.at += SECOND
    made.venue.at = Instant(made.at)
    made.say(ClosePosition(symbol=EURUSD))
    made.settle()
    assert made.net() == 0
    assert loss(made).equity == 99_975


def test_what_the_venue_nets_is_not_lost_twice() -> None:
    """Two books hold against each other, and the venue has realised what they have lost.

    Before, the loss of the venue's balance was open in the books as well.
    """
    made = bench(ROOMY_RULES, held=0)
    enter(made, "s", Side.BUY, 1, "1.1000")
    enter(made, "t", Side.SELL, 1, "1.0900")
    assert made.net() == 0
    made.at += MINUTE
    made.quote("1.0900")
    looked(made, 99_000, 99_000)
    assert loss(made).equity == 99_000
    made.at += SECOND
    made.quote("1.0950")
    assert loss(made).equity == 99_000


def test_what_is_held_at_another_cost_is_worth_the_same() -> None:
    """The venue averages two books, and one of them has closed: the rest has another cost there."""
    made = bench(ROOMY_RULES, held=0)
    enter(made, "s", Side.BUY, 1, "1.1000")
    enter(made, "t", Side.BUY, 1, "1.1100")
    made.at += MINUTE
    made.venue.at = Instant(made.at)
    made.venue.price = D("1.1200")
    made.quote("1.1200")
    made.say(ClosePosition(symbol=EURUSD), strategy="s")
    made.settle()
    assert loss(made).equity == 103_000
    made.at += SECOND
    looked(made, 101_500, 103_000, cost="1.1050")
    made.at += SECOND
    made.quote("1.1190")
    assert loss(made).equity == 102_900


def test_what_a_stale_look_cannot_compare_is_not_told_twice() -> None:
    """The venue has realised what to one book is still open, and shows positions of before.

    Before, that result was open in the book as well, from the next price to the next look.
    """
    made = bench(ROOMY_RULES, held=0)
    enter(made, "s", Side.BUY, 1, "1.0900")
    enter(made, "t", Side.SELL, 2, "1.1000")
    made.at += SECOND
    made.quote("1.1000")
    made.at += SECOND
    looked(made, 101_000, 101_000, stale=())
    made.at += SECOND
    made.quote("1.1000")
    assert loss(made).equity == 101_000


def test_the_cost_of_another_position_is_not_that_of_what_is_held() -> None:
    """A stale look shows a position that is closed, as large as the one that is held now.

    Before, what separates their costs was told as a gain.
    """
    made = bench(ROOMY_RULES, held=0, position_mode=PositionMode.HEDGING)
    made.venue.hedges = True
    enter(made, "s", Side.BUY, 1, "1.0900")
    before = made.venue.positions("a")
    made.say(ClosePosition(symbol=EURUSD))
    made.settle()
    enter(made, "s", Side.BUY, 1, "1.1000")
    made.at += SECOND
    looked(made, 100_000, 100_000, stale=before)
    made.at += SECOND
    made.quote("1.1000")
    assert loss(made).equity == 100_000


def test_a_fill_that_overtakes_its_price_makes_no_gain() -> None:
    """It is told before the price that it was made at, and to the old one it looks like a gift.

    Before, that gain that never was raised the peak that floors are measured from, for good.
    """
    made = bench(ROOMY_RULES, held=0)
    made.at += SECOND
    made.venue.at = Instant(made.at)
    made.venue.price = D("1.0940")
    made.venue.by_hand("a", Side.BUY, 1)
    made.settle()
    assert loss(made).equity == 100_000
    made.at += SECOND
    made.quote("1.0950")
    assert loss(made).equity == 100_100


def test_a_word_on_money_before_any_price_hides_no_loss() -> None:
    """A hedge costs its spread, which our book has realised and the venue has not.

    Before, a word that came while no price was known made the book's loss part of the balance.
    """
    made = bench(ROOMY_RULES, held=0, position_mode=PositionMode.HEDGING)
    made.venue.hedges = True
    made.market.quotes.clear()
    for side, price in ((Side.BUY, "1.1001"), (Side.SELL, "1.1000")):
        made.at += SECOND
        made.venue.at = Instant(made.at)
        made.venue.price = D(price)
        made.venue.by_hand("a", side, 1)
        made.settle()
    made.at += SECOND
    made.money(100_000, equity=99_980)
    made.at += SECOND
    made.quote("1.1000", "1.1001")
    assert loss(made).equity == 99_980


def test_a_word_before_any_price_does_not_tell_what_the_venue_had_netted() -> None:
    """Of two books one has closed, and what the venue had realised of both is other by that.

    Before, a word that came while no price was known was taken along with what had been so far.
    """
    made = bench(ROOMY_RULES, held=0)
    enter(made, "s", Side.BUY, 1, "1.1100")
    enter(made, "t", Side.SELL, 3, "1.1000")
    made.at += SECOND
    looked(made, 99_000, 99_000)
    made.market.quotes.clear()
    made.at += SECOND
    made.venue.at = Instant(made.at)
    made.venue.price = D("1.1200")
    made.say(ClosePosition(symbol=EURUSD), strategy="t")
    made.settle()
    made.at += SECOND
    made.money(95_000)
    assert loss(made).equity == 95_000, "no price says otherwise"
    made.at += SECOND
    made.quote("1.1200")
    assert loss(made).equity == 95_000


BY_BALANCE = Programme(id="firm", daily_loss=replace(DAILY, measured_on="balance"))


def test_where_closed_results_count_an_open_gain_makes_no_room() -> None:
    """The commission of the next entry alone may cross the line, whatever is open.

    Before, the room was counted from equity, and entries passed with the allowance used up.
    """
    made = bench(BY_BALANCE)
    made.quote("1.1050")
    made.money(95_010, equity=100_010)
    room = loss(made).room("daily_loss")
    assert room is not None and room.room == 10
    assert refused(made.say(buy(stop="1.1040"))) == "daily_loss"


def test_a_breach_by_closed_results_is_told_by_them() -> None:
    """Before, the words were that an equity far above the line had crossed it."""
    made = bench(BY_BALANCE)
    made.quote("1.1050")
    made.money(94_900, equity=99_900)
    broke = only(made.events, LedgerBreached)
    assert broke.text.startswith("balance 94900 USD has crossed the day's loss at 95000")


def test_what_a_stale_look_says_that_it_is_worth_counts_at_once() -> None:
    """A fee was paid, and the look that tells it shows the positions of before.

    Its balance cannot be told apart from what the venue nets. Before, none of it counted.
    """
    made = bench(ROOMY_RULES, held=0)
    enter(made, "s", Side.BUY, 1, "1.1000")
    enter(made, "t", Side.BUY, 1, "1.1000")
    made.at += SECOND
    made.quote("1.1000")
    assert loss(made).equity == 100_000
    made.at += SECOND
    looked(made, 99_975, 99_975, stale=())
    assert loss(made).equity == 99_975
    made.at += SECOND
    looked(made, 99_975, 99_975)
    assert loss(made).equity == 99_975


def test_books_against_each_other_cost_no_spread_where_the_venue_nets() -> None:
    """Nothing is held there that could be closed at a worse price.

    Before, the spread counted as lost, and could lock an account that had lost nothing.
    """
    made = bench(ROOMY_RULES, held=0)
    enter(made, "s", Side.BUY, 2, "1.1000")
    enter(made, "t", Side.SELL, 1, "1.1000")
    made.at += SECOND
    made.quote("1.1000", "1.1002")
    assert loss(made).equity == 100_000
    made.at += SECOND
    made.quote("1.0999", "1.1001")
    assert loss(made).equity == 99_990


def test_money_from_just_before_the_loss_of_its_moment_gives_nothing_back() -> None:
    """Both bear the same time, and the word comes last.

    Before, it was taken to know of the fill, and what that had cost was forgotten.
    """
    made = bench(ROOMY_RULES, held=0)
    made.at += SECOND
    made.venue.at = Instant(made.at)
    told = made.venue.by_hand("a", Side.BUY, 1, told=False)
    made.feed(inp.ReportReceived(Instant(made.at), replace(told, commission=D(7))))
    made.money(100_000)
    assert loss(made).equity == 99_993


def test_a_second_word_without_a_price_between_keeps_what_the_first_told() -> None:
    """The venue has realised a gain of what to us is open, and says so twice.

    Before, the second word made it count once more, from the next fill or price on.
    """
    made = bench(ROOMY_RULES, held=0)
    enter(made, "s", Side.BUY, 1, "1.1000")
    for _ in range(2):
        made.at += SECOND
        made.money(100_570, equity=100_000)
    assert loss(made).equity == 100_000
    made.at += SECOND
    made.quote("1.1000")
    assert loss(made).equity == 100_000


@pytest.mark.parametrize("restarts", [True, False])
def test_a_loss_that_stands_still_is_held_against_the_owners_new_limit(restarts: bool) -> None:
    """A limit that is tighter from now on closes what has lost that much, without another price.

    Before, it waited for the account's worth to move, though all of the limit was used up.
    """
    made = bench()
    made.quote("1.0960")
    assert only(made.events, GuardTripped).action == "block"
    tighter = replace(ROOMY, max_daily_loss=D(4200))
    if restarts:
        spec = made.settings.accounts["a"]
        made.settings.accounts["a"] = replace(spec, limits=tighter)
        made.begin()
        made.look()
        made.quote("1.0960")
        made.money(100_000, equity=96_000)
    else:
        made.limit("a", tighter)
    made.wait(SECOND)
    made.settle()
    assert made.net() == 0
    assert only(made.events, StopSet).code == "loss_limit"


def test_a_gain_that_to_us_is_open_counts_once_though_no_price_tells_how_large_it_is() -> None:
    """Two closes filled, and the first is told last: the gain that it made is open to our books.

    Before, a word on money that had realised it was taken while what is held was valued by a fill,
    since no price was younger: the close of what the second had opened made the gain once more.
    """
    made = bench(ROOMY_RULES, held=0)
    made.venue.by_hand("a", Side.BUY, 3)
    made.settle()
    made.at += SECOND
    made.venue.at, made.venue.price = Instant(made.at), D("1.1060")
    late = made.venue.by_hand("a", Side.SELL, 3, told=False)
    made.at += SECOND
    made.venue.at, made.venue.price = Instant(made.at), D("1.0990")
    made.venue.by_hand("a", Side.SELL, 3)
    made.settle()
    made.feed(inp.ReportReceived(Instant(made.at), late))
    made.at += SECOND
    made.money(101_800)
    assert loss(made).equity <= 101_800
    made.at += SECOND
    made.venue.at = Instant(made.at)
    made.venue.by_hand("a", Side.BUY, 3)
    made.settle()
    assert loss(made).equity == 101_800


def test_a_fill_that_is_told_late_says_nothing_of_the_price_now() -> None:
    """A younger fill has told the price since, and no quote is younger than either.

    Before, what was told last was the last price, and a loss that never was locked the account.
    """
    made = bench(held=0)
    made.at += SECOND
    made.venue.at, made.venue.price = Instant(made.at), D("1.1150")
    late = made.venue.by_hand("a", Side.BUY, 2, told=False)
    made.at += SECOND
    made.venue.at, made.venue.price = Instant(made.at), D("1.1000")
    made.venue.by_hand("a", Side.SELL, 10)
    made.settle()
    assert loss(made).equity == 100_000
    made.feed(inp.ReportReceived(Instant(made.at), late))
    assert made.state.accounts["a"].prices[EURUSD].price == D("1.1000")
    assert loss(made).equity == 97_000, "two were bought 150 pips higher, and sold again"
    assert not every(made.events, StopSet)


def restarted(made: Bench, *words: Any) -> Any:
    """Have a close fill for 4,000 less while the engine is down, and money told before the fill."""
    made.at += SECOND
    made.venue.at, made.venue.price = Instant(made.at), D("1.0960")
    late = made.venue.by_hand("a", Side.SELL, 10, told=False)
    made.begin()
    for balance in words:
        made.at += SECOND
        made.money(balance)
    return late


@pytest.mark.parametrize("words", [1, 2])
@pytest.mark.parametrize("by_look", [True, False])
def test_what_was_lost_while_the_engine_was_down_is_lost_once(words: int, by_look: bool) -> None:
    """The first words since the start show the loss, and the fill that made it is told after them.

    Before, nothing was known to compare those words with: the loss counted once more, and locked
    the account.
    """
    made = bench()
    late = restarted(made, *[96_000] * words)
    if by_look:
        made.look()
    else:
        made.feed(inp.ReportReceived(Instant(made.at), late))
    assert (made.net(), loss(made).equity) == (0, 96_000)
    assert not every(made.events, StopSet)


def test_what_a_first_word_did_not_show_is_lost_after_it() -> None:
    """Of a fill's loss of 4,000 the balance had lost a fee of 25: the rest is not in it."""
    made = bench(ROOMY_RULES)
    restarted(made, 99_975)
    made.look()
    assert (made.net(), loss(made).equity) == (0, 96_000)


@pytest.mark.parametrize("made_by_other", [0, 100])
@pytest.mark.parametrize("sign", [1, -1])
def test_what_is_netted_beside_another_strategy_and_closed_again_is_no_gain_or_loss(
    sign: int, made_by_other: int
) -> None:
    """The venue has realised something of what the other strategy holds on; to its book it is open.

    Before, only as long as both held was a word on money left to the look: one that came after was
    taken for news of the account's worth, and where the price had moved since, counted twice.
    """
    made = bench(ROOMY_RULES, held=0)
    enter(made, "s", Side.SELL, 3, "1.1000")
    enter(made, "other", Side.BUY, 1, str(D("1.1000") - sign * D("0.0030")))
    made.at += SECOND
    then = D("1.1000") - sign * (D("0.0030") - D(made_by_other) / 100_000)
    made.venue.at, made.venue.price = Instant(made.at), then
    made.quote(then)
    made.say(ClosePosition(symbol=EURUSD), strategy="other")
    made.settle()
    assert made.net() == -3
    made.at += SECOND
    worth = D(100_000 + sign * (900 - 2 * made_by_other))
    word = AccountSnapshot(
        account="a",
        currency="USD",
        balance=D(100_000 + sign * 300),
        equity=worth,
        margin_used=D(0),
        free_margin=worth,
        at=Instant(made.at),
    )
    made.at += SECOND
    made.quote(then + sign * D("0.0020"))
    made.feed(inp.MoneyReceived(Instant(made.at), word))
    assert loss(made).equity == worth - sign * 600
