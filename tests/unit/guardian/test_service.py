"""The guardian as a whole, on a venue in memory."""

import asyncio
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from bascule.config.guardian_log import read_log
from bascule.config.handover import Books, Floor, OwnedBook, Ownership, replace_file, write_floors
from bascule.config.latch import Entry, Latch, LatchMode
from bascule.guardian.service import Guardian
from bascule.guardian.setup import Options
from bascule.model.enums import ExecType, OrdStatus, OrdType, Side
from bascule.model.errors import VenueTerminal
from bascule.model.ids import ClOrdID
from bascule.model.values import DAY, HOUR, MILLISECOND, Instant
from bascule.venues.kit.contract import KeyScope, LinkState
from tests.unit.guardian.house import GOLD, OIL, QUICK, Hurry, Place, spec
from tests.waiting import until


@pytest.fixture(autouse=True)
async def hurried() -> None:
    """Let no test wait, nor be late."""
    Hurry(asyncio.get_running_loop())


@pytest.fixture
async def place(tmp_path: Path) -> Place:
    """Two accounts; alpha holds gold with a stop and an entry, beta is short oil."""
    made = Place(tmp_path)
    made.venue.hold("alpha", GOLD, 2)
    made.venue.rest("alpha", Side.SELL, 2, OrdType.STOP)
    made.venue.rest("alpha", Side.BUY, 1)
    made.venue.hold("beta", OIL, -1)
    return made


def latch(place: Place) -> set[tuple[str, str, str]]:
    """Give what is latched."""
    return set(Latch(place.directory / "latch").entries())


def log_kinds(place: Place) -> list[str]:
    """Give what the log holds."""
    return [line.kind for line, _ in read_log(place.files.log)]


async def flat(place: Place, *names: str) -> None:
    """Wait for the word."""
    await until(
        lambda: all(place.sweep_states()[name] == "flat" for name in names or ("alpha", "beta")),
        f"flat, and it is {place.sweep_states()}",
    )


# --- commands -------------------------------------------------------------------------------------


async def test_flatten_shuts_the_gate_then_closes_everything(place: Place) -> None:
    """The result comes with the gate shut; the venue is empty when the word is given."""
    async with place.running():
        result = await place.command("flatten")
        assert result.status == "done"
        assert result.accounts == ("alpha", "beta")
        assert latch(place) == {Entry("freeze", "guardian", "all")}
        assert place.sweep_states() == {"alpha": "sweeping", "beta": "sweeping"}
        await flat(place)
        assert (place.venue.net, place.venue.working) == ({}, [])
        assert len(place.told("flat")) == 2
        lines = place.guardian.report()
        assert {(line.account, line.what, line.state) for line in lines} == {
            ("alpha", "close", "done"),
            ("alpha", "cancel", "done"),
            ("beta", "close", "done"),
        }
        assert log_kinds(place)[:2] == ["started", "command"]


async def test_the_word_waits_for_the_longest_send_time_out(place: Place) -> None:
    """An order that left just before the gate shut is closed before anybody says flat."""
    place.venue.capabilities = msgspec.structs.replace(
        place.venue.capabilities, submit_timeout_ns=300 * MILLISECOND
    )
    async with place.running():
        await place.command("flatten")
        await until(lambda: not place.venue.net, "the first closes")
        assert "flat" not in place.sweep_states().values()
        place.venue.hold("alpha", GOLD, 3)
        await flat(place)
        assert place.venue.net == {}
        assert min(place.guardian.view().accounts[0].flat_ns or 0, 10**12) >= 300 * MILLISECOND


async def test_what_comes_in_after_the_word_is_closed_too(place: Place) -> None:
    """The guardian stays on watch, says that it is not flat any more, and closes again."""
    async with place.running():
        await place.command("flatten")
        await flat(place)
        place.venue.hold("beta", OIL, 5)
        await until(lambda: place.told("not_flat_again"), "the alarm")
        await flat(place)
        assert place.venue.net == {}


