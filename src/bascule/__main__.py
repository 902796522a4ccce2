"""``python -m bascule`` is ``bascule``."""

from bascule.cli.main import app

if __name__ == "__main__":
    app()
