"""tvbit-bot's JSON: an order for Bybit, with the exchange's own API keys in the body.

It is read, so that its sender can be told what it would have done, and never acted on: whoever sees
such a message can trade. The keys are struck out before it is kept. Not affiliated with tvbit-bot;
checked 2026-11-21 against its public README; verify.
"""

from bascule.model.enums import OrdType
from bascule.signals.instruction import Hints, Instruction, Measure, Parsed, Refuse
from bascule.signals.json_measures import Guards, check_sides
from bascule.signals.members import Members, mentions, noting, order_prices, read_object
from bascule.signals.positions import long_of

NAME = "tvbit"
JSON_MARKS = ("api_secret_key",)

_TYPES = {"market": OrdType.MARKET, "limit": OrdType.LIMIT}
_FIELDS = ("symbol", "type", "price", "side", "qty", "tp", "sl")


def detect(text: str) -> int:
    """Claim JSON with an exchange's secret and an order."""
    return 90 if mentions(text, "api_secret_key", "order") else 0


def parse(text: str, hints: Hints) -> Parsed:
    """Read one order."""
    try:
        members = read_object(text)
        order = members.inner("order")
        if order is None:
            raise Refuse("missing_field", "no order")
        keys = members.has("api_key") or members.has("api_secret_key")
        read = _order(order, "exchange_keys_in_body" if keys else hints.auth)
        return noting(read, members.repairs)
    except Refuse as refused:
        return refused.rejection


def _order(order: Members, auth: str) -> Instruction:
    order.only(_FIELDS, "order")
    side = order.side("side")
    kind = order.choice("type", _TYPES)
    if kind is None:
        raise Refuse("missing_field", "order without its type")
    price = order.price("price") if kind is OrdType.LIMIT else None
    limit, _ = order_prices(kind, price, None)
    qty = order.positive("qty")
    if qty is None:
        raise Refuse("missing_field", "order without its qty")
    sl, tp = order.level("sl"), order.level("tp")
    unset, unreadable = order.holes(sl=("sl",), tp=("tp",))
    check_sides(side, limit, Guards(sl, tp))
    return Instruction(
        intent="open",
        side=side,
        symbol=order.symbol("symbol"),
        order_type=kind,
        qty=Measure(qty, "units"),
        limit=limit,
        sl=sl,
        tp=tp,
        position_effect=long_of(side),
        auth=auth,
        unset=unset,
        unreadable=unreadable,
    )
