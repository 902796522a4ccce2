"""``bascule explain``: the story of one signal or order, to its last line."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bascule.cli.common import ConfigOption, JsonOption, configured
from bascule.cli.exits import EngineUnreachable
from bascule.model.errors import JournalError, UsageError

if TYPE_CHECKING:
    from bascule.execution.story import OrderStory, Story

_WIRE_MAX = 600


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain")(explain)


def explain(
    name: Annotated[str, typer.Argument(metavar="ID", help="A signal's id, or an order's.")],
    config: ConfigOption = None,
    wire: Annotated[
        bool, typer.Option("--wire", help="Also what was said to the venue and by it.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Tell the whole story of a signal or order.

    Each stage with its time, each check, each fill, and one sentence on what to do.
    """
    import msgspec

    from bascule.cli.remote import (
        engine_of,
        print_raw,
        quoted,
        say_from_journal,
    )
    from bascule.execution.story import Story

    settings = configured(config)
    try:
        answer = engine_of(settings).get(f"/v1/explain/{quoted(name)}")
    except EngineUnreachable:
        answer = msgspec.json.encode(_from_journal(settings.data.journal, name))
        say_from_journal()
    found = msgspec.json.decode(answer, type=Story)
    if as_json:
        print_raw(answer)
        return
    for line in story_lines(found):
        typer.echo(line)
    if wire:
        for line in _wire_lines(settings.data.wire_log, found):
            typer.echo(line)


def _from_journal(journal: Path, name: str) -> "Story":
    from bascule.api.reading import story

    found = story(journal, name)
    if found is None:
        raise UsageError(
            f"The journal holds no signal and no order {name!r}.",
            code="unknown_signal",
            hint="`bascule signals` and `bascule orders --all` list their ids.",
        )
    return found


def story_lines(story: "Story") -> list[str]:
    """Write a story for a terminal."""
    from bascule.cli.telling import clock_time, date_time
    from bascule.execution.story.words import span

    lines = [f"Signal {story.signal}: {story.outcome.replace('_', ' ')}"]
    lines += [
        f"  received   {date_time(story.received_at)} UTC from {story.source}"
        + (f", {story.dialect}" if story.dialect else "")
        + (f", strategy {story.strategy}" if story.strategy else "")
    ]
    lines += [f"  asked      {asked}" for asked in story.asked]
    lines += [f"  note       {note}" for note in story.notes]
    if story.raw:
        lines.append(f"  message    {' '.join(story.raw.split())}")
    lines += ["", "Timeline (UTC)"]
    width = max((len(stage.order or stage.account) for stage in story.timeline), default=0)
    for stage in story.timeline:
        about = (stage.order or stage.account).ljust(width)
        lines.append(
            f"  {clock_time(stage.at)}  {'+' + span(stage.after):>11}  {stage.name:<13} "
            f"{about}  {stage.text}"
        )
    for order in story.orders:
        lines += ["", *_order_lines(order)]
    lines += ["", story.closing]
    return lines


def _order_lines(order: "OrderStory") -> list[str]:
    from bascule.cli.telling import numbers
    from bascule.execution.story.words import number

    what = f"{order.side.value} {number(order.quantity)} {order.venue_symbol or order.symbol}"
    status = "held back" if order.refused_by else order.status.value.replace("_", " ")
    lines = [f"Order {order.cl_ord_id} on {order.account}: {order.role}, {what}, {status}"]
    told = [
        ("sizing", order.sizing),
        ("reference", order.reference),
        ("venue id", order.venue_order_id),
        ("held back", order.refused_text),
        ("ended", order.ended),
        ("in doubt", order.doubt),
    ]
    lines += [f"  {name:<10} {words}" for name, words in told if words]
    for fill in order.fills:
        cost = f", commission {number(fill.commission)} {fill.currency}" if fill.commission else ""
        lines.append(
            f"  {'fill':<10} {number(fill.quantity)} at {number(fill.price)}, "
            f"venue's id {fill.exec_id}{cost}"
        )
    if len(order.fills) > 1 and order.avg_price is not None:
        lines.append(f"  {'average':<10} {number(order.filled)} at {number(order.avg_price)}")
    if order.protection:
        lines.append(f"  {'guard':<10} {order.protection}")
    if order.checks:
        lines.append(f"  {'checks':<10} {'':<24} {'used':>12} {'limit':>12} {'room':>12}")
    for check in order.checks:
        used, limit, room = numbers(check.used, check.limit, check.room)
        mark = "passed" if check.passed else "REFUSED"
        text = f"  {check.text}" if check.text and check.passed else ""
        lines.append(f"    {mark:<8} {check.check:<24} {used:>12} {limit:>12} {room:>12}{text}")
    return lines


def _wire_lines(path: Path, story: "Story") -> list[str]:
    from bascule.cli.telling import clock_time
    from bascule.journal.wirelog import WireReader

    lines = ["", "Wire (UTC), secrets struck out"]
    try:
        with WireReader(path) as reader:
            said = [line for order in story.orders for line in reader.about(order.cl_ord_id)]
    except JournalError as error:
        return [*lines, f"  {error.message}"]
    for line in sorted(said, key=lambda line: line.id):
        way = ">" if line.direction == "out" else "<"
        payload = " ".join(line.payload.split())
        cut = f"{payload[:_WIRE_MAX]}..." if len(payload) > _WIRE_MAX else payload
        lines.append(f"  {clock_time(line.at)} {way} {line.subject}  {cut}")
    if len(lines) == 2:
        lines.append("  nothing is kept about its orders")
    return lines