async def test_a_missing_page_takes_the_word_back_no_more_than_it_gives_it(place: Place) -> None:
    """Nothing is proven by half an answer: not flat before it, not unflat after it."""
    place.venue.complete = False
    async with place.running():
        await place.command("flatten")
        await until(lambda: not place.venue.net and not place.venue.working, "an empty venue")
        await until(lambda: True, "a while")
        assert "flat" not in place.sweep_states().values()
        place.venue.complete = True
        await flat(place)
        place.venue.complete = False
        seen = place.guardian.view().accounts[0].looked_at or 0
        await until(
            lambda: (place.guardian.view().accounts[0].looked_at or 0) > seen, "another look"
        )
        assert place.sweep_states()["alpha"] == "flat"
        assert not place.told("not_flat_again")


@pytest.mark.parametrize("scope", ["account:alpha", "firm:acme"])
async def test_a_scope_stops_its_own_accounts_only(place: Place, scope: str) -> None:
    """The other account keeps its position and its gate stays open."""
    async with place.running():
        assert (await place.command("flatten", scope)).accounts == ("alpha",)
        await flat(place, "alpha")
        assert place.venue.net == {("beta", OIL, ""): -1}
        assert not Latch(place.directory / "latch").covers(spec("beta"))


async def test_halt_and_lock_send_nothing(place: Place) -> None:
    """The gate is shut, and orders and positions stand as they are."""
    async with place.running():
        await place.command("halt")
        await place.command("lock", "account:beta", until=place.clock.now() + HOUR)
        assert latch(place) == {
            Entry("halt", "guardian", "all"),
            Entry("halt", "guardian", "account:beta"),
        }
        await until(lambda: place.guardian.view().accounts[0].positions == 1, "a look")
        assert (place.venue.seen, place.venue.canceled) == ([], [])


async def test_cancel_takes_entries_back_and_nothing_else(place: Place) -> None:
    """The entry goes, stop and position stay, and later entries go as well."""
    async with place.running():
        await place.command("cancel")
        await until(lambda: place.sweep_states()["alpha"] == "idle", "done")
        assert place.venue.canceled == ["v2"]
        later = place.venue.rest("alpha", Side.BUY, 1)
        await until(lambda: later.venue_order_id in place.venue.canceled, "the later entry")
        assert place.venue.seen == []


async def test_a_freeze_holds_the_guardians_own_hands(place: Place) -> None:
    """Nothing at all is sent until somebody says flatten again."""
    place.venue.answer = lambda order: "rest"
    async with place.running():
        await place.command("flatten")
        await until(lambda: len(place.venue.seen) == 2, "the closes")
        await place.command("freeze")
        place.venue.hold("beta", GOLD, 7)
        place.venue.answer = lambda order: "fill"
        await until(lambda: place.sweep_states()["beta"] == "idle", "the freeze")
        assert len(place.venue.seen) == 2
        await place.command("flatten")
        await until(lambda: len(place.venue.seen) == 3, "the sweep goes on")


async def test_arming_opens_the_gate_and_ends_the_sweep(place: Place) -> None:
    """Only the typed name does, and nothing is swept afterwards."""
    async with place.running():
        await place.command("flatten")
        await flat(place)
        assert (await place.command("arm")).code == "arm_not_confirmed"
        assert latch(place)
        assert (await place.command("arm", typed="all")).status == "done"
        assert latch(place) == set()
        place.venue.hold("alpha", GOLD, 1)
        await until(lambda: place.sweep_states()["alpha"] == "idle", "the end of the sweep")
        assert place.venue.net == {("alpha", GOLD, ""): 1}
        assert "armed" in log_kinds(place)


async def test_arming_one_scope_leaves_the_others(place: Place) -> None:
    """The account is armed and stays stopped by what stops everything."""
    async with place.running():
        await place.command("halt")
        await place.command("halt", "account:alpha")
        assert (await place.command("arm", "account:alpha", typed="alpha")).status == "done"
        assert latch(place) == {Entry("halt", "guardian", "all")}


