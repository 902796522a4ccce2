import asyncio
from decimal import Decimal

from bascule.model.enums import OrdStatus, OrdType, Side
from bascule.model.ids import AccountId, VenueOrderId, VenueSymbol
from bascule.model.instrument import Quote
from bascule.model.intent import CancelOrders, ClosePosition, ModifyOrder, Signal
from bascule.model.order import VenueOrder

from .house import LISTING, House, buy, close


async def test_status_shows_every_account(api: House) -> None:
    """Mode, epoch, head, and each account with link, reconciliation and money."""
    status = await api.get("/v1/status")
    assert (status["mode"], status["ready"]) == ("paper", True)
    assert status["epoch"] == api.runtime.state.epoch
    assert [one["id"] for one in status["accounts"]] == ["one", "two"]
    assert all(one["link_up"] and one["reconciled"] for one in status["accounts"])
    assert status["accounts"][0]["equity"] == "10000"
    assert 0 < status["head"] <= api.runtime.head_seq


async def test_an_entry_is_seen_as_orders_positions_and_open_profit(api: House) -> None:
    """A filled entry is a position with its price and its value at the last quote."""
    await api.signal(buy())
    page = await api.get("/v1/orders?which=all")
    assert {(one["account"], one["status"]) for one in page["orders"]} == {
        ("one", "filled"),
        ("two", "filled"),
    }
    books = (await api.get("/v1/positions"))["books"]
    assert [(one["quantity"], one["avg_price"]) for one in books] == [("0.1", "1.16")] * 2
    assert books[0]["open_pnl"] == "0.00"
    nets = (await api.get("/v1/positions"))["nets"]
    assert {(one["account"], one["net"]) for one in nets} == {("one", "0.1"), ("two", "0.1")}


async def test_equity_is_the_balance_and_the_open_profit(api: House) -> None:
    """It moves with the price, not with the venue's next word, which stands beside it."""
    await api.signal(buy())
    now = api.runtime.clock.now()
    money = await api.market.account(AccountId("one"))
    price = Quote(VenueSymbol("EURUSD"), Decimal("1.15"), Decimal("1.1501"), now)
    api.runtime._on_quote(now, AccountId("one"), price)
    api.market.context.sink(money)
    await api.settle()
    one = (await api.get("/v1/status"))["accounts"][0]
    assert one["open_pnl"] == "-100.00"
    assert (one["balance"], one["equity"], one["venue_equity"]) == ("10000", "9900.00", "10000")
    assert one["valued"]


async def test_a_balance_from_before_the_last_fill_values_nothing(api: House) -> None:
    """What the fill cost is not in it: the venue's own equity is shown, and marked."""
    await api.signal(buy())
    one = (await api.get("/v1/status"))["accounts"][0]
    assert one["equity"] == one["venue_equity"] == "10000"
    assert not one.get("valued")


async def test_orders_are_the_newest_first_and_filtered(api: House) -> None:
    """Live ones come first, the filters hold, and ``more`` says when there are others."""
    for price in ("1.10", "1.11", "1.12"):
        await api.signal(buy(ord_type=OrdType.LIMIT, price=Decimal(price)), strategy="fx")
        await api.signal(close())
    await api.signal(buy(ord_type=OrdType.LIMIT, price=Decimal("1.13")))
    live = (await api.get("/v1/orders?account=one"))["orders"]
    assert [(one["account"], one["price"]) for one in live] == [("one", "1.13")]
    every = await api.get("/v1/orders?which=all&account=one&limit=2")
    assert [one["price"] for one in every["orders"]] == ["1.13", "1.12"]
    assert every["more"] is True
    none = await api.get("/v1/orders?which=all&strategy=other")
    assert none == {"orders": [], "more": False}


