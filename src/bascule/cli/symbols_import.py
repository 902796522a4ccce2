"""From a venue's own symbol list to the ``[accounts.A.symbols]`` that would map it.

It proposes and never guesses: a record is mapped when its name is one of ours (or an alias) once
a prefix and a suffix are taken off, and its profit currency, where stated, is ours too.
"""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation

from msgspec import Struct

from bascule.model.account import SymbolMap
from bascule.model.errors import UsageError
from bascule.model.instrument import Instrument
from bascule.model.values import Instant, text
from bascule.reference import Refusal, instruments, resolve

_COLUMNS = {
    "venue_symbol": ("venuesymbol", "symbol", "symbolname", "name", "instrument", "ticker"),
    "quote": ("quote", "currencyprofit", "profitcurrency", "quotecurrency"),
    "multiplier": ("multiplier", "contractsize", "tradecontractsize"),
}
"""Our column, and its spellings without case, spaces and signs, the best first."""
_AFFIX = re.compile(r"(?P<prefix>[#._]?)(?P<name>[A-Z0-9]{3,}?)(?P<suffix>[a-z]+|[^A-Za-z0-9].*)?")


class Record(Struct, frozen=True):
    """What the proposal reads of one record; '' and None where the file does not say."""

    venue_symbol: str
    quote: str = ""
    multiplier: Decimal | None = None


class Proposal(Struct, frozen=True):
    """A map, and what a person should look at: ``unknown`` records are not mapped.

    ``differs`` are sentences about records whose contract size is not the reference table's.
    """

    symbols: SymbolMap
    mapped: int
    unknown: tuple[str, ...]
    differs: tuple[str, ...]


def read_records(content: str) -> list[Record]:
    """Read a JSON list of objects, or a CSV with a header; commas, semicolons or tabs.

    Raises:
        UsageError: it is neither, or no column holds the symbol's name.
    """
    table = _json(content) if content.lstrip()[:1] in ("[", "{") else _csv(content)
    records = [record for row in table if (record := _record(row))]
    if not records:
        raise UsageError(
            "There is no symbol in the file: no column is called Symbol, Name or venue_symbol, or "
            "it is empty throughout.",
            code="no_symbols",
            hint="docs/symbols.md lists the columns that are read.",
        )
    return list({record.venue_symbol: record for record in records}.values())


def _json(content: str) -> list[Mapping[str, object]]:
    try:
        found = json.loads(content, parse_float=Decimal)
    except json.JSONDecodeError as error:
        text = f"The file is not JSON: {error.msg} (line {error.lineno}, column {error.colno})."
        raise UsageError(text, code="malformed_json") from error
    if isinstance(found, dict):
        found = found.get("symbols", [found])
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise UsageError("The file is no list of symbol records.", code="malformed_json")
    return found


def _csv(content: str) -> list[Mapping[str, object]]:
    header = content.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    return [dict(row) for row in csv.DictReader(io.StringIO(content), delimiter=delimiter)]


def _record(row: Mapping[str, object]) -> Record | None:
    named = {
        re.sub(r"[^a-z0-9]", "", str(name).lower()): str(value).strip()
        for name, value in row.items()
        if value is not None
    }

    def read(what: str) -> str:
        return next((named[one] for one in _COLUMNS[what] if named.get(one)), "")

    name = read("venue_symbol")
    try:
        size = Decimal(read("multiplier").replace(" ", "") or "NaN")
    except InvalidOperation:
        size = Decimal("NaN")
    return Record(name, read("quote").upper(), size if size.is_finite() else None) if name else None


def propose(records: Iterable[Record], now: Instant) -> Proposal:
    """Find the map under which most records are ours, and overrides for the rest."""
    records = list(records)
    prefix, suffix = _common(records)
    plain: dict[str, str] = {}
    others: dict[str, list[str]] = {}
    unknown, differs = [], []
    for record in records:
        ours, why = _ours(record, prefix, suffix, now)
        if ours is None:
            unknown.append(f"{record.venue_symbol}: {why}")
            continue
        differs += _differs(record, ours)
        if f"{prefix}{ours.symbol}{suffix}" == record.venue_symbol:
            plain[ours.symbol] = record.venue_symbol
        else:
            others.setdefault(ours.symbol, []).append(record.venue_symbol)
    overrides = {}
    for symbol, names in others.items():
        taken = [plain[symbol]] if symbol in plain else []
        if len(names) + len(taken) == 1:
            overrides[symbol] = names[0]
            continue
        unknown += [
            f"{name}: it would be {symbol}, as {' and '.join({*taken, *names} - {name})} would"
            for name in names
        ]
    return Proposal(
        SymbolMap(prefix=prefix, suffix=suffix, overrides=dict(sorted(overrides.items()))),
        len(plain) + len(overrides),
        tuple(unknown),
        tuple(differs),
    )


def _common(records: Iterable[Record]) -> tuple[str, str]:
    """Give the prefix and suffix round most names of the instrument table; both '' in a tie."""
    counts: Counter[tuple[str, str]] = Counter({("", ""): 0})
    for record in records:
        for name in _parts(record.venue_symbol):
            if name[1] in instruments():
                counts[name[0], name[2]] += 1
                break
    return counts.most_common(1)[0][0]


def _parts(name: str) -> list[tuple[str, str, str]]:
    """Split as (prefix, our name, suffix): whole first, then by what brokers put round a name."""
    parts = [("", name, "")]
    if match := _AFFIX.fullmatch(name):
        parts.append((match["prefix"], match["name"], match["suffix"] or ""))
    return parts


def _ours(record: Record, prefix: str, suffix: str, now: Instant) -> tuple[Instrument | None, str]:
    bare = record.venue_symbol.removeprefix(prefix)
    bare = bare.removesuffix(suffix) if suffix else bare
    names = [record.venue_symbol, bare, *(part[1] for part in _parts(record.venue_symbol))]
    for name in dict.fromkeys(names):
        found = resolve(name, now)
        if isinstance(found, Refusal) or found.continuous:
            continue
        ours = found.instrument
        if record.quote and record.quote != ours.quote:
            return None, f"its profit is in {record.quote}, and {ours.symbol} is in {ours.quote}"
        return ours, ""
    return None, "no table and no alias has it"


def _differs(record: Record, ours: Instrument) -> list[str]:
    if record.multiplier is None or record.multiplier == ours.multiplier:
        return []
    return [
        f"{record.venue_symbol}: its contract size is {text(record.multiplier)}, and the table "
        f"has {text(ours.multiplier)} for {ours.symbol}; orders go by the venue's"
    ]


def as_toml(account: str, proposal: Proposal) -> str:
    """Write the proposal as TOML, with what was not mapped as comments."""
    symbols = proposal.symbols
    lines = [f"[accounts.{_key(account)}.symbols]"]
    lines += [f"prefix = {_quoted(symbols.prefix)}"] if symbols.prefix else []
    lines += [f"suffix = {_quoted(symbols.suffix)}"] if symbols.suffix else []
    if symbols.overrides:
        lines += ["", f"[accounts.{_key(account)}.symbols.overrides]"]
        lines += [f"{_key(ours)} = {_quoted(name)}" for ours, name in symbols.overrides.items()]
    lines += [""] if proposal.unknown or proposal.differs else []
    lines += [_comment("Not mapped: " + one) for one in proposal.unknown]
    lines += [_comment("Look at this: " + one) for one in proposal.differs]
    return "\n".join(lines)


def _comment(sentence: str) -> str:
    return "# " + "".join(sign if sign.isprintable() else "?" for sign in sentence)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
