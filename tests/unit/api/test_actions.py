from decimal import Decimal

import pytest

from bascule.api import reconciling
from bascule.model.enums import OrdStatus, OrdType, Side
from bascule.model.event import CancelRequested, ForeignOrderSeen
from bascule.model.ids import AccountId, ClOrdID, VenueOrderId, VenueSymbol
from bascule.model.values import DAY, Instant

from .house import House, buy

WHO = {"by": "anna", "reason": "a test"}


async def test_a_halt_holds_entries_back_and_arming_needs_the_name(api: House) -> None:
    """Halt, a refused entry, a wrong name, the right one, and the entry passes."""
    halted = await api.call("POST", "/v1/halt", {"scope": "all", **WHO})
    assert (halted.status, halted.json()["status"]) == (200, "stopped")
    await api.signal(buy())
    assert (await api.get("/v1/positions"))["books"] == []
    status = await api.get("/v1/status")
    assert [stop["scope"] for stop in status["stops"]] == ["all"]
    assert status["accounts"][0]["latched"] is True
    wrong = await api.call("POST", "/v1/arm", {"scope": "all", "typed": "al", **WHO})
    assert (wrong.status, wrong.json()["code"]) == (409, "arm_not_confirmed")
    armed = await api.call("POST", "/v1/arm", {"scope": "all", "typed": "all", **WHO})
    assert armed.json() == {"status": "armed", "text": "all is armed"}
    await api.signal(buy())
    assert len((await api.get("/v1/positions"))["books"]) == 2


async def test_arming_without_a_name_is_refused_from_wherever(api: House) -> None:
    """No peer may arm without the typed name, this machine's own included."""
    await api.call("POST", "/v1/halt", {"scope": "account:one", **WHO})
    answer = await api.call("POST", "/v1/arm", {"scope": "account:one", **WHO})
    assert (answer.status, answer.json()["code"]) == (409, "arm_not_confirmed")
    assert "account:one" in api.runtime.state.stops


async def test_a_lock_cannot_be_armed_before_its_time(api: House) -> None:
    """A halt with a time to come is a lock; a time that has passed is refused."""
    later = api.runtime.clock.now() + 3_600_000_000_000
    locked = await api.call("POST", "/v1/halt", {"scope": "firm:house", "until": later, **WHO})
    assert locked.json()["next"] == "when its time has passed, bascule arm --scope firm:house"
    assert "lock on firm:house" in locked.json()["text"]
    answer = await api.call("POST", "/v1/arm", {"scope": "firm:house", "typed": "house", **WHO})
    assert (answer.status, answer.json()["code"]) == (409, "locked")
    never = {"scope": "all", "until": 10**21, **WHO}
    assert (await api.call("POST", "/v1/halt", never)).json()["code"] == "bad_request"
    past = await api.call("POST", "/v1/halt", {"scope": "all", "until": 1, **WHO})
    assert (past.status, past.json()["code"]) == (400, "bad_request")


@pytest.mark.parametrize("ahead", [367 * DAY, 10**23])
async def test_a_lock_that_would_outlast_the_account_is_refused(api: House, ahead: int) -> None:
    """Nobody could ever lift it, so a slip of the hand is told instead."""
    until = api.runtime.clock.now() + ahead
    answer = await api.call("POST", "/v1/halt", {"scope": "all", "until": until, **WHO})
    assert (answer.status, answer.json()["code"]) == (400, "bad_request")
    assert not api.runtime.state.stops


async def test_a_freeze_holds_exits_back_too(api: House) -> None:
    """Under a freeze even a flatten is refused, and the answer says so."""
    await api.signal(buy())
    await api.call("POST", "/v1/freeze", {"scope": "all", **WHO})
    swept = await api.call("POST", "/v1/flatten", {"scope": "all", **WHO})
    assert len(swept.json()["refused"]) == 2
    assert "refused" in swept.json()["text"]


async def test_a_freeze_over_a_lock_is_lifted_and_the_lock_goes_on(api: House) -> None:
    """Both are shown; arming lifts the one that is a person's, and says what is left."""
    later = api.runtime.clock.now() + 3_600_000_000_000
    await api.call("POST", "/v1/halt", {"scope": "account:one", "until": later, **WHO})
    await api.call("POST", "/v1/freeze", {"scope": "account:one", **WHO})
    stops = (await api.get("/v1/status"))["stops"]
    assert [(stop["mode"], stop.get("until")) for stop in stops] == [
        ("freeze", None),
        ("lock", later),
    ]
    arm = {"scope": "account:one", "typed": "one", **WHO}
    armed = await api.call("POST", "/v1/arm", arm)
    assert armed.json()["text"] == "the freeze on account:one is lifted, and its lock goes on"
    assert (await api.call("POST", "/v1/arm", arm)).json()["code"] == "locked"