async def test_signals_that_failed_come_first_with_the_reason(api: House) -> None:
    """A refused signal and one that was held back whole stand before those that went well."""
    await api.signal(buy())
    await api.signal(buy(), strategy="nobody")
    await api.signal(buy())
    found = await api.get("/v1/signals")
    assert [one["status"] for one in found] == ["held_back", "refused", "accepted"]
    assert "pyramiding_limit" in found[0]["held_back"][0]
    assert found[1]["code"] == "no_route"
    assert found[2]["orders"] == 2
    bad = await api.get("/v1/signals?which=refused")
    assert [one["status"] for one in bad] == ["held_back", "refused"]


async def test_a_signal_that_changed_something_was_not_held_back(api: House) -> None:
    """It took an order back, though another part of it was refused."""
    await api.signal(buy(ord_type=OrdType.LIMIT, price=Decimal("1.10")))
    await api.signal(CancelOrders(symbol="EURUSD"), ClosePosition(symbol="NIX"))
    found = await api.get("/v1/signals")
    assert [one["status"] for one in found] == ["accepted", "accepted"]
    assert "unknown_symbol" in found[0]["held_back"][0]


async def test_explain_tells_what_the_venue_made_of_a_change(api: House) -> None:
    """The signal that asked for it learns that the order stands as it was."""
    await api.signal(buy(ord_type=OrdType.LIMIT, price=Decimal("1.10")))
    receipt = await api.signal(ModifyOrder(symbol="EURUSD", price=Decimal("1.11")))
    await api.settle()
    story = await api.get(f"/v1/explain/{receipt.signal}")
    assert story["outcome"] == "done"
    assert [one["code"] for one in story["refusals"]] == ["change_refused"] * 2
    assert "did not change order" in story["closing"]


async def test_explain_tells_a_signal_and_an_order(api: House) -> None:
    """Both ids lead to the same story, from the journal."""
    receipt = await api.signal(buy())
    story = await api.get(f"/v1/explain/{receipt.signal}")
    assert story["outcome"] == "filled"
    assert [order["account"] for order in story["orders"]] == ["one", "two"]
    stages = [stage["name"] for stage in story["timeline"]]
    assert stages[:3] == ["received", "accepted", "requested"]
    assert stages.count("sent") == stages.count("filled") == 2
    order = story["orders"][0]["cl_ord_id"]
    assert await api.get(f"/v1/explain/{order}") == story


async def test_two_signals_in_one_write_each_have_their_send(api: House) -> None:
    """A send that served several signals is told in the story of each."""
    submit = api.runtime.submit
    now = api.runtime.clock.now()

    def signal(strategy: str, key: str, price: str) -> Signal:
        entry = buy(ord_type=OrdType.LIMIT, price=Decimal(price))
        return Signal(
            source="test", dialect="native", received_at=now, body_hash=key, raw="{}",
            strategy=strategy, intents=(entry,), key=key,
        )  # fmt: skip

    one, two = await asyncio.gather(
        submit(signal("fx", "a", "1.1")), submit(signal("swing", "b", "1.2"))
    )
    await api.settle()
    for receipt in (one, two):
        story = await api.get(f"/v1/explain/{receipt.signal}")
        names = [stage["name"] for stage in story["timeline"]]
        assert names.count("requested") == names.count("sent") == 2


async def test_quotes_and_one_account(api: House) -> None:
    """The last quote is shown with its age, and an account by itself."""
    quotes = await api.get("/v1/quotes?account=two&symbol=EURUSD")
    assert [(one["account"], one["bid"]) for one in quotes] == [("two", "1.16000")]
    assert (await api.get("/v1/account/two"))["id"] == "two"


async def test_listings_are_the_venue_s_own_figures(api: House) -> None:
    """What an account's venue lists is shown by account, under our name and the venue's."""
    every = await api.get("/v1/listings")
    assert {one["account"] for one in every} >= {"one", "two"}
    (found,) = await api.get("/v1/listings?account=two&symbol=EURUSD")
    listing = found["listing"]
    assert (listing["symbol"], listing["quote"]) == ("EURUSD", "USD")
    assert {"tick_size", "multiplier", "lot_step", "min_qty", "max_qty"} <= listing.keys()
    assert await api.get("/v1/listings?symbol=NIX") == []


