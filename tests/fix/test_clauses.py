"""The rules of the session layer, each for every version and both roles, on a virtual clock."""

import pytest

from bascule.fix.version import VERSIONS
from tests.fix.clause import CLAUSES, Stage, read

ROLES = ("acceptor", "initiator")
SCRIPTS = [read(path) for path in sorted(CLAUSES.glob("*.txt"))]


def cases(version: str, role: str) -> list[str]:
    """Give the names of the clauses for one version and role."""
    return [script.name for script in SCRIPTS if script.fits(VERSIONS[version], role)]


@pytest.mark.parametrize(
    ("script", "version", "role"),
    [
        pytest.param(script, version, role, id=f"{script.name}-{version}-{role}")
        for script in SCRIPTS
        for version in VERSIONS
        for role in ROLES
        if script.fits(VERSIONS[version], role)
    ],
)
def test_clause(script, version, role):
    """The session does what the clause says."""
    Stage(script, VERSIONS[version], role).run()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("version", ["FIX.4.2", "FIX.4.4", "FIX.5.0SP2"])
def test_there_are_enough(version, role):
    """Each of the versions that venues speak is held to at least 65 clauses in each role."""
    assert len(cases(version, role)) >= 65


def test_each_says_its_rule():
    """Every clause names the rule that it holds, and does something."""
    assert all(script.rule and script.steps for script in SCRIPTS)