@pytest.mark.parametrize(
    ("action", "scope", "code"),
    [
        ("flatten", "account:nobody", "unknown_scope"),
        ("flatten", "everything", "unknown_scope"),
        ("halt", "firm:", "unknown_scope"),
        ("lock", "all", "until_missing"),
        ("arm", "all", "not_stopped"),
    ],
)
async def test_what_means_nothing_changes_nothing(
    place: Place, action: str, scope: str, code: str
) -> None:
    """A refusal says why, is logged, and shuts no gate."""
    async with place.running():
        result = await place.command(action, scope)
        assert (result.status, result.code) == ("refused", code)
        assert latch(place) == set()
        assert log_kinds(place) == ["started", "refused"]


async def test_a_lock_that_nobody_could_lift_is_refused(place: Place) -> None:
    """A year is the most; what the guardian does by itself is not held up by that."""
    async with place.running():
        result = await place.command("lock", until=place.clock.now() + 367 * DAY)
        assert (result.status, result.code) == ("refused", "until_too_far")
        assert latch(place) == set()


async def test_a_venue_that_goes_on_refusing_calls_a_person(place: Place) -> None:
    """It is told once why the account is not flat, and tried again until it works."""
    place.venue.answer = lambda order: "refuse"
    async with place.running():
        await place.command("flatten", "account:beta")
        await until(lambda: place.sweep_states()["beta"] == "blocked", "the call")
        assert "the broker refuses it" in place.told("sweep_blocked")[0].text
        place.venue.answer = lambda order: "fill"
        await flat(place, "beta")
        assert len(place.told("sweep_blocked")) == 1


# --- restarts and other hands ---------------------------------------------------------------------


async def test_a_sweep_goes_on_after_a_restart(place: Place) -> None:
    """Stops are on the disk: whoever starts next sweeps until it is armed."""
    place.venue.answer = lambda order: "refuse"
    async with place.running():
        await place.command("flatten", until=place.clock.now() + HOUR)
        await until(lambda: place.venue.seen, "the first close")
    Latch(place.directory / "latch").clear("all")
    place.venue.answer = lambda order: "fill"
    async with place.running():
        await flat(place)
        assert place.venue.net == {}
        assert latch(place) == {Entry("freeze", "guardian", "all")}
        assert (await place.command("arm", typed="all")).code == "locked"


async def test_a_latch_that_somebody_took_away_is_put_back(place: Place) -> None:
    """A stop holds until it is armed at the guardian."""
    async with place.running():
        await place.command("halt")
        Latch(place.directory / "latch").clear("all")
        await until(lambda: latch(place), "the latch again")
        assert "latch_restored" in log_kinds(place)


@pytest.mark.parametrize(("mode", "action"), [("freeze", "flatten"), ("halt", "halt")])
async def test_a_keys_latch_is_a_command(place: Place, mode: LatchMode, action: str) -> None:
    """Whoever pressed the key wants to be out: a freeze by it closes everything."""
    async with place.running():
        pressed = Latch(place.directory / "latch")
        pressed.set("all", by="key", reason="pressed", mode=mode, keeper="key")
        await until(lambda: place.guardian.view().stops, "the stop")
        (stop,) = place.guardian.view().stops
        assert (stop.action, stop.by) == (action, "key")
        if action == "flatten":
            await flat(place)
        await place.command("arm", typed="all")
        assert latch(place) == set()


async def test_an_engines_latch_is_the_engines_matter(place: Place) -> None:
    """The guardian takes over no stop of the engine's, nor lifts it."""
    async with place.running():
        Latch(place.directory / "latch").set("all", by="me", reason="news")
        place.guardian.look_at_latch()
        assert place.guardian.view().stops == ()


# --- the engine -----------------------------------------------------------------------------------


async def test_a_stalled_engine_is_ended_before_anybody_says_flat(place: Place) -> None:
    """It could thaw and send: its end comes first, then the longest time-out, then the word."""
    place.engine()
    async with place.running():
        await until(lambda: place.guardian.view().engine == "alive", "the engine")
        await place.command("flatten")
        await flat(place)
        assert place.processes.killed == [7]
        kinds = log_kinds(place)
        assert kinds.index("engine_killed") < kinds.index("flat")


