"""A model of another vendor: it calls two tools at once, as GigaChat does not."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PROVIDER = "other"
MODEL = "pair"
CALLS = [("read", {"path": "first.txt"}), ("read", {"path": "second.txt"})]


def _answer(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """The two calls, and a word when it has seen what they gave."""
    if any(message["role"] == "tool" for message in messages):
        return {"delta": {"role": "assistant", "content": "Прочитано."}, "finish_reason": "stop"}
    calls = [
        {
            "index": index,
            "id": f"call{index}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        for index, (name, arguments) in enumerate(CALLS)
    ]
    return {"delta": {"role": "assistant", "tool_calls": calls}, "finish_reason": "tool_calls"}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        choice = {"index": 0, **_answer(asked["messages"])}
        chunk = {
            "id": "x",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": MODEL,
            "choices": [choice],
            "usage": usage,
        }
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode())

    def log_message(self, *_: object) -> None:
        pass


class Other:
    def __enter__(self) -> dict[str, Any]:
        """The provider, as OpenClaw's configuration names it."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return {
            "baseUrl": f"http://127.0.0.1:{self._server.server_port}/v1",
            "api": "openai-completions",
            "models": [{"id": MODEL, "name": "Pair", "contextWindow": 131072, "maxTokens": 8192}],
        }

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
