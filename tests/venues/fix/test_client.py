"""The behaviours that every venue has, over FIX: commands, questions, reports, the link."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from bascule.fixwire import store
from bascule.model.enums import ExecType, OrdStatus, OrdType, PositionMode, TimeInForce
from bascule.model.errors import ConfigError, SecretError, VenueTerminal, VenueTransient
from bascule.model.ids import ClOrdID
from bascule.model.order import Accepted, Refused, Unknown
from bascule.model.values import Instant
from bascule.venues.fix import client
from bascule.venues.fix.blotter import Blotter
from bascule.venues.fix.emulator_exchange import Exchange, hang_up
from bascule.venues.kit.faults import Fault
from tests.venues.client import GOLD, INSTRUMENT, MAIN
from tests.venues.fix.conftest import Floor
from tests.venues.fix.desk import PASSWORD, Trader

NEW, TRADE, CANCELED, REPLACED = (
    ExecType.NEW,
    ExecType.TRADE,
    ExecType.CANCELED,
    ExecType.REPLACED,
)


async def test_market_order_fills(trader: Trader) -> None:
    """A market order is accepted, told as new and filled, and is in every later answer."""
    order = trader.order(size=3)
    outcome = await trader.venue.submit(order)
    assert isinstance(outcome, Accepted)
    new, fill = await trader.told(order, NEW, TRADE)
    assert (fill.last_qty, fill.last_price, fill.ord_status) == (3, 102, OrdStatus.FILLED)
    assert new.venue_order_id == outcome.venue_order_id
    (held,) = (await trader.venue.positions(MAIN)).positions
    assert (held.venue_symbol, held.quantity, held.avg_price) == (GOLD, 3, 102)
    assert [one.exec_id for one in await trader.asked_fills()] == [fill.exec_id]
    shown = await trader.venue.order_status(MAIN, order.cl_ord_id)
    assert shown is not None
    assert (shown.ord_status, shown.cum_qty) == (OrdStatus.FILLED, 3)


async def test_a_full_disk_keeps_no_session_and_no_file_from_being_let_go(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every session is closed and said to be, and with room again the same process goes on."""
    house = await floor.house()
    trader = await floor.trader(house.port, drop_copy={"sender_comp_id": "US-DC"})
    theirs, flush = house.directory, store.FileStore._flush

    def full(it: store.FileStore) -> None:
        if theirs in it.path.parents:  # the exchange's own disk has room
            return flush(it)
        it._broken = True
        raise it._unwritable("No space left on device")

    def unwritable(*_: object) -> None:
        raise VenueTerminal("the record of fills failed: disk full", code="fix_blotter_unusable")

    await trader.venue.submit(trader.order(price=90))
    trader.venue.orders.touch(trader.venue.orders.live(MAIN)[0])
    with monkeypatch.context() as patch:
        patch.setattr(store.FileStore, "_flush", full)
        patch.setattr(Blotter, "commit", unwritable)
        await trader.venue.disconnect()
    codes = {code for _, code, _ in trader.venue.notes}
    assert {"fix_store_unwritable", "fix_blotter_unusable"} <= codes
    await trader.venue.connect()


