"""A web server in between, as one that is set up badly: it holds streams back, packs them, or drops a header."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests


class Between:
    """`with Between(service.url) as url:`"""

    def __init__(self, behind: str, *, pack: bool = False, drop: str = "", cut: int = 0) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._pass_on()

            def do_POST(self) -> None:
                self._pass_on()

            def _pass_on(self) -> None:
                kept = {name: value for name, value in self.headers.items() if name.lower() not in ("host", drop)}
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                answer = requests.request(self.command, behind + self.path, headers=kept, data=body, timeout=30)
                content = answer.content[: -cut or None] if self.command == "POST" else answer.content
                self.send_response(answer.status_code)
                self.send_header("Content-Type", answer.headers["Content-Type"])
                if pack:
                    self.send_header("Content-Encoding", "gzip")
                    content = gzip.compress(content)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
