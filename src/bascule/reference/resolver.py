"""From the names traders use to the one instrument meant, or a refusal that lists candidates."""

import re
from collections.abc import Iterable, Mapping
from functools import cache

from msgspec import Struct

from bascule.model.account import SymbolMap
from bascule.model.instrument import Instrument
from bascule.model.values import Instant
from bascule.reference.codes import ANY, read_code
from bascule.reference.contracts import Product, products
from bascule.reference.instruments import aliases, instruments
from bascule.reference.localtime import local
from bascule.reference.refusal import Refusal

_CONTINUOUS = re.compile(r"(.+)(\d)!")
_NAME_MAX = 64
_CACHE_MAX = 4096
_CANDIDATES_MAX = 6
_FOREVER = Instant(1 << 62)


class Resolution(Struct, frozen=True):
    """What a name stands for.

    ``why`` says in a sentence how it was found. ``continuous`` is True for names such as ``ES1!``
    and then ``front`` is the contract that an entry goes to; ``instrument`` differs from it when
    an older contract is still held.
    """

    instrument: Instrument
    why: str
    front: Instrument | None = None
    continuous: bool = False


class _Kept(Struct, frozen=True):
    since: Instant
    until: Instant
    answer: Resolution | Refusal


class Resolver:
    """Resolves names against the packaged tables and what the user added to them.

    Answers are kept until their contract expires or rolls, at most 4096 at a time; a repeated name
    costs one dict look-up.
    """

    def __init__(
        self, extra: Iterable[Instrument] = (), more_aliases: Mapping[str, str] | None = None
    ) -> None:
        """Add the user's own instruments and aliases; they win over the packaged ones."""
        own: dict[str, Instrument] = {instrument.symbol: instrument for instrument in extra}
        self._plain: dict[str, Instrument] = {**instruments(), **own}
        self._aliases = {**aliases(), **(more_aliases or {})}
        self._roots = {p.name_in("tradingview"): p for p in products().values()} | products()
        self._kept: dict[str, _Kept] = {}

    def resolve(
        self,
        name: str,
        now: Instant,
        *,
        held: Iterable[str] = (),
        symbols: SymbolMap | None = None,
    ) -> Resolution | Refusal:
        """Give the instrument that a name stands for at ``now``.

        Args:
            name: as the sender wrote it.
            now: decides front month, expiry and one-digit years.
            held: for an exit, target or modify: our symbols that the strategy's book holds. A
                continuous name then means the contract held. Leave it empty for an entry.
            symbols: an account's map, when ``name`` may be in its venue's own spelling.
        """
        # A continuous name is no venue's spelling, also where an override leads to it.
        if symbols is not None and name not in self._plain and not name.endswith("!"):
            name = own_name(name, symbols)
        kept = self._kept.get(name)
        if kept is None or not kept.since <= now < kept.until:
            kept = self._keep(name, now)
        answer = kept.answer
        if held and isinstance(answer, Resolution) and answer.continuous:
            return self._held(name, answer, held, now)
        return answer

    def _keep(self, name: str, now: Instant) -> _Kept:
        answer, until = self._find(name, now)
        kept = _Kept(now, until, answer)
        if len(name) <= _NAME_MAX:
            if len(self._kept) >= _CACHE_MAX:
                self._kept.clear()
            self._kept[name] = kept
        return kept

    def _held(
        self, name: str, answer: Resolution, held: Iterable[str], now: Instant
    ) -> Resolution | Refusal:
        of_root = products()[answer.instrument.root].by_symbol
        contracts = [of_root[symbol] for symbol in held if symbol in of_root]
        if not contracts:
            return answer
        if len(contracts) > 1:
            names = tuple(str(c.symbol) for c in contracts)
            text = f"{name} is held in {' and '.join(names)}. Name the contract that is meant."
            return Refusal("ambiguous_symbol", text, names)
        contract = contracts[0]
        if now >= contract.expires:
            text = f"{name}: the book still holds {contract.symbol}, which has expired. Reconcile."
            return Refusal("expired_contract", text, (contract.symbol,))
        why = f"{name} is {contract.symbol}, the contract held"
        return Resolution(contract.instrument, why, front=answer.front, continuous=True)

    def _find(self, name: str, now: Instant) -> tuple[Resolution | Refusal, Instant]:
        if len(name) > _NAME_MAX:
            text = f"A symbol has at most {_NAME_MAX} characters; this one has {len(name)}."
            return Refusal("unknown_symbol", text), _FOREVER
        source, _, rest = name.strip().rpartition(":")
        written = rest.strip().upper()
        target = self._aliases.get(rest) or self._aliases.get(written) or written
        plain = (
            self._plain.get(rest)
            or self._plain.get(target)
            or self._plain.get(target.translate(_SEPARATORS))
        )
        if plain is not None:
            same = plain.symbol == name
            why = f"{name} is " + ("in the instrument table" if same else plain.symbol)
            return Resolution(plain, why), _FOREVER
        if match := _CONTINUOUS.fullmatch(target):
            return self._continuous(name, source, match[1], match[2], now)
        contract = read_code(target, ANY, self._roots, now)
        if contract is None:
            return self._unknown(name, target, now), _FOREVER
        if isinstance(contract, Refusal):
            return contract, now
        wrong = _wrong_source(name, source, products()[contract.root])
        if wrong is not None:
            return wrong, _FOREVER
        return Resolution(contract.instrument, f"{name} is {contract.symbol}"), contract.expires

    def _continuous(
        self, name: str, source: str, root: str, which: str, now: Instant
    ) -> tuple[Resolution | Refusal, Instant]:
        product = self._roots.get(root)
        if product is None:
            return self._unknown(name, root, now), _FOREVER
        wrong = _wrong_source(name, source, product)
        if wrong is not None:
            return wrong, _FOREVER
        front = product.front(now)
        if front is None:
            text = f"{name}: the table of exchange holidays ends before the next contract."
            return Refusal("beyond_calendar", text), _FOREVER
        if which != "1":
            text = f"{name} is a view; only {root}1! is followed. Name the contract."
            near = (f"{root}1!", str(front.symbol))
            return Refusal("continuous_not_followed", text, near), front.rolls
        rolls = local(front.rolls, product.exchange.zone)
        why = f"{name} is the front month {front.symbol} until {rolls:%Y-%m-%d %H:%M %Z}"
        answer = Resolution(front.instrument, why, front=front.instrument, continuous=True)
        return answer, front.rolls

    def _unknown(self, name: str, written: str, now: Instant) -> Refusal:
        product = self._roots.get(written)
        near = [
            symbol
            for symbol in (*self._plain, *self._aliases)
            if len(symbol) > 2 < len(written)
            and (symbol.startswith(written) or written.startswith(symbol))
        ]
        if product is not None:
            front = product.front(now)
            own = [f"{written}1!", *([str(front.symbol)] if front else [])]
            text = f"{name} is a root, not a contract. Send {' or '.join(own)}, or add an alias."
            return Refusal("ambiguous_symbol", text, tuple((own + near)[:_CANDIDATES_MAX]))
        text = f"{name} is not a known symbol."
        if near:
            text += (
                f" If it is a broker's spelling of {near[0]}, put its prefix or suffix in the "
                "account's symbol map; otherwise add an alias."
            )
        return Refusal("unknown_symbol", text, tuple(near[:_CANDIDATES_MAX]))


