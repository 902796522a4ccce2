"""Numbers for Prometheus, read from the engine at the moment of the scrape."""

from collections import Counter as Tally
from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from bascule.api.status import StatusView

TEXT = "text/plain; version=0.0.4; charset=utf-8"

_OF_ACCOUNT = (
    ("link_up", "Whether the link to the account's venue is up"),
    ("reconciled", "Whether the account agrees with its venue since the link came up"),
    ("latched", "Whether the kill switch holds its entries back"),
    ("open_orders", "Orders that may still trade"),
    ("positions", "Contracts in which the account is not flat"),
    ("in_doubt", "Orders whose outcome nobody knows"),
    ("foreign_orders", "Working orders at the venue that Bascule did not send"),
    ("balance", "The venue's last word, in account currency"),
    ("equity", "Balance and open profit; the venue's last word where one is not known"),
    ("open_pnl", "Open profit at the last quotes, in account currency"),
)
_OF_ENGINE = (
    ("ready", "Whether every account may take entries"),
    ("open_orders", "Orders that may still trade"),
    ("reduce_only", "Whether a restored journal holds entries back until armed"),
)


class Turned(Collector):
    """Counts requests that were turned away, by source and reason; a name that is none is ''."""

    def __init__(self) -> None:
        self._counts: Tally[tuple[str, str]] = Tally()

    def count(self, source: str, _peer: str, why: str) -> None:
        """Count one; as the intake calls it."""
        self._counts[source, why] += 1

    def collect(self) -> Iterable[Metric]:
        """Give the family."""
        family = CounterMetricFamily(
            "bascule_unauthenticated_requests",
            "Requests to the signal paths that were turned away",
            labels=("source", "why"),
        )
        for labels, count in self._counts.items():
            family.add_metric(labels, count)
        yield family


class _Engine(Collector):
    def __init__(self, status: StatusView) -> None:
        self._status = status

    def collect(self) -> Iterable[Metric]:
        status = self._status
        yield _gauge("bascule_info", "The version and mode", 1,
                     mode=status.mode, version=status.version, epoch=status.epoch)  # fmt: skip
        yield _gauge("bascule_journal_head", "The last durable event", status.head)
        yield _gauge("bascule_uptime_seconds", "Since it began to serve", status.uptime / 1e9)
        yield _gauge("bascule_stops", "Stops in force", len(status.stops))
        yield _gauge("bascule_latched", "Scopes that the latch file names", len(status.latch))
        yield _gauge("bascule_orders_in_doubt", "Orders in doubt", len(status.in_doubt))
        yield CounterMetricFamily(
            "bascule_signals", "Signals taken in this epoch", value=status.signals
        )
        yield CounterMetricFamily(
            "bascule_signals_refused", "Signals refused", value=status.refused_signals
        )
        for name, about in _OF_ENGINE:
            yield _gauge(f"bascule_{name}", about, float(getattr(status, name)))
        for name, about in _OF_ACCOUNT:
            family = GaugeMetricFamily(f"bascule_account_{name}", about, labels=("account",))
            for account in status.accounts:
                value = getattr(account, name)
                if value is not None:
                    family.add_metric((account.id,), float(value))
            yield family


def _gauge(name: str, about: str, value: float, **labels: str) -> Metric:
    family = GaugeMetricFamily(name, about, labels=tuple(labels))
    family.add_metric(tuple(labels.values()), value)
    return family


def exposition(status: StatusView, turned: Turned) -> bytes:
    """Write every number in the text format that Prometheus reads."""
    registry = CollectorRegistry()
    registry.register(_Engine(status))
    registry.register(turned)
    return generate_latest(registry)
