"""A server that answers as vLLM's does where holdfast asks it, with transformers behind it; for one process of a test.

It decodes one prompt at a time. `SAYS` in the environment makes it end at its start with those words.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PACKAGE = "vllm/entrypoints/openai"


def install(folder: Path) -> Path:
    """A package `vllm` of some version under a folder, to be put on the path of a server's Python."""
    (folder / PACKAGE).mkdir(parents=True)
    for part in ("vllm", "vllm/entrypoints", PACKAGE):
        (folder / part / "__init__.py").write_text("")
    (folder / PACKAGE / "api_server.py").write_text("from standin_vllm import main\n\nmain()\n")
    info = folder / "vllm-9.9.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vllm\nVersion: 9.9.9\n")
    (info / "RECORD").write_text("vllm/__init__.py,,\n")
    return folder


class Models:
    """A base, and adapters on it by the names under which they are served."""

    def __init__(self, source: str, dtype: str) -> None:
        import torch
        from transformers import AutoModelForCausalLM

        self.torch = torch
        self.model = AutoModelForCausalLM.from_pretrained(source, dtype=getattr(torch, dtype)).eval()
        self.names: set[str] = set()
        self.lock = threading.Lock()

    def load(self, name: str, path: str) -> None:
        from peft import PeftModel

        with self.lock:
            if self.names:
                self.model.load_adapter(path, adapter_name=name)
            else:
                self.model = PeftModel.from_pretrained(self.model, path, adapter_name=name).eval()
            self.names.add(name)

    def complete(self, name: str, ids: list[int], asked: dict) -> list[int]:
        from contextlib import nullcontext

        torch = self.torch
        with self.lock, torch.inference_mode():
            if self.names and name != "base":
                self.model.set_adapter(name)
            plain = self.model.disable_adapter() if self.names and name == "base" else nullcontext()
            with plain:
                out = self.model.generate(
                    input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long),
                    max_new_tokens=asked["max_tokens"], do_sample=False, eos_token_id=asked["stop_token_ids"],
                    pad_token_id=0,
                )  # fmt: skip
        return out[0, len(ids) :].tolist()


def main() -> None:
    parser = argparse.ArgumentParser()
    for flag in ("model", "port", "dtype", "max-lora-rank"):
        parser.add_argument(f"--{flag}")
    given, _ = parser.parse_known_args()
    if words := os.environ.get("SAYS"):
        sys.exit(words)
    models, key = Models(given.model, given.dtype), os.environ["VLLM_API_KEY"]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self, status: int, body: object) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            self.answer(200, {})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if self.headers["authorization"] != f"Bearer {key}":
                self.answer(401, {"error": "Unauthorized"})
            elif self.path == "/v1/load_lora_adapter":
                rank = json.loads((Path(body["lora_path"]) / "adapter_config.json").read_text())["r"]
                if rank > int(given.max_lora_rank):
                    self.answer(400, {"error": {"message": f"rank {rank} is over {given.max_lora_rank}"}})
                    return
                models.load(body["lora_name"], body["lora_path"])
                self.answer(200, "loaded")
            else:
                found = [models.complete(body["model"], ids, body) for ids in body["prompt"]]
                choices = [{"index": i, "token_ids": ids, "text": ""} for i, ids in enumerate(found)]
                self.answer(200, {"choices": choices[::-1]})

        def log_message(self, *_: object) -> None:
            pass

    ThreadingHTTPServer(("127.0.0.1", int(given.port)), Handler).serve_forever()
