"""``bascule fix session`` and ``bascule fix tail``: what a session's store holds."""

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bascule.cli.common import ConfigOption, JsonOption, configured, print_json, print_table
from bascule.cli.fix_sessions import ConfiguredSession, session_named, sessions_of
from bascule.model.errors import UsageError

if TYPE_CHECKING:
    from bascule.fixwire.reading import Kept

POLL_S = 0.25
SECONDS = 1_000_000_000


def session(
    name: Annotated[str, typer.Argument(help="One session; else all are shown.")] = "",
    set_next_in: Annotated[
        int, typer.Option("--set-next-in", help="The number to expect next.", show_default=False)
    ] = 0,
    set_next_out: Annotated[
        int, typer.Option("--set-next-out", help="The number to send next.", show_default=False)
    ] = 0,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the sequence numbers of the configured FIX sessions, or set those of one.

    Numbers are set only while no process uses the session, and forward only for what is sent: a
    number is never used twice. Agree on them with the counterparty first. You are asked to type the
    session's name.
    """
    loaded = configured(config)
    if set_next_in or set_next_out:
        if not name:
            raise UsageError("Name the session whose numbers are to be set.", code="usage")
        _set(session_named(loaded, name), set_next_in, set_next_out)
    shown = [session_named(loaded, name)] if name else sessions_of(loaded)
    states = [_state(one) for one in shown]
    if as_json:
        print_json(states)
        return
    if not states:
        typer.echo("No FIX session is configured.")
        return
    columns = ("session", "role", "next in", "next out", "since", "state")
    keys = ("name", "role", "next_in", "next_out", "since", "state")
    print_table(columns, [[str(state[key]) for key in keys] for state in states])


def _state(one: ConfiguredSession) -> dict[str, Any]:
    from bascule.fixwire.reading import Numbers, StoreReader, in_use

    numbers, state = Numbers(), "never used"
    if one.path.exists():
        reader = StoreReader(one.path)
        reader.more()
        numbers = reader.numbers
        state = "in use by a running process" if in_use(one.path) else "not in use"
    began = time.gmtime(numbers.created_ns // SECONDS)
    return {
        "name": one.name,
        "role": one.role,
        "next_in": numbers.next_in,
        "next_out": numbers.next_out,
        "since": time.strftime("%Y-%m-%d %H:%M:%SZ", began) if numbers.created_ns else "",
        "state": state,
        "store": str(one.path),
    }


def _set(one: ConfiguredSession, next_in: int, next_out: int) -> None:
    """Set numbers.

    Raises:
        StoreError: a process uses the session.
        UsageError: a number cannot be, or the name was not typed.
    """
    from bascule.fix.config import SessionConfig, version_named
    from bascule.fix.session import Session
    from bascule.fixwire.store import FileStore

    store = FileStore(one.path)
    try:
        wanted_in, wanted_out = next_in or store.next_in, next_out or store.next_out
        typer.echo(
            f"{one.name}: expect {wanted_in} (now {store.next_in}), send {wanted_out} (now"
            f" {store.next_out}). Messages in between are never asked for, and never resent.",
            err=True,
        )
        if typer.prompt(f"Type {one.name!r} to set them", err=True) != one.name:
            raise UsageError("The name was not typed. Nothing was changed.", code="not_confirmed")
        config = SessionConfig(
            version=version_named("FIX.4.4"), sender="-", target="-", role="acceptor"
        )
        try:
            Session(config, store, lambda message: None).set_numbers(
                next_in=wanted_in, next_out=wanted_out
            )
        except ValueError as error:
            raise UsageError(f"{error}. Nothing was changed.", code="fix_numbers") from error
        store.commit()
    finally:
        store.close()


def tail(
    name: Annotated[str, typer.Argument(help="The session; `bascule fix session` lists them.")],
    last: Annotated[int, typer.Option("--last", "-n", min=0, help="How many to begin with.")] = 10,
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Go on until Ctrl-C.")
    ] = True,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Follow the application messages of a FIX session, with the names of fields and values.

    It reads the session's store, and holds nobody up. What goes out is all there; what comes in is
    there where the session keeps it, which sessions of sources do. Passwords are struck out.
    """
    from bascule.fixwire.reading import StoreReader

    reader = StoreReader(session_named(configured(config), name).path)
    for kept in reader.more()[-last:] if last else reader.more()[:0]:
        _show(kept, as_json)
    while follow:
        try:
            time.sleep(POLL_S)
        except KeyboardInterrupt:
            return
        for kept in reader.more():
            _show(kept, as_json)
        sys.stdout.flush()


def _show(kept: "Kept", as_json: bool) -> None:
    from bascule.cli.fix_cmd import print_message, shown_message
    from bascule.fix.names import inspect

    shown = shown_message(inspect(kept.data), "FIX.5.0SP2", "", {})
    if as_json:
        print_json({"way": kept.way, "number": kept.number, **shown})
        return
    typer.echo(f"{'>' if kept.way == 'out' else '<'} {kept.number}  ", nl=False)
    print_message(shown)
