"""Finds what a free-form JSON alert says, whatever its author called the fields.

Senders agree on no names: the symbol is a ``ticker``, a ``pair`` or an ``instrument``, at the top
or inside ``strategy.order``. `collect` walks the containers that carry orders, leaves all others
closed (indicator data must never size an order), and files each value under the *role* its key
plays. An unknown key plays no role, unless it plainly names a stop: a stop is never lost silently.
"""

import re
from decimal import Decimal

from msgspec import Struct

from bascule.signals import lenient_json
from bascule.signals.instruction import Refuse, Rejection
from bascule.signals.words import fold


class Found(Struct, frozen=True, gc=False):
    """One value under a role. ``rank`` orders synonyms, ``depth`` is how far in it stood."""

    key: str
    value: object
    unit: str = ""
    rank: int = 0
    depth: int = 0


Fields = dict[str, list[Found]]
"""Roles and what was found for each, best first."""

_Role = tuple[str, str, int]
"""A role, the unit that the key names, and the key's rank among its synonyms."""

_ROLES = {
    "action": "action orderaction strategyorderaction tradeaction tradetype transactiontype",
    "side": "side direction orderside tradeside tradedirection positionside orderdirection",
    "event": "event eventtype signaltype alerttype messagetype actiontype",
    "type": "type",
    "signal": "signal command cmd order",
    "symbol": "symbol ticker",
    "symbol2": "pair tradingpair currencypair tvinstrument tradingsymbol tickerid sym "
    "tickersymbol symbolname instrument security market asset coin",
    "order_type": "ordertype ordtype",
    "qty": "qty quantity orderqty orderquantity contracts ordercontracts strategyordercontracts "
    "size ordersize tradesize amount orderamount shares positionqty positionquantity units",
    "qty_unit": "quantitytype qtytype sizetype amounttype investmenttype currencytype qtyunit "
    "sizeunit quantityunit amountpertradetype",
    "volume": "volume",
    "target": "positionsize strategypositionsize targetposition desiredposition netposition "
    "position",
    "now": "marketposition strategymarketposition sentiment",
    "now_size": "marketpositionsize strategymarketpositionsize",
    "before": "prevmarketposition previousmarketposition strategyprevmarketposition prevposition "
    "previousposition",
    "before_size": "prevmarketpositionsize previousmarketpositionsize prevpositionsize "
    "strategyprevmarketpositionsize",
    "price": "price orderprice strategyorderprice signalprice currentprice marketprice lastprice "
    "alertprice refprice referenceprice fillprice closeprice tradeprice close",
    "entry": "entry entryprice entrylevel priceentry",
    "limit": "limitprice orderlimitprice pricelimit",
    "bare_limit": "limit",
    "trigger": "stopprice triggerprice orderstopprice activationprice",
    "breakeven_after": "beaftertp1 breakevenaftertp1",
    "tif": "tif timeinforce",
    "reduce_only": "reduceonly closeonly exitonly",
    "leverage": "leverage",
    "multiplier": "multiplier",
    "contract_month": "lasttradedateorcontractmonth contractmonth expirymonth",
    "exchange": "exchange tvexchange",
    "account": "account accountid accountname accountnumber",
    "strategy": "strategy strategyname strat recorder signalname strategyid system",
    "comment": "comment ordercomment strategyordercomment",
    "order_id": "orderid strategyorderid orderref tradeid clientorderid id",
    "signal_id": "signalid eventid alertid messageid idempotencykey dedupkey dedupekey uuid "
    "requestid nonce",
    "time": "timenow firedat fired alerttime senttime sentat timestamp ts datetime date "
    "currenttime barclosetime time",
    "max_lag": "maxlag maxlags maxlagsec signalttlsec ttlsec maxages maxagesec",
    "status": "status orderstatus tradestatus",
    "ticket": "ticket dealid fillid execid",
    "metrics": "metrics",
    "auth": "auth",
    "credential": "secret passphrase password token key apikey authkey webhooksecret "
    "webhooktoken webhookkey signaltoken accesskey",
    "ohlc": "open high low",
}

_UNITS = {
    "lots": ("volume", "lots lot lotsize volumelots ordlots"),
    "quote": ("qty", "notional usdamount amountusd qtyusd sizeusd usdsize quoteqty quoteamount "
              "quoteorderqty dollaramount amountusdt sizeusdt usdtamount stakeamount"),
    "percent": ("qty", "qtypercent qtypct quantitypercent sizepercent sizepct percent "
                "equitypercent amountpercent"),
    "percent_equity": ("risk", "riskpercent riskpct riskpercentage riskpctequity riskpercentequity "
                       "riskpertradepct riskpertradepercent"),
    "amount": ("risk", "riskamount riskusd riskdollars riskcash"),
    "account_setting": ("risk", "risk riskpertrade"),
}  # fmt: skip