async def test_questions_of_many_days_fill_no_memory(
    trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a number was about is known for the last of them, whatever was sent."""
    monkeypatch.setattr(client, "NUMBERS_MAX", 5)
    order = trader.order(price=90)
    await trader.venue.submit(order)
    for _ in range(10):
        await trader.venue.order_status(MAIN, order.cl_ord_id)
    assert len(trader.venue._numbers) <= 5


async def test_partial_fills_add_up(trader: Trader, house: Exchange) -> None:
    """An order that meets little fills in parts, each told with its own price and total."""
    order = trader.order(size=5, price=102)
    house.quote("GOLD", 100, 102, 2)
    await trader.venue.submit(order)
    await trader.told(order, NEW, TRADE)
    house.quote("GOLD", 100, 101, 3)
    first, second = (await trader.told(order, NEW, TRADE, TRADE))[1:]
    assert (first.last_qty, first.cum_qty, first.ord_status) == (2, 2, OrdStatus.PARTIALLY_FILLED)
    assert (second.last_qty, second.cum_qty, second.ord_status) == (3, 5, OrdStatus.FILLED)


async def test_cancel_and_replace_chain(trader: Trader) -> None:
    """Each change names the last accepted id in 41; the order keeps its first name in Bascule."""
    order = trader.order(price=90)
    await trader.venue.submit(order)
    for number, price in ((1, 91), (2, 92)):
        outcome = await trader.venue.replace(trader.replace_of(order, number, price=price))
        assert isinstance(outcome, Accepted)
    assert isinstance(await trader.venue.cancel(trader.cancel_of(order, 3)), Accepted)
    reports = await trader.told(order, NEW, REPLACED, REPLACED, CANCELED)
    name = order.cl_ord_id
    assert [r.request_id for r in reports] == ["", f"{name}.r1", f"{name}.r2", f"{name}.c3"]
    assert [r.price for r in reports[1:3]] == [91, 92]
    asked = [line.decode().split("|") for line in (*trader.sent("G"), *trader.sent("F"))]
    origs = [next(f for f in line if f.startswith("41=")) for line in asked]
    assert origs == [f"41={name}", f"41={name}.r1", f"41={name}.r2"]


async def test_refused_replace_keeps_the_chain(trader: Trader) -> None:
    """After a refused replace the order has its old terms and its old id."""
    order = trader.order(price=90)
    await trader.venue.submit(order)
    refused = await trader.venue.replace(trader.replace_of(order, 1, quantity=5000))
    assert isinstance(refused, Refused)
    assert isinstance(await trader.venue.replace(trader.replace_of(order, 2, price=91)), Accepted)
    assert f"41={order.cl_ord_id}|" in trader.sent("G")[1].decode()


async def test_replace_of_the_total(trader: Trader, house: Exchange) -> None:
    """A replace states the new total, what has filled included."""
    order = trader.order(size=5, price=102)
    house.quote("GOLD", 100, 102, 2)
    await trader.venue.submit(order)
    await trader.told(order, NEW, TRADE)
    assert isinstance(await trader.venue.replace(trader.replace_of(order, quantity=4)), Accepted)
    (shown,) = (await trader.venue.open_orders(MAIN)).orders
    assert (shown.quantity, shown.cum_qty, shown.cl_ord_id) == (4, 2, order.cl_ord_id)


async def test_cancel_of_what_has_ended(trader: Trader) -> None:
    """A cancel that comes too late is refused with proof, and so is one of an unknown order."""
    order = trader.order()
    await trader.venue.submit(order)
    await trader.told(order, NEW, TRADE)
    late = await trader.venue.cancel(trader.cancel_of(order))
    assert isinstance(late, Refused)
    assert (late.reason, late.venue_code) == ("order_ended", "0")
    stranger = await trader.venue.cancel(trader.cancel_of(trader.order()))
    assert isinstance(stranger, Refused)
    assert stranger.reason == "unknown_order"
    assert len(trader.sent("F")) == 1


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({"size": 5000}, "venue_refused"),
        ({"venue_symbol": "SILVER"}, "unknown_symbol"),
        ({"reduce_only": True}, "unsupported"),
        ({"ord_type": OrdType.TRAILING_STOP}, "unsupported"),
        ({"cl_ord_id": ClOrdID("x" * 40)}, "id_too_long"),
    ],
)
async def test_refusals(trader: Trader, words: dict[str, object], reason: str) -> None:
    """What cannot be is refused with a reason, here or at the exchange."""
    outcome = await trader.venue.submit(trader.order(**words))  # type: ignore[arg-type]
    assert isinstance(outcome, Refused)
    assert outcome.reason in (reason, "broker_refused")
    assert not trader.fills()


async def test_an_id_is_used_once(trader: Trader) -> None:
    """A second order under an id that was sent never leaves."""
    order = trader.order()
    await trader.venue.submit(order)
    again = await trader.venue.submit(order)
    assert isinstance(again, Refused)
    assert again.reason == "duplicate_cl_ord_id"
    assert len(trader.sent("D")) == 1


async def test_stop_and_immediate_orders(trader: Trader, house: Exchange) -> None:
    """A stop triggers, a stop limit rests behind its trigger, and IOC leaves nothing behind."""
    stop = trader.order(stop_price=105)
    both = trader.order(stop_price=106, price=107)
    gone = trader.order(price=90, time_in_force=TimeInForce.IOC)
    for order in (stop, both, gone):
        assert isinstance(await trader.venue.submit(order), Accepted)
    await trader.until(lambda: trader.kinds(gone)[-1] in (CANCELED, ExecType.EXPIRED))
    house.quote("GOLD", 104, 106)
    await trader.until(lambda: trader.fills(stop) and trader.fills(both))


async def test_many_orders_in_one_write(trader: Trader) -> None:
    """Several orders are answered one by one, in their order."""
    orders = [trader.order(price=80 + number) for number in range(10)]
    outcomes = await trader.venue.submit_many(orders)
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    shown = await trader.venue.open_orders(MAIN)
    assert shown.complete
    assert [one.cl_ord_id for one in shown.orders] == [order.cl_ord_id for order in orders]


async def test_quotes_come_and_come_again(trader: Trader, house: Exchange) -> None:
    """Prices that were asked for come, and are asked for again after the next logon."""
    await trader.venue.subscribe(MAIN, [GOLD])
    await trader.until(lambda: trader.quotes())
    house.quote("GOLD", 110, 112)
    await trader.until(lambda: trader.quotes()[-1].bid == 110)
    house.cut()
    await trader.until(lambda: trader.links() == [True, False, True])
    house.quote("GOLD", 120, 122)
    await trader.until(lambda: trader.quotes()[-1].ask == 122)


async def test_quotes_asked_for_as_the_session_ends(trader: Trader, house: Exchange) -> None:
    """They are asked for at the next logon; before, the one who asked was told of a fault of ours.

    A session has ended some steps before that is told on, and with it the engine would have.
    """
    link = trader.venue._lines["trade"]._link
    assert link is not None and link.peer is not None
    link.peer.hang_up()
    link._turn(link.session.disconnected(trader.venue.now()))
    assert trader.venue._lines["trade"].up
    await trader.venue.subscribe(MAIN, [GOLD])
    await trader.until(lambda: trader.links()[-2:] == [False, True])
    await trader.until(trader.quotes)


async def test_who_and_what(trader: Trader) -> None:
    """Identity and money are the settings' word; instruments are the exchange's list."""
    who = await trader.venue.identity(MAIN)
    assert (who.login, who.position_mode, who.is_live) == ("A1", PositionMode.NETTING, False)
    assert (await trader.venue.account(MAIN)).balance == 1_000_000
    (listing,) = await trader.venue.instruments(MAIN)
    assert (listing.venue_symbol, listing.tick_size, listing.max_qty) == (GOLD, 1, 1000)
    assert not (await trader.venue.key_scope()).withdraw


async def test_a_counterparty_that_lists_thousands(floor: Floor) -> None:
    """One message has them all; before, it was taken for garbled, and all behind it for a gap."""
    many = [{**INSTRUMENT, "venue_symbol": f"I{number}"} for number in range(2000)]
    house = await floor.house(instruments=[INSTRUMENT, *many])
    trader = await floor.trader(house.port)
    assert len(await trader.venue.instruments(MAIN)) == 2001
    assert max(line.count(b"|") for way, _, line in trader.wire if way == "<") > 8192


async def test_unknown_order_is_not_shown(trader: Trader) -> None:
    """Asked after an order that never arrived, the exchange says so and nothing is made of it."""
    order = trader.order(price=90)
    await trader.venue.submit(order)
    lost = trader.order()
    trader.venue.orders.new(lost)
    assert await trader.venue.order_status(MAIN, lost.cl_ord_id) is None
    assert trader.reports(lost) == []


async def test_an_order_without_a_record_proves_nothing(trader: Trader) -> None:
    """Where the own record is lost, that the exchange shows no order is no proof."""
    with pytest.raises(VenueTransient, match="record"):
        await trader.venue.order_status(MAIN, ClOrdID("never-heard"))


async def test_nothing_is_sent_while_down(house: Exchange, floor: Floor) -> None:
    """An order while the session is down is refused, since no byte of it left."""
    trader = await floor.trader(house.port)
    await trader.venue.disconnect()
    outcome = await trader.venue.submit(trader.order())
    assert isinstance(outcome, Refused)
    assert outcome.reason == "not_connected"


async def test_wrong_password(house: Exchange, floor: Floor) -> None:
    """A logon that is turned away is an error at once, and the password is in none of it."""
    trader = Trader(floor.directory, house.port, secret="a-wrong-one", answer_timeout_s=1)
    with pytest.raises((VenueTransient, VenueTerminal)):
        await trader.venue.connect()
    assert "a-wrong-one" not in repr((trader.venue.notes, trader.messages, trader.wire))
    assert True not in trader.links()


async def test_no_exchange(tmp_path: Path) -> None:
    """Where nobody listens, connecting fails in time and leaves nothing behind."""
    trader = Trader(tmp_path, 1, answer_timeout_s=0.3)
    with pytest.raises(VenueTransient, match="no FIX logon"):
        await trader.venue.connect()
    with pytest.raises(VenueTransient):
        await trader.venue.connect()


async def test_one_process_a_session(trader: Trader, house: Exchange) -> None:
    """A second process on the same store is refused, whatever the exchange would say."""
    second = Trader(Path(trader.venue.plan.settings.store), house.port)
    with pytest.raises(VenueTransient) as caught:
        await second.venue.connect()
    assert caught.value.code == "fix_store_locked"
    await trader.venue.disconnect()
    await second.venue.connect()
    await second.venue.disconnect()


async def test_the_password_is_in_no_log(trader: Trader, house: Exchange) -> None:
    """Neither the wire log nor the notes hold the password."""
    await trader.venue.submit(trader.order())
    house.cut()
    await trader.until(lambda: trader.links()[-1] and len(trader.links()) > 2)
    assert PASSWORD.encode() not in b"".join(line for _, _, line in trader.wire)
    assert PASSWORD not in repr(trader.venue.notes)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"profile": "nobody"}, "generic"),
        ({"quote": {"port": 70000}}, "1 to 65535"),
        ({"order_fields": {"1028": "Y"}}, "never flagged"),
        ({"order_fields": {"21": "3"}}, "never flagged"),
        ({"colour": "red"}, "colour"),
        ({"override": {"colour": "red"}}, "colour"),
        ({"begin_string": "FIX.9.9"}, "FIX.4.4"),
        ({"target_comp_id": ""}, "target_comp_id"),
        ({"cancel_on_disconnect": True}, "cancel on disconnect"),
        ({"drop_copy": {"port": 1}}, "sender_comp_id"),
        ({"schedule": {"zone": "Mars", "start": "17:00", "end": "16:00"}}, "America/Chicago"),
        ({"schedule": {"zone": "UTC", "start": "17", "end": "x"}}, "HH:MM"),
        ({"header": {"SenderSubID": "x"}}, "tag number"),
        ({"tls": True, "tls_ca_file": "/nowhere/ca.pem"}, "tls_ca_file"),
    ],
)
def test_settings_that_cannot_be(words: dict[str, object], said: str, tmp_path: Path) -> None:
    """A wrong setting is named, with what is allowed, before anything is connected."""
    with pytest.raises(ConfigError) as caught:
        Trader(tmp_path, 5000, **words)
    assert said in caught.value.message


def test_hours_of_a_session(tmp_path: Path) -> None:
    """A week's or a day's hours, in the counterparty's own zone."""
    week = {"zone": "UTC", "start": "22:00", "end": "21:00", "start_day": "sun", "end_day": "fri"}
    config = Trader(tmp_path, 5000, schedule=week).venue.plan.sessions["trade"][0]
    assert config.schedule is not None
    assert (config.schedule.start_day, config.schedule.end_day) == (6, 4)


def test_a_password_must_be_there(tmp_path: Path) -> None:
    """A password without a value is an error that names the setting, not the value."""
    with pytest.raises(SecretError, match="other"):
        Trader(tmp_path, 5000, password="other")


async def test_pending_acks(floor: Floor) -> None:
    """An exchange that tells pending states first is understood the same."""
    house = await floor.house({"target": "US", "pending": True})
    trader = await floor.trader(house.port)
    order = trader.order(price=90)
    assert isinstance(await trader.venue.submit(order), Accepted)
    assert isinstance(await trader.venue.replace(trader.replace_of(order, price=91)), Accepted)
    assert isinstance(await trader.venue.cancel(trader.cancel_of(order, 2)), Accepted)
    await trader.told(
        order,
        ExecType.PENDING_NEW,
        NEW,
        ExecType.PENDING_REPLACE,
        REPLACED,
        ExecType.PENDING_CANCEL,
        CANCELED,
    )


@pytest.mark.parametrize("version", ["FIX.4.2", "FIX.4.4", "FIX.5.0SP2"])
async def test_every_version(version: str, floor: Floor) -> None:
    """An order is filled, changed, corrected and busted in each version's own words."""
    early = version == "FIX.4.2"
    session = {"target": "US", "version": version, "password_in": "96" if early else "554"}
    house = await floor.house(session)
    override = {"mass_status": "each", "positions": "fills", "securities": "configured"}
    words = {"override": {**override, "password_in": "96"}} if early else {}
    trader = await floor.trader(house.port, begin_string=version, **words)
    order = trader.order(size=2)
    assert isinstance(await trader.venue.submit(order), Accepted), trader.venue.notes
    fill = (await trader.told(order, NEW, TRADE))[1]
    number = fill.exec_id.partition("/")[2]
    house.broker.hand.correct("A1", number, Decimal(2), Decimal(101), house.now())
    house.tell()
    correct = (await trader.told(order, NEW, TRADE, ExecType.TRADE_CORRECT))[2]
    assert (correct.ref_exec_id, correct.last_price) == (fill.exec_id, 101)
    house.broker.hand.bust("A1", number, house.now())
    house.tell()
    kinds = (NEW, TRADE, ExecType.TRADE_CORRECT, ExecType.TRADE_CANCEL)
    assert (await trader.told(order, *kinds))[3].ref_exec_id == fill.exec_id
    assert (await trader.venue.positions(MAIN)).positions == ()
    resting = trader.order(price=90)
    await trader.venue.submit(resting)
    (shown,) = (await trader.venue.open_orders(MAIN)).orders
    assert shown.cl_ord_id == resting.cl_ord_id


async def test_news_opens_the_gate(floor: Floor) -> None:
    """Where missed reports come by themselves, orders wait for the News that ends them."""
    house = await floor.house({"target": "US", "news": True})
    trader = await floor.trader(house.port, override={"wait_for_news": True})
    await trader.until(lambda: trader.links() == [True])
    assert isinstance(await trader.venue.submit(trader.order()), Accepted)


async def test_no_news_keeps_it_shut(house: Exchange, floor: Floor) -> None:
    """Without that News nothing is sent, and it is said."""
    override = {"wait_for_news": True}
    trader = await floor.trader(house.port, override=override, news_timeout_s=0.2)
    await trader.until(lambda: trader.links() == [False])
    outcome = await trader.venue.submit(trader.order())
    assert isinstance(outcome, Refused)
    assert outcome.reason == "not_connected"
    assert trader.sent("D") == []


async def test_time_out_is_unknown(hasty: Trader, house: Exchange) -> None:
    """An order that nobody answers is unknown, and a later answer still counts."""
    house.faults.arm(Fault(name="late_report", seconds=1.2))
    order = hasty.order()
    assert isinstance(await hasty.venue.submit(order), Unknown)
    await hasty.until(lambda: hasty.fills(order))
    assert len(hasty.sent("D")) == 1


async def test_cut_leaves_unknown(trader: Trader, house: Exchange) -> None:
    """What waits when the connection is lost is unknown at once."""
    house.faults.arm(Fault(name="drop_request"))
    waiting = trader.venue.submit(trader.order())
    await asyncio.sleep(0.05)
    hang_up(house.desks[0].link)
    outcome = await waiting
    assert isinstance(outcome, Unknown)
    assert outcome.cause == "disconnected"
    assert Instant(0) < outcome.at