async def test_an_engine_that_comes_round_is_left_alive(place: Place) -> None:
    """A record younger than the latch proves that nothing is on its way any more."""
    place.engine()
    async with place.running():
        await place.command("flatten")
        for _ in range(50):
            place.engine()
            await place.clock.sleep(20 * MILLISECOND)
        assert place.processes.killed == []
        assert place.sweep_states() == {"alpha": "flat", "beta": "flat"}


async def test_an_engine_that_may_not_be_ended_keeps_the_word_back(tmp_path: Path) -> None:
    """With ``kill_stalled = false`` a person is told, and nobody says flat."""
    place = Place(tmp_path, options=msgspec.structs.replace(QUICK, kill_stalled=False))
    place.engine()
    async with place.running():
        await place.command("flatten")
        await until(lambda: place.told("engine_not_killed"), "the alarm")
        assert place.processes.killed == []
        assert "flat" not in place.sweep_states().values()


@pytest.mark.parametrize(("does", "action"), [("alert", None), ("halt", "halt"),
                                             ("flatten", "flatten")])  # fmt: skip
async def test_a_stalled_engine_pulls_the_trigger_that_was_set(
    tmp_path: Path, does: str, action: str | None
) -> None:
    """Its entries are held back until it runs again; what more is done is the user's to say."""
    place = Place(tmp_path, options=msgspec.structs.replace(QUICK, on_stall=does))
    place.engine()
    async with place.running():
        await until(lambda: place.told("engine_stalled"), "the alarm")
        assert Entry("halt", "stall", "all") in latch(place)
        stops = place.guardian.view().stops
        assert [stop.action for stop in stops] == ([action] if action else [])
        if does == "alert":
            place.engine()
            await until(lambda: place.told("engine_back"), "its return")
            assert latch(place) == set()


async def test_an_engine_that_stalled_before_the_guardian_began_is_held_and_told(
    place: Place,
) -> None:
    """A guardian that takes over from one that died finds it standing still, and lets none thaw."""
    place.engine(age_ns=60 * 1_000 * MILLISECOND)
    async with place.running():
        await until(lambda: place.told("engine_stalled"), "the alarm")
        assert Entry("halt", "stall", "all") in latch(place)
        place.engine()
        await until(lambda: place.told("engine_back"), "its return")
        assert latch(place) == set()


async def test_what_an_earlier_guardian_held_is_looked_at_anew(place: Place) -> None:
    """A connection or an engine that was down then holds nothing back now, nor after the end."""
    for keeper, scope in (("link", "account:alpha"), ("stall", "all")):
        earlier = Latch(place.directory / "latch")
        earlier.set(scope, by="guardian", reason="down", keeper=keeper)
    async with place.running():
        assert latch(place) == set()
        place.venue.sink(LinkState(False, "cut", place.venue.now()))
        await until(lambda: latch(place), "the hold")
    assert latch(place) == set()


async def test_half_of_somebodys_writing_is_no_command(place: Place) -> None:
    """An empty latch directory shuts the gate for as long as it is there, and sets no stop."""
    async with place.running():
        (place.directory / "latch").mkdir()
        place.guardian.look_at_latch()
        assert place.guardian.view().stops == ()


# --- triggers -------------------------------------------------------------------------------------


async def test_the_loss_line_closes_and_locks(place: Place) -> None:
    """At the line the account is flattened and locked until its time, engine or not."""
    until_when = Instant(place.clock.now() + HOUR)
    floor = Floor(level=Decimal(9_500), until=until_when, rule="daily loss")
    write_floors(place.files.floors, {"alpha": floor})
    async with place.running():
        await until(lambda: place.guardian.view().accounts[0].room == 500, "the room")
        place.venue.equity = Decimal(9_500)
        await flat(place, "alpha")
        (stop,) = place.guardian.view().stops
        assert (stop.scope, stop.action, stop.until) == ("account:alpha", "flatten", until_when)
        assert "daily loss" in stop.reason
        assert (await place.command("arm", "account:alpha", typed="alpha")).code == "locked"
        assert place.venue.net == {("beta", OIL, ""): -1}