_LEVELS = {
    "sl": "sl stoploss slprice stoplossprice stoplosslevel stoplevel initialstop newsl newstop "
    "newstopprice newstoploss stop",
    "tp": "tp takeprofit tpprice takeprofitprice target targetprice profittarget takeprofitlevel "
    "newtp newtakeprofit tp1 target1 takeprofit1 tp1price",
}
_LEVEL_STEMS = {
    "sl": ("sl", "stoploss", "stop"),
    "tp": ("tp", "takeprofit", "target"),
    "trail": ("trail", "trailing", "trailingstop", "trailstop", "trailingstoploss"),
}
_LEVEL_UNITS = {
    "pips": ("pips", "pip"),
    "points": ("points", "point", "pts"),
    "ticks": ("ticks", "tick"),
    "percent": ("percent", "pct", "percentage", "perc"),
    "cash": ("dollars", "dollar", "usd", "cash"),
    "amount": ("amount", "distance", "offset"),
    "ratio": ("rr", "ratio", "r"),
}
_TRAIL_PARTS = {
    "trail_trigger": "trailtrigger trailingtrigger trailactivation trailingactivation",
}

TRANSPARENT = frozenset(
    {
        "order", "strategy", "strategyinfo", "strategyorder", "signal", "alert", "alertmessage",
        "message", "data", "payload", "body", "content", "info", "details", "params", "parameters",
        "position", "risk", "riskmanagement", "sl", "stop", "stoploss", "tp", "takeprofit",
        "trade", "deal", "execution",
    }
)  # fmt: skip
"""Containers whose members are read; all others are opaque."""

REPORTS = frozenset({"trade", "deal", "execution"})
"""Containers that report what happened and ask for nothing."""

_INFORMATION = frozenset(
    {
        "bar", "bars", "candle", "ohlc", "ohlcv", "indicator", "indicators", "extra", "extras",
        "meta", "metadata", "context", "features",
    }
)  # fmt: skip
"""Closed containers that tell of the market or of the sender: a stop in them guards no order."""

_JSON_IN_TEXT = frozenset({"order", "signal", "alertmessage", "message", "data", "payload"})
_INNER_NAMES = {
    "sl": {
        "price": "sl", "value": "sl", "stopprice": "sl", "level": "sl", "percent": "slpercent",
        "pct": "slpercent", "pips": "slpips", "points": "slpoints", "ticks": "slticks",
        "amount": "slamount", "trailpercent": "trailpercent", "trailamount": "trailamount",
        "trailprice": "trailamount",
    },
    "tp": {
        "price": "tp", "value": "tp", "limitprice": "tp", "level": "tp", "percent": "tppercent",
        "pct": "tppercent", "pips": "tppips", "points": "tppoints", "ticks": "tpticks",
        "amount": "tpamount",
    },
}  # fmt: skip
_INNER_NAMES["stop"] = _INNER_NAMES["stoploss"] = _INNER_NAMES["sl"]
_INNER_NAMES["takeprofit"] = _INNER_NAMES["tp"]
_MAX_DEPTH = 4
_NAMES_KEPT = 4096
_NAME_KEPT = 64
_OPENERS = frozenset('{[ "')
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_STOP_WORDS = frozenset({"sl", "stop", "stops", "stoploss"})
_LATER_TARGET = re.compile(r"(?:tp|target|takeprofit)([2-9])(?:price)?")
_PORTION = re.compile(
    r"(?:tp|target|takeprofit)([1-9])(frac|fraction|size|sizepct|portion|portionpct|closepct|"
    r"closepercent|qtypct|qtypercent)"
)


def _index() -> dict[str, _Role]:
    roles = {
        key: (role, "", rank)
        for role, keys in _ROLES.items()
        for rank, key in enumerate(keys.split())
    }
    for unit, (role, keys) in _UNITS.items():
        roles |= {key: (role, unit, rank) for rank, key in enumerate(keys.split())}
    for role, keys in _LEVELS.items():
        roles |= {key: (role, "price", rank) for rank, key in enumerate(keys.split())}
    for role, stems in _LEVEL_STEMS.items():
        for unit, endings in _LEVEL_UNITS.items():
            for stem in stems:
                roles |= {stem + ending: (role, unit, 0) for ending in endings}
                roles |= {ending + stem: (role, unit, 0) for ending in endings if len(ending) > 2}
    for role, keys in _TRAIL_PARTS.items():
        roles |= {key: (role, "", rank) for rank, key in enumerate(keys.split())}
    for stem in _LEVEL_STEMS["trail"]:
        roles[stem] = ("trail", "account_setting", 0)
    return roles


_INDEX = _index()
_NO_ROLE: _Role = ("", "", 0)
_RESOLVED: dict[str, _Role] = {}


def _resolve(key: str) -> _Role:
    """Find the role of a key that was not met before, and remember it if there is room."""
    folded = fold(key)
    role = _INDEX.get(folded) or _numbered(folded) or _stop_by_name(key) or _NO_ROLE
    if len(_RESOLVED) < _NAMES_KEPT and len(key) <= _NAME_KEPT:
        _RESOLVED[key] = role
    return role


