from pathlib import Path

from bascule.cli.drill import _environment


def test_a_drill_hears_nothing_of_the_users_own_installation() -> None:
    """A guardian that holds a drill has its venues' secrets in its environment; none goes on."""
    mine = {
        "PATH": "/bin",
        "BASCULE_HOME": "/mine",
        "BASCULE_CONFIG": "/mine/bascule.toml",
        "BASCULE_SECRET_PAPER_PAPER_TOKEN": "mine",
        "BASCULE_SERVER__PORT": "80",
    }
    assert _environment(mine, Path("there")) == {"PATH": "/bin", "BASCULE_HOME": "there"}
