"""The latch: a file that stands between a decision and the wire.

The dispatcher looks for it before every send. Whoever wants to stop an engine that may not be
listening writes it (atomically, fsynced); only arming removes it. Its presence alone halts; its
content, when readable, narrows it to scopes.
"""

import json
import os
from pathlib import Path

from bascule.model.account import AccountSpec


class Latch:
    """``latch.json`` in the data directory: ``{"scope": {"by": ..., "reason": ..., "at": ...}}``.

    A scope is ``all``, ``account:x``, ``venue:x`` or ``firm:x``. A file that cannot be read as
    that counts as ``all``: when in doubt the gate is shut.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._name = os.fspath(path)

    def covers(self, spec: AccountSpec) -> bool:
        """Whether the latch holds back entries of this account. One stat when it is not set."""
        try:
            os.stat(self._name)
            raw = self.path.read_bytes()
        except FileNotFoundError:
            return False
        except OSError:
            return True
        try:
            scopes = json.loads(raw)
        except ValueError:
            return True
        if not isinstance(scopes, dict):
            return True
        mine = {"all", f"account:{spec.id}", f"venue:{spec.venue}", f"firm:{spec.firm}"}
        return not scopes or bool(mine & scopes.keys())

    def set(self, scope: str, *, by: str, reason: str, at: int) -> None:
        """Shut the gate for a scope, durably."""
        scopes = self.scopes()
        scopes[scope] = {"by": by, "reason": reason, "at": at}
        self._write(scopes)

    def clear(self, scope: str) -> None:
        """Open the gate for a scope again; the file goes with its last scope."""
        scopes = self.scopes()
        scopes.pop(scope, None)
        if scopes:
            self._write(scopes)
        else:
            self.path.unlink(missing_ok=True)

    def scopes(self) -> dict[str, object]:
        """Give what the file holds, by scope; ``all`` when it cannot be read."""
        try:
            found = json.loads(self.path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            return {"all": {"by": "latch", "reason": "the latch file was not readable", "at": 0}}
        return found if isinstance(found, dict) else {"all": {}}

    def _write(self, scopes: dict[str, object]) -> None:
        fresh = self.path.with_name(self.path.name + ".new")
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(scopes, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, self.path)