def _numbered(folded: str) -> _Role | None:
    if match := _LATER_TARGET.fullmatch(folded):
        return f"tp{match[1]}", "price", 0
    if match := _PORTION.fullmatch(folded):
        return f"tp{match[1]}_portion", "ratio" if match[2].startswith("frac") else "percent", 0
    return None


def _stop_by_name(key: str) -> _Role | None:
    words = [word.lower() for word in _WORD.findall(key)]
    if not _STOP_WORDS.isdisjoint(words):
        return "unknown_stop", "", 0
    return None


def collect(document: dict[str, object]) -> Fields:
    """Sort the members of a document and of its transparent containers by role.

    Values that stand deeper in come first, for they speak of the order itself.

    Raises:
        Refuse: ``malformed_json`` when a container that must be JSON holds something else.
    """
    fields: Fields = {}
    _walk(document, "", 0, fields)
    for found in fields.values():
        if len(found) > 1:
            found.sort(key=_order)
    return fields


def _order(found: Found) -> tuple[int, int]:
    return -found.depth, found.rank


def _walk(members: dict[str, object], within: str, depth: int, fields: Fields) -> None:
    for key, value in members.items():
        kind = type(value)
        if (kind is dict or kind is list or (kind is str and str(value)[:1] in _OPENERS)) and (
            _enter(key, value, depth, fields)
        ):
            continue
        role = _role_within(within, key) if within else _RESOLVED.get(key) or _resolve(key)
        if role is not _NO_ROLE:
            name, unit, rank = role
            _file(fields, name, Found(key, value, unit, rank, depth))
        elif kind is dict or kind is list:
            _file_hidden_stops(key, value, depth, fields)


def _file_hidden_stops(
    key: str, value: object, depth: int, fields: Fields, within: str = ""
) -> None:
    """File the stops that stand in a closed container: nothing reads them, and none may be lost."""
    if fold(key) in _INFORMATION or depth > _MAX_DEPTH:
        return
    for inner in value if isinstance(value, list) else [value]:
        for name, one in inner.items() if isinstance(inner, dict) else ():
            if _INDEX.get(fold(name), _NO_ROLE)[0] in ("sl", "trail"):
                _file(fields, "hidden_stop", Found(f"{within}{key}.{name}", one, depth=depth))
            elif isinstance(one, dict | list):
                _file_hidden_stops(name, one, depth + 1, fields, f"{within}{key}.")


def _file(fields: Fields, role: str, found: Found) -> None:
    if role in fields:
        fields[role].append(found)
    else:
        fields[role] = [found]


def _role_within(within: str, key: str) -> _Role:
    if within in _INNER_NAMES:
        return _INDEX.get(_INNER_NAMES[within].get(fold(key), ""), _NO_ROLE)
    return _INDEX.get(within + fold(key)) or _RESOLVED.get(key) or _resolve(key)


def _enter(key: str, value: object, depth: int, fields: Fields) -> bool:
    """Walk a container, and tell whether that settles the key.

    A closed container is settled unless its key plays a role: a size that is an object is no size
    that can be read, and must not get lost.
    """
    folded = fold(key)
    inner = _inner(folded, value)
    if inner is None:
        return False
    if depth < _MAX_DEPTH:
        _walk(inner, folded, depth + 1, fields)
    if folded in _STOP_WORDS and "sl" not in fields and "trail" not in fields:
        _file(fields, "unknown_stop", Found(key, inner))
    if folded in REPORTS:
        _file(fields, "report", Found(key, folded, depth=depth))
    return True


def _inner(folded: str, value: object) -> dict[str, object] | None:
    if folded not in TRANSPARENT:
        return None
    if isinstance(value, dict):
        return value
    if not isinstance(value, str) or folded not in _JSON_IN_TEXT:
        return None
    for _ in range(2):
        read = lenient_json.decode(value)
        if isinstance(read, Rejection):
            if folded != "order":
                return None
            raise Refuse("malformed_json", f"{folded} holds JSON that is not: {read.why}")
        if isinstance(read.value, dict):
            return read.value
        if not isinstance(read.value, str):
            break
        value = read.value
    return None


def named(fields: Fields, role: str) -> Found | None:
    """Give what speaks for a role: the innermost, then the most usual name, skipping nulls."""
    for found in fields.get(role, ()):
        if found.value is not None:
            return found
    return None


def text(fields: Fields, role: str) -> str:
    """Give a role's value as text, trimmed; empty when there is none or it is no text."""
    for found in fields.get(role, ()):
        if isinstance(found.value, str) and (trimmed := found.value.strip()):
            return trimmed
        if isinstance(found.value, Decimal) and found.value.is_finite():
            return format(found.value, "f") if abs(found.value.adjusted()) < 40 else ""
    return ""