@pytest.mark.parametrize(
    ("action", "scope"), [("cancel", "account:alpha"), ("flatten", "strategy:nobody")]
)
async def test_the_loss_line_counts_under_a_stop_that_leaves_positions_open(
    place: Place, action: str, scope: str
) -> None:
    """What a lesser command leaves open is flattened all the same once the line is met."""
    write_floors(place.files.floors, {"alpha": Floor(level=Decimal(9_500))})
    async with place.running():
        await until(lambda: place.guardian.view().accounts[0].room == 500, "the room")
        await place.command(action, scope)
        await until(lambda: place.guardian.view().accounts[0].sweep == "idle", "what was asked")
        assert any(owner == "alpha" for owner, *_ in place.venue.net)
        place.venue.equity = Decimal(9_500)
        await flat(place, "alpha")


async def test_the_tighter_of_two_loss_lines_counts(tmp_path: Path) -> None:
    """The user's own line stands beside the engine's, and the higher one is met first."""
    place = Place(
        tmp_path, options=msgspec.structs.replace(QUICK, floors={"alpha": Decimal(9_800)})
    )
    write_floors(place.files.floors, {"alpha": Floor(level=Decimal(9_500))})
    async with place.running():
        await until(lambda: place.guardian.view().accounts[0].floor == 9_800, "the line")
        write_floors(place.files.floors, {"alpha": Floor(level=Decimal(9_900))})
        await until(lambda: place.guardian.view().accounts[0].floor == 9_900, "the other")


async def test_a_living_engine_acts_first(place: Place) -> None:
    """While it lives the guardian's line lies lower; once it is gone the engine's own counts."""
    floor = Floor(level=Decimal(9_500), late=Decimal(9_400))
    write_floors(place.files.floors, {"alpha": floor})
    place.engine()
    async with place.running():
        await until(lambda: place.guardian.view().accounts[0].floor == 9_400, "the later line")
        place.processes.running.clear()
        await until(lambda: place.guardian.view().accounts[0].floor == 9_500, "the engine's own")


async def test_a_runaway_is_halted(place: Place) -> None:
    """More orders in a minute than were allowed, by the venue's own reports."""
    async with place.running():
        for number in range(6):
            order = place.venue.rest("alpha", Side.BUY, 1, cl_ord_id=ClOrdID(f"a-{number}"))
            place.venue.sink(place.venue.report(order, ExecType.NEW, OrdStatus.WORKING))
        (stop,) = place.guardian.view().stops
        assert (stop.scope, stop.action) == ("account:alpha", "halt")
        assert "in a minute" in stop.reason