def own_name(venue_symbol: str, symbols: SymbolMap) -> str:
    """Give our spelling of a venue's name by an account's map; unmapped names come back as is."""
    for ours, theirs in symbols.overrides.items():
        if theirs == venue_symbol:
            return ours
    name = venue_symbol.removeprefix(symbols.prefix)
    return name.removesuffix(symbols.suffix) if symbols.suffix else name


_SEPARATORS = str.maketrans("", "", "/_ ")


def _wrong_source(name: str, source: str, product: Product) -> Refusal | None:
    prefix = source.upper().removesuffix("_DL")
    if not prefix or prefix == product.prefix or prefix in product.exchange.prefixes:
        return None
    text = (
        f"{name}: {product.root} in the futures table trades on {product.exchange.name}, which "
        f"TradingView writes {product.prefix}:, not {source}:. It may be another contract."
    )
    return Refusal("unknown_symbol", text, (f"{product.prefix}:{product.root}1!",))


@cache
def _packaged() -> Resolver:
    return Resolver()


def resolve(
    name: str, now: Instant, *, held: Iterable[str] = (), symbols: SymbolMap | None = None
) -> Resolution | Refusal:
    """Resolve against the packaged tables alone; see ``Resolver.resolve``."""
    return _packaged().resolve(name, now, held=held, symbols=symbols)
