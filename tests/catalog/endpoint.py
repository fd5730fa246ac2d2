"""A chat endpoint that behaves as it is told to, on the loopback."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Behaviour = Callable[[int, dict], tuple[int, str, str]]  # call number, request -> status, content type, body


def completion(text: str) -> tuple[int, str, str]:
    return 200, "application/json", json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]})


def verdict(score: object, reason: str = "because") -> tuple[int, str, str]:
    return completion(json.dumps({"reason": reason, "score": score}))


class FakeEndpoint:
    def __init__(self, behaviour: Behaviour, delay_s: float = 0.0) -> None:
        self.requests: list[dict] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.requests.append(body)
                time.sleep(delay_s)
                status, kind, text = behaviour(len(outer.requests), body)
                data = text.encode()
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self) -> FakeEndpoint:
        return self

    def __exit__(self, *args: object) -> None:
        self.server.shutdown()
        self.server.server_close()
