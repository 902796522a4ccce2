"""What every test shares: repeatable property tests, and no test that is skipped.

A skipped test proves nothing and looks green, so a skip is reported as a failure. What a machine
cannot run is left out by path (``make test-core``), where the choice is seen.
"""

from collections.abc import Generator

import pytest
from hypothesis import settings

settings.register_profile("bascule", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("bascule")


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} was skipped, and a skip proves nothing: {why}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the skip of a test into its failure."""
    report = yield
    _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn the skip of a whole module into its failure."""
    report = yield
    _fail_if_skipped(report)
    return report