async def test_cancel_answers_with_the_entries_it_touches(api: House) -> None:
    """Working entries of the scope are asked back; the venue's word ends them."""
    await api.signal(buy(ord_type=OrdType.LIMIT, price=Decimal("1.1")))
    swept = await api.call("POST", "/v1/cancel", {"scope": "account:one", **WHO})
    canceled = swept.json()["canceled"]
    assert [(one["account"], one["quantity"]) for one in canceled] == [("one", "0.1")]
    await api.settle()
    live = (await api.get("/v1/orders"))["orders"]
    assert [one["account"] for one in live] == ["two"]


async def test_flatten_previews_then_closes_and_its_story_can_be_told(api: House) -> None:
    """The preview does nothing; the act closes what the preview named."""
    await api.signal(buy())
    ask = {"scope": "strategy:fx", **WHO}
    preview = (await api.call("POST", "/v1/flatten", {**ask, "preview": True})).json()
    assert (preview["status"], len(preview["closed"])) == ("preview", 2)
    assert len((await api.get("/v1/positions"))["books"]) == 2
    swept = (await api.call("POST", "/v1/flatten", ask)).json()
    assert [one["side"] for one in swept["closed"]] == ["sell", "sell"]
    await api.settle()
    assert (await api.get("/v1/positions"))["books"] == []
    story = await api.get(f"/v1/explain/{swept['signal']}")
    assert story["outcome"] == "filled"


async def test_a_sweep_of_nothing_says_so(api: House) -> None:
    """There is nothing to close on a flat engine."""
    swept = (await api.call("POST", "/v1/flatten", {"scope": "all", **WHO})).json()
    assert swept["text"] == "There is nothing to cancel and nothing to close"


async def test_an_order_in_doubt_is_settled_by_a_persons_word(api: House) -> None:
    """A lost answer is doubt; ``absent`` ends it, and only an order in doubt can be settled."""
    api.market.lose = True
    await api.signal(buy())
    await api.settle()
    doubt = (await api.get("/v1/status"))["in_doubt"]
    assert len(doubt) == 2
    ask = {"order": doubt[0], "outcome": "absent", "evidence": "not on their screen", "by": "anna"}
    done = await api.call("POST", "/v1/resolve", ask)
    assert (done.status, done.json()["status"]) == (200, "resolved")
    assert (await api.get("/v1/status"))["in_doubt"] == doubt[1:]
    again = await api.call("POST", "/v1/resolve", ask)
    assert (again.status, again.json()["code"]) == (409, "not_in_doubt")
    unsaid = await api.call("POST", "/v1/resolve", {**ask, "order": doubt[1], "evidence": " "})
    assert "'evidence' must hold 1 to " in str(unsaid.json())
    filled = await api.call("POST", "/v1/resolve", {**ask, "order": doubt[1], "outcome": "filled"})
    assert "the venue is being asked" in filled.json()["text"]
    order = api.runtime.state.accounts[api.runtime.setup.accounts[1].id].orders
    assert [one.status for one in order.values()] == [OrdStatus.IN_DOUBT]
    unknown = await api.call("POST", "/v1/resolve", {**ask, "order": "nix"})
    assert (unknown.status, unknown.json()["code"]) == (404, "unknown_order")


async def test_reconcile_says_whether_the_venue_agrees(api: House) -> None:
    """Agreement, then a difference that two looks in a row confirm as drift."""
    fine = await api.call("POST", "/v1/reconcile/one")
    assert fine.json()["status"] == "reconciled"
    api.market.foreign = Decimal(3)
    once = (await api.call("POST", "/v1/reconcile/one")).json()
    assert once["status"] == "looked"
    assert "the venue holds 3, the journal 0" in once["text"]
    drift = await api.call("POST", "/v1/reconcile/one")
    assert drift.json()["status"] == "drift"
    assert "the venue holds 3, the journal 0" in drift.json()["text"]
    assert "`bascule reconcile one --adopt --reason ...`" in drift.json()["next"]
    answer = await api.call("GET", "/readyz")
    assert (answer.status, list(answer.json()["waiting_for"])) == (503, ["one"])


@pytest.mark.parametrize(
    ("scope", "status", "code"),
    [
        ("everything", 400, "bad_scope"),
        ("account:", 400, "bad_scope"),
        ("account:onee", 404, "unknown_scope"),
        ("venue:nix", 404, "unknown_scope"),
        ("strategy:nix", 404, "unknown_scope"),
        ("firm:nix", 404, "unknown_scope"),
    ],
)
async def test_a_scope_must_stand_for_something(
    api: House, scope: str, status: int, code: str
) -> None:
    """A scope that names nothing is refused, since a stop on it would stop nothing."""
    answer = await api.call("POST", "/v1/halt", {"scope": scope, **WHO})
    assert (answer.status, answer.json()["code"]) == (status, code)
    assert api.runtime.state.stops == {}