async def test_what_the_venue_tells_is_looked_at_soon(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """People see what is held after a fill, and not what was held half a minute ago."""
    monkeypatch.setattr("bascule.guardian.keeper.NEWS_NS", 10 * MILLISECOND)
    async with place.running():
        await until(lambda: place.guardian.view().accounts[0].positions == 1, "a look")
        place.venue.hold("alpha", OIL, 1)
        order = place.venue.rest("alpha", Side.BUY, 1)
        place.venue.sink(place.venue.report(order, ExecType.NEW, OrdStatus.WORKING))
        await until(lambda: place.guardian.view().accounts[0].positions == 2, "a look at the news")


async def test_a_lost_connection_holds_entries_and_is_told(place: Place) -> None:
    """Entries are held after a while, then it is told; both end with its return."""
    async with place.running():
        place.venue.sink(LinkState(False, "cut", place.venue.now()))
        await until(lambda: Entry("halt", "link", "account:alpha") in latch(place), "the hold")
        await until(lambda: place.told("link_down"), "the alarm")
        place.venue.hold("alpha", GOLD, 0)
        place.venue.hold("beta", OIL, 0)
        place.venue.sink(LinkState(True, "back", place.venue.now()))
        await until(lambda: not latch(place), "the release")
        assert place.guardian.view().stops == ()


async def test_after_a_long_break_a_bare_position_is_closed(place: Place) -> None:
    """Alpha's stop stood at the venue and alpha stays; beta had none and is flattened."""
    async with place.running():
        place.venue.sink(LinkState(False, "cut", place.venue.now()))
        await until(lambda: latch(place), "the hold")
        place.venue.sink(LinkState(True, "back", place.venue.now()))
        await until(lambda: place.guardian.view().stops, "the trigger")
        (stop,) = place.guardian.view().stops
        assert (stop.scope, stop.action) == ("account:beta", "flatten")
        await flat(place, "beta")
        assert place.venue.net == {("alpha", GOLD, ""): 2}


async def test_a_connection_that_comes_back_for_a_moment_has_been_down_all_the_while(
    place: Place,
) -> None:
    """Nothing was looked at in that moment, so the longest of the breaks counts."""
    async with place.running():
        cut = LinkState(False, "cut", place.venue.now())
        place.venue.sink(cut)
        await until(lambda: latch(place), "the hold")
        back = LinkState(True, "back", place.venue.now())
        for told in (back, cut, back):
            place.venue.sink(told)
        await until(lambda: place.guardian.view().stops, "the trigger")
        assert [stop.scope for stop in place.guardian.view().stops] == ["account:beta"]


@pytest.mark.parametrize("native", [True, False])
async def test_a_venues_countdown_is_armed_where_it_has_one(tmp_path: Path, native: bool) -> None:
    """Were this machine to die, the venue would take entries back by itself."""
    place = Place(tmp_path, venue={"countdown": native})
    async with place.running():
        await place.clock.sleep(100 * MILLISECOND)
        told = [("alpha", 60), ("beta", 60)] if native else []
        assert sorted(place.venue.countdowns) == told


async def test_a_venue_with_one_session_is_logged_on_to_when_it_must_be(tmp_path: Path) -> None:
    """Until then the session is the engine's; then the engine is ended first."""
    place = Place(tmp_path, venue={"one_session": True})
    place.venue.hold("alpha", GOLD, 2)
    place.engine()
    place.guardian = guardian = Guardian(place.setup(), place.clock, place.processes)
    task = asyncio.ensure_future(guardian.run())
    await until(lambda: guardian.view().engine == "alive", "the engine")
    for _ in range(10):
        place.engine()
        await place.clock.sleep(20 * MILLISECOND)
    assert not any(account.link_up for account in guardian.view().accounts)
    assert latch(place) == set()
    await place.command("flatten")
    await flat(place)
    assert place.processes.killed == [7]
    assert place.venue.net == {}
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await guardian.close()


# --- one strategy ---------------------------------------------------------------------------------


async def test_one_strategy_is_the_engines_while_it_lives(place: Place) -> None:
    """The engine knows its books; it is told by the log, and the guardian sends nothing."""
    async with place.running():
        for _ in range(10):
            place.engine()
            await place.clock.sleep(20 * MILLISECOND)
        await place.command("flatten", "strategy:ma")
        assert latch(place) == {Entry("halt", "guardian", "strategy:ma")}
        for _ in range(10):
            place.engine()
            await place.clock.sleep(20 * MILLISECOND)
        assert place.venue.seen == []


async def test_one_strategy_is_closed_from_the_books_when_the_engine_is_dead(place: Place) -> None:
    """Its share of the position and its orders go; the rest of the account stays."""
    mine = place.venue.rest("alpha", Side.BUY, 1, cl_ord_id=ClOrdID("mine"))
    books = Ownership(
        orders={"mine": "ma"},
        books=(OwnedBook(strategy="ma", venue_symbol=GOLD, quantity=Decimal("1.5")),),
    )
    both = Books(at=Instant(1), accounts={"alpha": books})
    replace_file(place.files.books, msgspec.json.encode(both))
    place.engine()
    place.processes.running.clear()
    async with place.running():
        await until(lambda: place.guardian.view().engine == "dead", "the engine's end")
        await place.command("flatten", "strategy:ma")
        await until(lambda: place.sweep_states()["alpha"] == "idle", "its end")
        await until(lambda: place.venue.net[("alpha", GOLD, "")] == Decimal("0.5"), "the close")
        await place.clock.sleep(50 * MILLISECOND)
        assert place.venue.net == {("alpha", GOLD, ""): Decimal("0.5"), ("beta", OIL, ""): -1}
        assert place.venue.canceled == [mine.venue_order_id]


# --- what goes wrong ------------------------------------------------------------------------------


async def test_a_gate_that_cannot_be_shut_ends_the_engine(place: Place) -> None:
    """An engine that cannot be told is ended, and the sweep goes on."""
    (place.directory / "latch").write_text("this is no directory")
    place.engine()
    async with place.running():
        assert (await place.command("flatten")).status == "done"
        assert place.processes.killed == [7]
        assert place.told("latch_unwritable")
        await flat(place)


async def test_a_log_that_cannot_be_written_holds_up_no_sweep(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is told once, and everything is closed all the same."""

    def full(*words: object) -> None:
        raise OSError(28, "No space left on device")

    async with place.running():
        monkeypatch.setattr(place.guardian._log, "append", full)
        await place.command("flatten")
        await flat(place)
        assert len(place.told("guardian_log")) == 1
        monkeypatch.undo()


async def test_an_account_that_is_not_what_was_set_up_is_not_touched(place: Place) -> None:
    """A live account under a paper configuration: wrong keys must not close somebody's trades."""
    place.venue.live = True
    async with place.running():
        await until(lambda: len(place.told("account_refused")) == 2, "the refusal")
        await place.command("flatten")
        await place.clock.sleep(50 * MILLISECOND)
        assert place.venue.seen == []
        assert "is a live account" in place.guardian.view().accounts[0].note


async def test_a_sweep_waits_for_the_venue_to_say_whose_account_it_is(place: Place) -> None:
    """A guardian that starts in the middle of a stop asks first: it closes no stranger's trades."""
    async with place.running():
        await place.command("halt")
        await place.command("freeze")
    stops = place.files.stops
    stops.write_bytes(stops.read_bytes().replace(b"freeze", b"flatten"))
    place.venue.live = True
    async with place.running():
        await until(lambda: len(place.told("account_refused")) == 2, "the refusal")
        await place.clock.sleep(50 * MILLISECOND)
        assert place.venue.seen == []


async def test_keys_that_may_withdraw_are_not_used(place: Place) -> None:
    """The guardian's own credentials are held to the same rule as the engine's."""
    place.venue.scope = KeyScope(True, True)
    async with place.running():
        await until(lambda: place.told("account_refused"), "the refusal")
        assert "may withdraw" in place.told("account_refused")[0].text


async def test_a_fault_in_one_account_stops_no_other(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug of ours in alpha's keeper is told, and beta is flat all the same."""
    async with place.running():
        keeper = place.guardian._keepers[place.accounts[0].id]

        async def broken() -> int:
            raise ZeroDivisionError("our bug")

        monkeypatch.setattr(keeper, "turn", broken)
        await place.command("flatten")
        await flat(place, "beta")
        assert place.told("guardian_fault")
        monkeypatch.undo()


async def test_a_fault_in_one_venues_link_stops_no_other_venue(place: Place) -> None:
    """A client that breaks in a way nobody thought of is told and tried again; nothing ends."""
    connect, tries = place.venue.connect, list[int]()

    async def broken() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise ZeroDivisionError("our bug")
        await connect()

    place.venue.connect = broken  # type: ignore[method-assign]
    async with place.running():
        await until(lambda: place.guardian.view().accounts[0].positions is not None, "a look")
        assert place.told("guardian_fault")


async def test_a_venue_that_cannot_be_left_keeps_nobody_from_ending(place: Place) -> None:
    """What a broken connection held is released all the same, and the log says that it ended."""

    async def broken() -> None:
        raise VenueTerminal("its disk is full")

    async with place.running():
        place.venue.disconnect = broken  # type: ignore[method-assign]
        place.venue.sink(LinkState(False, "cut", place.venue.now()))
        await until(lambda: latch(place), "the hold")
    assert latch(place) == set()
    assert log_kinds(place)[-1] == "ended"


def test_nobody_prints_a_secret(tmp_path: Path) -> None:
    """Setups with credentials in them leave these out when they are shown."""
    place = Place(tmp_path)
    made = msgspec.structs.replace(place.setup().venues[0], secrets={"login": "hunter2"})
    setup = msgspec.structs.replace(place.setup(), venues=(made,))
    assert "hunter2" not in repr(made) + repr(setup) + repr(Guardian) + repr(Options())
