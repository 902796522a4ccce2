"""What is outside of Bascule, in a thread: a channel that works, one that fails, and a monitor."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


class _Taker(BaseHTTPRequestHandler):
    server: "Outside"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        bad = "/bad" in self.path
        if not bad:
            self.server.got.append(json.loads(body))
        self.send_response(500 if bad else 200)
        self.end_headers()

    def do_GET(self) -> None:
        self.server.beats.append(self.path)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


class Outside(ThreadingHTTPServer):
    """Takes alerts (``got``) and heartbeats (``beats``); whatever is posted under /bad fails."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taker)
        self.got: list[dict[str, str]] = []
        self.beats: list[str] = []
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))

    @property
    def host(self) -> str:
        """Where it is."""
        return f"127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self.shutdown()
        self._thread.join()
        super().__exit__(*args)
