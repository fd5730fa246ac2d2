"""A chat endpoint that behaves as it is told to, on the loopback."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# call number, request -> status, content type, body, and headers where some are wanted; None breaks the connection off
Behaviour = Callable[[int, dict], tuple | None]


def completion(text: str) -> tuple[int, str, str]:
    return 200, "application/json", json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]})


def message(finish: str | None = "stop", **fields: object) -> tuple[int, str, str]:
    """A completion with the fields of its message, and a reason why it ended."""
    return document(choices=[{"index": 0, "finish_reason": finish, "message": {"role": "assistant", **fields}}])


def document(status: int = 200, **body: object) -> tuple[int, str, str]:
    return status, "application/json", json.dumps(body)


def error(status: int, text: str, **fields: object) -> tuple[int, str, str]:
    """An error as the large providers send it."""
    return document(status, error={"message": text, **fields})


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
                answer = behaviour(len(outer.requests), body)
                if answer is None:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                status, kind, text, *headers = answer
                data = text.encode()
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(data)))
                for name, value in (headers[0] if headers else {}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128  # many callers at once overflow the default of five, and are reset

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self) -> FakeEndpoint:
        return self

    def __exit__(self, *args: object) -> None:
        self.server.shutdown()
        self.server.server_close()
