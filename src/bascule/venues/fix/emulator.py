"""Starts the FIX emulator: ``python -m bascule.venues.fix.emulator --config FILE``.

Prints one line when it listens, and ends in good order on Ctrl-C or SIGTERM. Passwords come from
the environment. A second port takes an administrator's commands, one JSON object a line:
``{"token": ..., "do": "quote", "symbol": ..., "bid": ..., "ask": ...}``; docs/fix-venue.md has all.
"""

import argparse
import asyncio
import json
import os
import sys
import threading
from collections.abc import Callable
from decimal import Decimal
from hmac import compare_digest
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from bascule.model.enums import Side
from bascule.model.errors import BasculeError
from bascule.venues.fix.emulator_exchange import Exchange
from bascule.venues.fix.emulator_settings import read_file, secret
from bascule.venues.kit.emulating import announce, told_to_end
from bascule.venues.kit.faults import Fault


class Admin:
    """What an administrator may do: prices, faults, hands, and the ledger."""

    def __init__(self, exchange: Exchange, token: str) -> None:
        self._exchange = exchange
        self._token = token

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection, a line for a line."""
        while line := await reader.readline():
            writer.write(json.dumps(self._answer(line)).encode() + b"\n")
            await writer.drain()
        writer.close()

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            asked = json.loads(line)
            if not compare_digest(str(asked.pop("token", "")).encode(), self._token.encode()):
                return {"error": "the token is wrong"}
            do = self._acts[asked.pop("do")]
            return {"done": do(self, **asked)}
        except BasculeError as error:
            return {"error": error.message}
        except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
            return {"error": f"cannot be read: {error!r}"}

    def _quote(self, symbol: str, bid: str, ask: str, size: str = "0") -> None:
        self._exchange.quote(symbol, Decimal(bid), Decimal(ask), Decimal(size))

    def _arm(self, **fault: Any) -> None:
        self._exchange.faults.arm(msgspec.convert(fault, Fault))

    def _disarm(self, name: str = "") -> None:
        self._exchange.faults.disarm(name)

    def _trade(self, login: str, symbol: str, side: str, quantity: str) -> None:
        exchange = self._exchange
        size = Decimal(quantity)
        exchange.broker.hand.trade(login, symbol, Side(side), size, exchange.now())
        exchange.tell()

    def _bust(self, login: str, exec_id: str) -> None:
        self._exchange.broker.hand.bust(login, exec_id, self._exchange.now())
        self._exchange.tell()

    def _correct(self, login: str, exec_id: str, quantity: str, price: str) -> None:
        hand, now = self._exchange.broker.hand, self._exchange.now()
        hand.correct(login, exec_id, Decimal(quantity), Decimal(price), now)
        self._exchange.tell()

    def _restate(self, login: str, cl_ord_id: str, quantity: str) -> None:
        self._exchange.restate(login, cl_ord_id, Decimal(quantity))

    def _cut(self, role: str = "") -> None:
        self._exchange.cut(role)

    def _rows(self, table: str) -> list[dict[str, Any]]:
        self._exchange.commit()
        return list(self._exchange.ledger.rows(table, 0, 10_000))

    _acts: ClassVar[dict[str, Callable[..., Any]]] = {
        "quote": _quote,
        "arm": _arm,
        "disarm": _disarm,
        "trade": _trade,
        "bust": _bust,
        "correct": _correct,
        "restate": _restate,
        "cut": _cut,
        "rows": _rows,
    }


def main(argv: list[str] | None = None) -> int:
    """Run the emulator until it is told to end; give the exit code, 2 for wrong settings."""
    parser = argparse.ArgumentParser(prog="bascule.venues.fix.emulator", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="settings as TOML or JSON")
    parser.add_argument("--ready-file", type=Path, help="gets the ports once they are open")
    parser.add_argument(
        "--with-parent", action="store_true", help="end at a word on standard input, or its end"
    )
    given = parser.parse_args(argv)
    try:
        settings = read_file(given.config)
        exchange = Exchange(settings)
        token = secret(settings.admin_token_env)
    except BasculeError as error:
        sys.stderr.write(f"FIX emulator: {error.message}\n")
        return 2
    return asyncio.run(_serve(exchange, token, given.ready_file, given.with_parent))


async def _serve(exchange: Exchange, token: str, ready_file: Path | None, with_parent: bool) -> int:
    loop, ended = asyncio.get_running_loop(), told_to_end()

    def follow_parent() -> None:
        os.read(sys.stdin.fileno(), 1)
        loop.call_soon_threadsafe(ended.set)

    ports: dict[str, int] = {}
    admin: asyncio.Server | None = None
    try:
        await exchange.start()
        ports = {"port": exchange.port, "quote_port": exchange.quote_port}
        if token:
            host, port = exchange.settings.host, exchange.settings.admin_port
            admin = await asyncio.start_server(Admin(exchange, token).serve, host, port)
            ports["admin_port"] = admin.sockets[0].getsockname()[1]
    except (OSError, BasculeError) as error:
        sys.stderr.write(f"FIX emulator: it cannot listen: {error}\n")
        return 2
    if with_parent:
        threading.Thread(target=follow_parent, name="parent", daemon=True).start()
    announce(ready_file, json.dumps(ports))
    sys.stdout.write(f"FIX emulator ready on {exchange.settings.host}:{exchange.port}\n")
    sys.stdout.flush()
    await ended.wait()
    if admin is not None:
        admin.close()
    await exchange.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