async def test_metrics_are_readable_and_count_strangers(api: House) -> None:
    """Prometheus finds the engine, each account, and who was turned away."""
    api.served.turned.count("tradingview", "127.0.0.1", "token")
    answer = await api.call("GET", "/metrics")
    lines = answer.body.decode().splitlines()
    assert 'bascule_account_link_up{account="one"} 1.0' in lines
    assert "bascule_ready 1.0" in lines
    stranger = 'bascule_unauthenticated_requests_total{source="tradingview",why="token"} 1.0'
    assert stranger in lines


async def test_what_is_not_there_is_answered_with_a_code_and_what_to_do(api: House) -> None:
    """Unknown ids, accounts and paths are 404 with a stable code."""
    for url, code in (
        ("/v1/explain/nix-1", "unknown_signal"),
        ("/v1/account/nix", "unknown_account"),
        ("/v1/nix", "not_found"),
    ):
        answer = await api.call("GET", url)
        assert (answer.status, answer.json()["code"]) == (404, code)
        assert answer.json()["next"]
    answer = await api.call("GET", "/v1/orders?limit=0")
    assert (answer.status, answer.json()["code"]) == (400, "bad_request")


async def test_the_schema_lists_every_path(api: House) -> None:
    """OpenAPI has each path of the API."""
    paths = (await api.get("/schema"))["paths"]
    assert {"/v1/status", "/v1/flatten", "/v1/events", "/readyz"} <= paths.keys()


async def test_orders_of_others_are_counted_for_as_long_as_they_work(api: House) -> None:
    """One that a look no longer shows is none any more, and counts anew if it comes back."""

    async def counted() -> int:
        await api.call("POST", "/v1/reconcile/one")
        accounts = (await api.get("/v1/status"))["accounts"]
        return next(one for one in accounts if one["id"] == "one").get("foreign_orders", 0)

    order = VenueOrder(
        account=AccountId("one"),
        venue_order_id=VenueOrderId("by-hand"),
        venue_symbol=LISTING.venue_symbol,
        side=Side.BUY,
        ord_type=OrdType.LIMIT,
        ord_status=OrdStatus.WORKING,
        quantity=Decimal(1),
        cum_qty=Decimal(0),
        at=api.market.now(),
    )
    for shown in ((order,), (), (order,)):
        api.market.strange = shown
        assert await counted() == len(shown)
    api.market.strange, api.market.whole = (), False
    assert await counted() == 1


async def test_orders_of_others_are_shown_by_their_latest_terms(api: House) -> None:
    """The status and the list of orders say what they are; they are no strategy's."""
    for price in ("1.10", "1.20"):
        api.market.strange = (
            VenueOrder(
                account=AccountId("one"),
                venue_order_id=VenueOrderId("by-hand"),
                venue_symbol=LISTING.venue_symbol,
                side=Side.SELL,
                ord_type=OrdType.LIMIT,
                ord_status=OrdStatus.WORKING,
                quantity=Decimal(2),
                cum_qty=Decimal(0),
                at=api.market.now(),
                price=Decimal(price),
            ),
        )
        await api.call("POST", "/v1/reconcile/one")
    told = {
        "account": "one", "venue_order_id": "by-hand", "venue_symbol": "EURUSD", "side": "sell",
        "quantity": "2", "price": "1.20",
    }  # fmt: skip
    accounts = (await api.get("/v1/status"))["accounts"]
    assert [one.get("foreign", []) for one in accounts] == [[told], []]
    assert (await api.get("/v1/orders"))["foreign"] == [told]
    assert (await api.get("/v1/orders?account=one&which=all"))["foreign"] == [told]
    assert "foreign" not in await api.get("/v1/orders?account=two")
    assert "foreign" not in await api.get("/v1/orders?strategy=fx")
