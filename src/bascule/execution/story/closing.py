"""The one sentence at the end: what happened, why, and what to do."""

from collections.abc import Callable, Sequence

from bascule.execution.story.guarding import bare
from bascule.execution.story.parts import OrderStory, RefusalLine, Story
from bascule.execution.story.words import ROLES, listed, number
from bascule.model.enums import ENDED, OrdStatus, Side

CHANGE_REFUSED = "change_refused"
"""The venue refused a cancel or a change that the signal asked for."""

_MAIN = (ROLES["e"], ROLES["x"])
_VERBS = {Side.BUY: "bought", Side.SELL: "sold"}
_SHOWN_MAX = 3

_ADVICE = {
    "no_route": "add a route for it, or correct the strategy's name in the alert",
    "key_conflict": "give each signal its own id",
    "stale": "find out what delayed it; nothing of it can be executed any more",
    "arm_not_remote": "arm on the command line: `bascule arm`",
    "not_an_order": "nothing, unless you meant an order",
    "unit_not_set": "set the units of this source, or send a unit with the number",
    "timestamp_in_future": "set the clock of the sender or of this machine",
    "unknown_symbol": "correct the symbol in the alert, or the account's symbol map",
    "halted": "arm the scope once the reason for the stop is gone",
    "account_not_ready": "wait for the first reconciliation, or run `bascule reconcile`",
    "pyramiding_limit": "nothing, or raise the route's pyramiding",
    "no_reference_price": "wait for a quote, or send a price with the signal",
    "shadow_mode": "nothing: a shadow account never sends",
    "no_stop": "send a stop with the entry, or size this account by a fixed quantity",
    "below_min_lot": "nothing, or give this account more risk or a fixed quantity",
    "session_closed": "send it when the session is open",
    "symbol_not_allowed": "nothing, or let the route trade it",
    "side_not_allowed": "nothing, or let the route take this side",
    "opposite_held": "close what is held first, or let the route reverse",
    CHANGE_REFUSED: "look at that order, and ask again if you still want it",
}
_WOULD_PASS = "Would pass:"
_PASS_ADVICE = "send what would pass as a new signal; it is not repeated by itself"
_DEFAULT_ADVICE = "correct what it names and send the signal anew; it is not repeated by itself"


def outcome_of(story: Story) -> str:
    """Give the one word that stands for the whole story."""
    if story.duplicate_of:
        return "duplicate"
    orders = _main(story)
    sent = [order for order in orders if not order.refused_by]
    if not sent:
        if story.touched:
            return "done"
        if story.refusals or orders:
            return "refused"
        if story.idle:
            return "nothing_to_do"
        return "done"
    for word, holds in _TESTS:
        if any(holds(order) for order in sent):
            return word
    if all(order.status is OrdStatus.FILLED for order in sent):
        return "filled"
    if any(order.filled for order in sent):
        return "partly_filled"
    if any(order.status is OrdStatus.REJECTED for order in sent):
        return "rejected"
    return "ended"


_TESTS: tuple[tuple[str, Callable[[OrderStory], bool]], ...] = (
    ("in_doubt", lambda order: order.status is OrdStatus.IN_DOUBT),
    ("working", lambda order: order.status not in ENDED),
)


def close(story: Story) -> str:
    """Say in one sentence what happened, why, and what to do."""
    return f"{_CLOSINGS[story.outcome](story)}."


def _main(story: Story) -> list[OrderStory]:
    return [order for order in story.orders if order.role in _MAIN]


def _duplicate(story: Story) -> str:
    return (
        f"This was a resend of {story.duplicate_of}, which had been answered before, so nothing "
        f"was done a second time; see `bascule explain {story.duplicate_of}`"
    )


def _refused(story: Story) -> str:
    held = _held_back(story)
    reasons: dict[tuple[str, str], list[str]] = {}
    for line in held:
        reasons.setdefault((line.text, line.code), []).append(line.account)
    words = [
        f"{_where(listed(accounts))}{text} ({code})" for (text, code), accounts in reasons.items()
    ]
    more = f"; and {len(words) - _SHOWN_MAX} more reasons" if len(words) > _SHOWN_MAX else ""
    said = f"{'; '.join(words[:_SHOWN_MAX])}{more}"
    return f"Nothing was sent: {said.rstrip('.')}. To do: {_advice(held[0])}"


def _held_back(story: Story) -> list[RefusalLine]:
    held = list(story.refusals)
    held += [
        RefusalLine(order.refused_by, order.refused_text, order.account, order.symbol)
        for order in _main(story)
        if order.refused_by
    ]
    return held


def _where(account: str) -> str:
    return f"{account}: " if account else ""


