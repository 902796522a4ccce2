"""How commands speak with a running guardian: its own loopback port, its own token."""

import msgspec

from bascule.cli.exits import EngineUnreachable
from bascule.cli.remote import request
from bascule.config.handover import GuardianEndpoint, GuardianFiles, read_file
from bascule.guardian.words import Command, CommandResult, GuardianView, OrderLine
from bascule.model.errors import BasculeError

TIMEOUT_S = 5.0
"""A guardian answers within milliseconds; one that does not stands still."""


class GuardianUnreachable(BasculeError):
    """No guardian answers; whatever was asked for was not done."""

    code = "guardian_unreachable"


class GuardianClient:
    """A guardian's port. Every method raises GuardianUnreachable when none answers."""

    def __init__(self, host: str, port: int, token: str) -> None:
        self._host = host
        self._port = port
        self._token = token
        self._headers = {
            "authorization": f"Bearer {token}",
            "content-type": "application/json",
        }

    def command(self, command: Command) -> CommandResult:
        """Have something done; gives what became of it."""
        answer = self._ask("POST", "/command", msgspec.json.encode(command))
        return msgspec.json.decode(answer, type=CommandResult)

    def view(self) -> GuardianView:
        """Give what it shows."""
        return msgspec.json.decode(self._ask("GET", "/view"), type=GuardianView)

    def report(self) -> list[OrderLine]:
        """Give the sweeps' report, order by order."""
        return msgspec.json.decode(self._ask("GET", "/report"), type=list[OrderLine])

    def present(self, by: str) -> None:
        """Confirm somebody's presence."""
        self._ask("POST", "/v1/here", msgspec.json.encode({"by": by}))

    def end(self) -> None:
        """Have it end in good order; stops and latch stay."""
        self._ask("POST", "/end", b"{}")

    def answers(self) -> bool:
        """Whether it answers."""
        try:
            self.view()
        except BasculeError:
            return False
        return True

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        try:
            status, answer = request(
                self._host, self._port, method, path, body, self._headers, TIMEOUT_S,
                knows=self._token,
            )  # fmt: skip
        except EngineUnreachable:
            raise GuardianUnreachable(
                f"No guardian answers on {self._host}:{self._port}.",
                hint="`bascule kill` shuts the gate all the same and starts one.",
            ) from None
        if status != 200:
            said = answer.decode("utf-8", "replace")[:200]
            raise GuardianUnreachable(f"What answers on port {self._port} says: {said}")
        return answer


def guardian_client(files: GuardianFiles) -> GuardianClient | None:
    """Give a way to ask the guardian of a data directory; None where none has noted its port.

    Raises:
        SecretError: its token's file may be read by others.
    """
    from bascule.config.private import read_private

    endpoint = read_file(files.endpoint, GuardianEndpoint)
    token = (read_private(files.token) or b"").decode("utf-8", "replace").strip()
    if endpoint is None or not token:
        return None
    return GuardianClient(endpoint.host, endpoint.port, token)
