"""The reference: a webhook bot as they are commonly written. Flask, a SQLite row, a REST order.

    python bench/flask_bot.py SINK_PORT DIRECTORY     prints "ready PORT"

It checks the HMAC, inserts one durable row, posts the order to the venue over its thread's own
keep-alive connection, waits for the answer and replies. gunicorn runs it with eight threads.
"""

import hmac
import http.client
import json
import sqlite3
import sys
import threading

from flask import Flask, request
from gunicorn.app.base import BaseApplication

KEY = b"k" * 32
SINK_PORT, DIRECTORY = int(sys.argv[1]), sys.argv[2]
app = Flask("bot")
local = threading.local()


def tools() -> tuple[sqlite3.Connection, http.client.HTTPConnection]:
    """Give this thread's database and venue connection."""
    if not hasattr(local, "store"):
        local.store = sqlite3.connect(f"{DIRECTORY}/flask.db", isolation_level=None, timeout=10)
        local.store.execute("pragma journal_mode=wal")
        local.store.execute("pragma synchronous=full")
        local.store.execute(
            "create table if not exists ev(seq integer primary key, id text unique, body text)"
        )
        local.venue = http.client.HTTPConnection("127.0.0.1", SINK_PORT)
    return local.store, local.venue


@app.post("/hook")
def hook() -> tuple[dict[str, str], int]:
    """Take one alert."""
    body = request.get_data()
    if not hmac.compare_digest(
        hmac.digest(KEY, body, "sha256").hex(), request.headers.get("x-signature", "")
    ):
        return {"status": "unauthorized"}, 401
    alert = request.get_json()
    store, venue = tools()
    store.execute("insert or ignore into ev(id, body) values(?,?)", (alert["id"], body.decode()))
    order = json.dumps({"cl_ord_id": alert["id"], **alert}, separators=(",", ":"))
    venue.request("POST", "/order", order, {"content-type": "application/json"})
    venue.getresponse().read()
    return {"status": "accepted", "signal": alert["id"]}, 200


class Server(BaseApplication):
    """gunicorn with eight threads on a port of its own choosing."""

    def load_config(self) -> None:
        """Set what the comparison wants."""
        settings = {
            "bind": "127.0.0.1:0",
            "workers": 1,
            "threads": 8,
            "worker_class": "gthread",
            "loglevel": "critical",
            "keepalive": 30,
            "when_ready": lambda arbiter: print(
                "ready", arbiter.LISTENERS[0].getsockname()[1], flush=True
            ),
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Give the application."""
        return app


if __name__ == "__main__":
    sys.argv = sys.argv[:1]
    Server().run()
