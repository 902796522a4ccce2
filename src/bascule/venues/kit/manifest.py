"""Reads a venue's ``manifest.toml`` and gives planner and risk their ``Capabilities``.

Four support words and no others: ``native``, ``emulated``, ``absent``, ``unverified``. Only what
is native counts as a capability; an ``unverified`` thing is treated as absent.
"""

import tomllib
from datetime import date
from importlib.resources import files
from typing import Literal

import msgspec
from msgspec import Struct, field

from bascule.model.account import Capabilities
from bascule.model.enums import InstrumentKind, OrdType, Support, TimeInForce
from bascule.model.errors import ConfigError
from bascule.model.values import seconds

_FILE = "manifest.toml"


class _Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Feature(_Table, frozen=True):
    """How a venue does one thing, and what to know about it."""

    support: Support
    note: str = ""


class ClientOrderId(_Table, frozen=True):
    """Our order id at the venue. ``unique_for``: ``forever``, or a span such as ``session``."""

    support: Support
    max_length: int
    unique_for: str
    charset: str = "printable ASCII"


class AbsenceProof(_Table, frozen=True):
    """What proves that an order never lived: complete snapshots so far apart, or nothing."""

    by: Literal["snapshots", "never"]
    snapshots: int = 0
    apart_s: float = 0.0
    note: str = ""


class VenueSection(_Table, frozen=True):
    """Who and what. ``sessions`` is how many links of one login the venue takes, 0 for any."""

    id: str
    name: str
    transport: str
    api_docs_checked: date
    sessions: int = 0
    note: str = ""


class CapabilitySection(_Table, frozen=True):
    """Support by name, one table each."""

    order: dict[OrdType, Feature]
    time_in_force: dict[TimeInForce, Feature]
    kind: dict[InstrumentKind, Feature]
    protection: dict[str, Feature]
    safety: dict[str, Feature]
    client_order_id: ClientOrderId
    absence_proof: AbsenceProof


class OutcomeProof(_Table, frozen=True):
    """Which answers of an endpoint prove a refusal, and which leave the outcome unknown."""

    refused: tuple[str, ...]
    unknown: tuple[str, ...]


class Limits(_Table, frozen=True):
    """Pace and patience. Rates of zero mean that the venue states none."""

    submit_timeout_s: float
    requests_per_second: float = 0.0
    burst: int = 0


class Manifest(_Table, frozen=True):
    """One venue's manifest, as written."""

    venue: VenueSection
    capabilities: CapabilitySection
    limits: Limits
    outcome_proof: dict[str, OutcomeProof] = field(default_factory=dict)

    def has(self, safety: str) -> bool:
        """Whether the venue does something of the table ``safety`` natively."""
        return _has(self.capabilities.safety, safety)

    def capabilities_native(self) -> Capabilities:
        """Give what the venue does natively, as planner and risk read it."""
        found = self.capabilities
        proof = found.absence_proof
        return Capabilities(
            ord_types=tuple(name for name, how in found.order.items() if _native(how)),
            time_in_force=tuple(n for n, how in found.time_in_force.items() if _native(how)),
            kinds=tuple(name for name, how in found.kind.items() if _native(how)),
            native_bracket=_has(found.protection, "bracket"),
            native_trailing=_has(found.protection, "trailing_stop"),
            reduce_only=_has(found.safety, "reduce_only"),
            replace=_has(found.safety, "replace"),
            mass_cancel=_mass_cancel(found.safety),
            client_order_id_max=found.client_order_id.max_length,
            absence_proof=proof.by,
            absence_snapshots=proof.snapshots,
            absence_after_ns=seconds(proof.apart_s),
            submit_timeout_ns=seconds(self.limits.submit_timeout_s),
        )


def _mass_cancel(safety: dict[str, Feature]) -> Literal["none", "all", "symbol"]:
    if _has(safety, "mass_cancel"):
        return "all"
    return "symbol" if _has(safety, "mass_cancel_by_symbol") else "none"


def _native(feature: Feature) -> bool:
    return feature.support is Support.NATIVE


def _has(features: dict[str, Feature], name: str) -> bool:
    feature = features.get(name)
    return feature is not None and _native(feature)


def load(package: str) -> Manifest:
    """Read the manifest in a venue's folder.

    Raises:
        ConfigError: it is missing or cannot be read; the message names the key.
    """
    try:
        text = files(package).joinpath(_FILE).read_text(encoding="utf-8")
        return parse(text)
    except FileNotFoundError:
        raise ConfigError(f"the venue folder {package} has no {_FILE}") from None
    except ConfigError as error:
        raise ConfigError(f"{package}/{_FILE}: {error.message}") from None


def parse(text: str) -> Manifest:
    """Read a manifest from its text.

    Raises:
        ConfigError: it is no TOML, a key is missing or unknown, or a word is none of ours.
    """
    try:
        return msgspec.convert(tomllib.loads(text), Manifest)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(str(error)) from None