async def test_a_stop_needs_a_name_and_a_reason(api: House) -> None:
    """Both are journaled, so neither may be empty, missing or a book."""
    for body in (
        {"scope": "all", "by": " ", "reason": "x"},
        {"scope": "all", "by": "anna", "reason": "x" * 501},
        {"scope": "all", "by": "anna"},
        {"scope": "all", "by": "anna", "reason": "x", "mode": "arm"},
    ):
        answer = await api.call("POST", "/v1/halt", body)
        assert (answer.status, answer.json()["code"]) == (400, "bad_request")
    answer = await api.call("POST", "/v1/halt", b"{")
    assert (answer.status, answer.json()["code"]) == (400, "bad_request")
    assert api.runtime.state.stops == {}


async def test_a_look_can_be_tried_without_changing_anything(api: House) -> None:
    """It says what the venue holds and what it would change; the journal stays as it was."""
    fine = await api.call("POST", "/v1/reconcile/one?which=preview")
    assert fine.json()["status"] == "agrees"
    api.market.foreign = Decimal(3)
    before = api.runtime.head_seq
    would = (await api.call("POST", "/v1/reconcile/one?which=preview")).json()
    assert would["status"] == "would_change"
    assert "the venue holds 3, the journal 0" in would["text"]
    assert api.runtime.head_seq == before


def test_what_a_look_would_have_done_is_told_in_words() -> None:
    """Which order, and what would be asked of it; a stranger's order with its contract."""
    asked = CancelRequested(
        at=Instant(1), account=AccountId("one"), cl_ord_id=ClOrdID("a-1s"), request_id="", reason=""
    )
    assert reconciling.said(asked) == "then a-1s would be asked back"
    strange = ForeignOrderSeen(
        at=Instant(1),
        account=AccountId("one"),
        venue_order_id=VenueOrderId("7"),
        venue_symbol=VenueSymbol("EURUSD.x"),
        side=Side.BUY,
        quantity=Decimal(2),
        note="",
    )
    assert reconciling.said(strange) == "an order that Bascule did not send: buy 2 EURUSD.x (7)"


@pytest.mark.parametrize("which", ["look", "preview", "adopt"])
async def test_an_answer_that_lacks_a_page_is_no_agreement(api: House, which: str) -> None:
    """Nor does it change anything, though all agreed the time before."""
    assert (await api.call("POST", "/v1/reconcile/one")).json()["status"] == "reconciled"
    api.market.whole = False
    path = f"/v1/reconcile/one?which={which}&by=ada&reason=seen"
    told = (await api.call("POST", path)).json()
    assert told["status"] == "looked"
    assert "lacked a page" in told["text"]


async def test_an_order_in_doubt_is_no_agreement(api: House) -> None:
    """Its positions may agree: nobody knows whether it was taken."""
    api.market.lose = True
    await api.signal(buy())
    await api.settle()
    for which in ("look", "preview"):
        told = (await api.call("POST", f"/v1/reconcile/one?which={which}")).json()
        assert told["status"] == "looked"
        assert "is in doubt" in told["text"]


async def test_a_person_takes_over_what_no_report_explains(api: House) -> None:
    """Who and why are journaled, the manual book has the difference, and entries go again."""
    api.market.foreign = Decimal(3)
    for _ in range(2):
        await api.call("POST", "/v1/reconcile/one")
    refused = await api.call("POST", "/v1/reconcile/one?which=adopt")
    assert refused.json()["code"] == "reason_missing"
    done = await api.call("POST", "/v1/reconcile/one?which=adopt&by=ada&reason=bought+by+hand")
    assert done.json()["status"] == "reconciled"
    account = api.runtime.state.accounts[AccountId("one")]
    assert not account.drift
    books = {book.strategy: book.quantity for book in account.books.values() if book.quantity}
    assert books == {"manual": Decimal(3)}
    assert (await api.call("GET", "/readyz")).status == 200


async def test_a_venue_that_waits_for_nobody_is_not_resumed(api: House) -> None:
    """One that was never halted is left alone, one that is none is not found; nothing is done."""
    fine = await api.call("POST", "/v1/venues/memory/resume", WHO)
    assert (fine.status, fine.json()["code"]) == (409, "not_halted")
    none = await api.call("POST", "/v1/venues/moon/resume", WHO)
    assert (none.status, none.json()["code"]) == (404, "unknown_venue")
    mute = await api.call("POST", "/v1/venues/memory/resume", {**WHO, "reason": " "})
    assert (mute.status, mute.json()["code"]) == (400, "bad_request")
    assert "halted" not in await api.get("/v1/status")