def _advice(line: RefusalLine) -> str:
    default = _PASS_ADVICE if _WOULD_PASS in line.text else _DEFAULT_ADVICE
    return _ADVICE.get(line.code, default)


def _idle(story: Story) -> str:
    words = list(dict.fromkeys(line.text for line in story.idle))
    return f"Nothing was sent, and nothing is wrong: {'; '.join(words[:_SHOWN_MAX])}"


def _done(story: Story) -> str:
    if story.touched:
        words = f"{'; '.join(story.touched[:_SHOWN_MAX])}{_and_more(story.touched)}"
        return f"Done: {words}; {_rest(story, 'there is nothing more to do')}"
    return "It was taken in and there was nothing for it to act on; there is nothing to do"


def _in_doubt(story: Story) -> str:
    unsure = [order for order in _main(story) if order.status is OrdStatus.IN_DOUBT]
    names = listed([f"{order.cl_ord_id} on {order.account}" for order in unsure[:_SHOWN_MAX]])
    return (
        f"It is not known whether {names} reached the venue ({unsure[0].doubt}), so it counts in "
        "every limit and is not sent again; Bascule is asking the venue, and if that settles "
        f"nothing, look there yourself and run `bascule resolve {unsure[0].cl_ord_id}`"
    )


def _working(story: Story) -> str:
    live = [order for order in _main(story) if order.status not in ENDED]
    words = [
        f"{order.side.value} {number(order.quantity)} {order.symbol} on {order.account}"
        f" ({_standing(order)})"
        for order in live[:_SHOWN_MAX]
    ]
    done = [order for order in _main(story) if order.filled and order.status in ENDED]
    before = f"{_capital(_fills(done))}; still open" if done else "Still open"
    rest = _rest(story, "nothing has to be done")
    return f"{before}: {listed(words)}{_and_more(live)}; {rest}"


def _standing(order: OrderStory) -> str:
    if order.filled:
        return f"{number(order.filled)} filled so far"
    return order.status.value.replace("_", " ")


def _and_more(things: Sequence[object]) -> str:
    return f" and {len(things) - _SHOWN_MAX} more" if len(things) > _SHOWN_MAX else ""


def _capital(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}"


def _filled(story: Story) -> str:
    return f"{_capital(_fills(_main(story)))}; {_rest(story, 'there is nothing to do')}"


def _fills(orders: list[OrderStory]) -> str:
    done = [order for order in orders if order.filled]
    words = [
        f"{_VERBS[order.side]} {number(order.filled)} {order.symbol} on {order.account}"
        + (f" at {number(order.avg_price)}" if order.avg_price is not None else "")
        for order in done[:_SHOWN_MAX]
    ]
    return f"{listed(words)}{_and_more(done)}"


def _partly(story: Story) -> str:
    short = [order for order in _main(story) if not order.refused_by and _short(order)]
    why = f"{short[0].cl_ord_id} ended {short[0].status.value.replace('_', ' ')}"
    if short[0].ended:
        why += f": {short[0].ended}"
    return (
        f"{_capital(_fills(_main(story)))}, which is less than was asked for, since {why}; "
        f"{_rest(story, 'decide whether to send the rest anew')}"
    )


def _short(order: OrderStory) -> bool:
    return order.status is not OrdStatus.FILLED


def _not_filled(story: Story) -> str:
    sent = [order for order in _main(story) if not order.refused_by]
    first = sent[0]
    why = first.ended or first.ended_code or first.status.value
    what = first.status.value.replace("_", " ")
    more = f", and {len(sent) - 1} more ended unfilled" if len(sent) > 1 else ""
    return (
        f"Nothing was filled: {first.cl_ord_id} on {first.account} was {what} ({why}){more}; "
        f"{_rest(story, 'send a new signal if you still want it')}"
    )


def _rest(story: Story, calm: str) -> str:
    """Say what else needs a person, or that nothing does."""
    exposed = [order for order in story.orders if bare(order, story.orders)]
    if exposed:
        return (
            f"no stop of {exposed[0].cl_ord_id} on {exposed[0].account} was taken: look at that "
            "position now"
        )
    held = _held_back(story)
    if held:
        first = held[0]
        count = "1 part of it was" if len(held) == 1 else f"{len(held)} parts of it were"
        return f"{count} held back ({_where(first.account)}{first.text}): {_advice(first)}"
    return calm


_CLOSINGS: dict[str, Callable[[Story], str]] = {
    "duplicate": _duplicate,
    "refused": _refused,
    "nothing_to_do": _idle,
    "done": _done,
    "in_doubt": _in_doubt,
    "working": _working,
    "filled": _filled,
    "partly_filled": _partly,
    "rejected": _not_filled,
    "ended": _not_filled,
}
