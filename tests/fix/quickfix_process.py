"""QuickFIX in a process of its own: how it is started, told what to do, and ended."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import quickfix as fix

from tests.waiting import PATIENCE_S

ROOT = Path(__file__).parents[2]


class QuickFix:
    """The other side, as a test talks to it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    def tell(self, words: str) -> None:
        """Give a command."""
        assert self._process.stdin
        self._process.stdin.write(words.encode() + b"\n")

    async def state(self) -> dict[str, Any]:
        """Ask what it counted."""
        self.tell("state")
        assert self._process.stdout
        async with asyncio.timeout(PATIENCE_S):
            answer: dict[str, Any] = json.loads(await self._process.stdout.readline())
        return answer

    @classmethod
    @asynccontextmanager
    async def run(
        cls,
        role: str,
        port: int,
        directory: Path,
        *further: str,
        module: str = "tests.fix.quickfix_side",
    ) -> AsyncIterator[Self]:
        """Start it, and end it whatever happens; ``further`` are settings as KEY=VALUE."""
        directory.mkdir(exist_ok=True)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, role, str(port), str(directory)),
            *further,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        assert process.stdout
        try:
            async with asyncio.timeout(PATIENCE_S):
                await process.stdout.readline()
            yield cls(process)
        finally:
            process.kill()
            await process.wait()


def serve(
    application: Any, state: Callable[[], dict[str, Any]], act: Callable[[list[str]], None]
) -> None:
    """Be that process, as its arguments say: run until told to stop.

    ``act`` is given each command but ``state``, which is answered with JSON, and ``stop``.
    """
    role, port, directory = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    read = _settings(role, port, directory, dict(word.split("=") for word in sys.argv[4:]))
    kind = fix.SocketInitiator if role == "initiator" else fix.SocketAcceptor
    engine = kind(application, fix.FileStoreFactory(read), read)
    engine.start()
    print("{}", flush=True)
    for line in sys.stdin:
        match line.split():
            case ["state"]:
                print(json.dumps(state()), flush=True)
            case ["stop"]:
                break
            case words:
                act(words)
    engine.stop(True)


def _settings(role: str, port: int, directory: Path, further: dict[str, str]) -> Any:
    """Write and read QuickFIX's own configuration."""
    lines = {
        "ConnectionType": role,
        "BeginString": "FIX.4.4",
        "StartTime": "00:00:00",
        "EndTime": "00:00:00",
        "HeartBtInt": "30",
        "ReconnectInterval": "1",
        "SocketConnectHost": "127.0.0.1",
        "SocketConnectPort": str(port),
        "SocketAcceptPort": str(port),
        "SocketReuseAddress": "Y",
        "SocketNodelay": "Y",
        "UseDataDictionary": "N",
        "FileStorePath": str(directory / "store"),
        **further,
    }
    begin = lines.pop("BeginString")
    text = "[DEFAULT]\n" + "".join(f"{key}={value}\n" for key, value in lines.items())
    text += f"[SESSION]\nBeginString={begin}\nSenderCompID=QF\nTargetCompID=US\n"
    path = directory / "quickfix.cfg"
    path.write_text(text)
    return fix.SessionSettings(str(path))
