"""One vLLM server for a base and every adapter on it: started at the first question, asked over HTTP, ended with us.

    served = Served(find_vllm(), Root("./base", "float32"), adapter="./adapter", rank=8)
    for places, ids in served.replies(prompts, sampling): ...

vLLM runs in a process of its own, so it may live in another environment than holdfast. It listens on this machine's
loopback alone, behind a key that is drawn for it. Prompts go as token ids, all at once, and the server makes its own
batches of them; replies come back as token ids.
"""

from __future__ import annotations

import atexit
import functools
import importlib.util
import json
import os
import re
import secrets
import shlex
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from holdfast.core.errors import ModelError

LOCAL = "127.0.0.1"
PYTHON = "HOLDFAST_VLLM"  # the environment variable that names a Python with vLLM
RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # the ranks that a server can be started for
ADAPTERS = 4  # adapters that are in one batch together
CHUNK = 16  # prompts in a request: small, so that what is done is kept when the run is killed
REQUESTS = 64  # requests under way
START = 900.0  # seconds until a server must have answered: a large model is read, and its graphs are captured
CPU_CACHE = "2"  # GiB of keys and values on a CPU, where the environment does not say

# What a generation config may ask for that a server is asked for likewise.
PASSED_ON = ("repetition_penalty",)

FIND = (
    "import importlib.metadata as m, importlib.util as u, json, platform\n"
    "names = m.packages_distributions().get('vllm', []) if u.find_spec('vllm') else []\n"
    "print(json.dumps([f'{n} {m.version(n)}' for n in names]))"
)
# What a server's last words mean: a pattern, and what to do.
HINTS = (
    (r"out of memory|No available memory|free memory on device", "add --engine-args '--gpu-memory-utilization 0.5'"),
    (
        r"max_model_len|max seq len|KV cache",
        "add --engine-args '--max-model-len 4096', or more memory for keys and values",
    ),
    (
        r"not supported for now|are not supported|has no vLLM implementation",
        "vLLM does not know this architecture: add --engine hf",
    ),
    (r"unrecognized arguments", "see `vllm serve --help` for what --engine-args may hold"),
)


@dataclass(frozen=True)
class Engine:
    """A vLLM that was found: who runs it, which one it is, and what its servers are given beside our own settings."""

    python: str
    version: str
    args: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"vllm ({self.version})" if self.version else "vllm"

    def describe(self) -> dict[str, Any]:
        return {"name": "vllm", "version": self.version, **({"args": list(self.args)} if self.args else {})}


@dataclass(frozen=True)
class Root:
    """What a server loads: a folder or hub id, its number format, and the device."""

    source: str
    dtype: str
    device: str = "auto"
    trust_remote_code: bool = False


@functools.cache
def _version(python: str) -> str:
    """The distribution of vLLM that a Python has, or nothing."""
    try:
        out = subprocess.run([python, "-c", FIND], capture_output=True, text=True, timeout=60)
        found = json.loads(out.stdout or "[]") if out.returncode == 0 else []
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return ""
    return str(found[0]) if found else ""


def importable() -> bool:
    """Whether this environment has vLLM; another's is looked at only when it is asked for."""
    return importlib.util.find_spec("vllm") is not None


def find_vllm(args: str = "", python: str | None = None) -> Engine:
    """The vLLM of a Python: the one that is given or HOLDFAST_VLLM names, else our own. Raises ModelError without."""
    wanted = python or os.environ.get(PYTHON) or sys.executable
    version = _version(wanted)
    if not version:
        where = "this environment" if wanted == sys.executable else f"`{wanted}`"
        raise ModelError(
            f"{where} has no vLLM",
            f"pip install vllm here, or set {PYTHON} to the Python of an environment that has it",
        )
    try:
        return Engine(wanted, version, tuple(shlex.split(args)))
    except ValueError as error:
        raise ModelError(f"--engine-args `{args}` cannot be read: {error}", "close the quotation marks") from error


def _free_port() -> int:
    with socket.socket() as one:
        one.bind((LOCAL, 0))
        return int(one.getsockname()[1])


def rank_for(rank: int) -> int:
    """The smallest rank that a server can be started for and that has room for this one. Raises ModelError."""
    found = next((one for one in RANKS if one >= rank), None)
    if found is None:
        raise ModelError(f"vLLM serves adapters up to rank {RANKS[-1]}, and this one has {rank}", "add --engine hf")
    return found


@dataclass
class VllmServer:
    """A running server of one root; `adapters` maps a folder to the name under which it is served."""

    engine: Engine
    root: Root
    rank: int
    url: str
    process: subprocess.Popen[bytes]
    client: httpx.Client
    log: Path
    adapters: dict[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    # ---- its life ----

    @classmethod
    def start(cls, engine: Engine, root: Root, rank: int) -> VllmServer:
        """Start a server, and wait until it answers. Raises ModelError with its last words when it does not."""
        port, key = _free_port(), secrets.token_urlsafe(24)
        folder = Path(tempfile.mkdtemp(prefix="holdfast-vllm-"))
        command = [
            engine.python, "-m", "vllm.entrypoints.openai.api_server",
            "--model", root.source, "--served-model-name", "base", "--host", LOCAL, "--port", str(port),
            "--dtype", root.dtype, "--generation-config", "vllm", "--enable-prefix-caching",
            "--enable-lora", "--max-lora-rank", str(rank), "--max-loras", str(ADAPTERS),
            *(["--trust-remote-code"] if root.trust_remote_code else []), *engine.args,
        ]  # fmt: skip
        environment = {
            **os.environ, "VLLM_API_KEY": key, "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True", "VLLM_NO_USAGE_STATS": "1",
            "VLLM_CPU_KVCACHE_SPACE": os.environ.get("VLLM_CPU_KVCACHE_SPACE", CPU_CACHE),
        }  # fmt: skip
        if device := re.fullmatch(r"cuda:(\d+)", root.device):
            environment["CUDA_VISIBLE_DEVICES"] = device[1]
        with open(folder / "server.log", "wb") as log:
            process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("watched.py")), *command],
                stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, env=environment,
            )  # fmt: skip
        client = httpx.Client(
            base_url=f"http://{LOCAL}:{port}", headers={"Authorization": f"Bearer {key}"}, trust_env=False,
            timeout=httpx.Timeout(None, connect=5.0), limits=httpx.Limits(max_connections=REQUESTS),
        )  # fmt: skip
        server = cls(engine, root, rank, f"http://{LOCAL}:{port}", process, client, folder / "server.log")
        try:
            server._wait()
        except BaseException:
            server.stop()
            raise
        return server

    def _wait(self) -> None:
        began = time.monotonic()
        while time.monotonic() - began < START:
            if self.process.poll() is not None:
                raise self._ended("did not start")
            try:
                if self.client.get("/health", timeout=5.0).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.25)
        raise self._ended(f"did not answer within {START:.0f} s")

    def alive(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> None:
        """End the server, and take its log away."""
        self.client.close()
        if self.process.stdin:
            self.process.stdin.close()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.unlink(missing_ok=True)
        if self.log.parent.exists():
            self.log.parent.rmdir()

    def _ended(self, what: str) -> ModelError:
        """The error of a server that is gone, with the line of its log that tells why."""
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        why = last_words(text)
        hint = next((hint for pattern, hint in HINTS if re.search(pattern, text)), "add --engine hf")
        return ModelError(f"vLLM {what} for `{self.root.source}`{f': {why}' if why else ''}", hint)

    # ---- questions ----

    def adapter(self, folder: str) -> str:
        """The name under which an adapter's folder is served; it is loaded once. Raises ModelError."""
        with self.lock:
            if folder not in self.adapters:
                name = f"adapter-{len(self.adapters) + 1}"
                self._post("/v1/load_lora_adapter", {"lora_name": name, "lora_path": folder}, f"the adapter `{folder}`")
                self.adapters[folder] = name
            return self.adapters[folder]

    def complete(
        self, adapter: str | None, prompts: Sequence[Sequence[int]], sampling: Mapping[str, Any]
    ) -> Iterator[tuple[list[int], list[list[int]]]]:
        """What follows each prompt: places of `prompts` and their ids, chunk by chunk as they are done.

        `sampling` is vLLM's own. Ids of a reply end with the token that ended it, if one did.
        """
        model = self.adapter(adapter) if adapter else "base"
        chunks = [list(range(at, min(at + CHUNK, len(prompts)))) for at in range(0, len(prompts), CHUNK)]

        def ask(places: list[int]) -> list[list[int]]:
            body = {"model": model, "prompt": [list(prompts[i]) for i in places], "return_token_ids": True,
                    "skip_special_tokens": False, **sampling}  # fmt: skip
            choices = sorted(self._post("/v1/completions", body, "a question")["choices"], key=lambda c: c["index"])
            return [list(choice["token_ids"]) for choice in choices]

        pool = ThreadPoolExecutor(max_workers=max(1, min(REQUESTS, len(chunks))))
        try:
            waiting = {pool.submit(ask, places): places for places in chunks}
            for done in as_completed(waiting):
                yield waiting[done], done.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _post(self, path: str, body: Mapping[str, Any], what: str) -> Any:
        try:
            answer = self.client.post(path, json=body)
        except httpx.HTTPError as error:
            if not self.alive():
                raise self._ended("ended") from None
            raise ModelError(f"vLLM does not answer: {type(error).__name__}", "try again, or add --engine hf") from None
        if answer.status_code != 200:
            raise ModelError(f"vLLM refuses {what}: {_reason(answer)}", "add --engine hf")
        return answer.json() if "json" in answer.headers.get("content-type", "") else None


def _reason(answer: httpx.Response) -> str:
    try:
        found = answer.json()
        found = found.get("error", found)
        text = found.get("message", found) if isinstance(found, dict) else found
    except ValueError:
        text = answer.text
    return " ".join(str(text).split())[:300] or f"status {answer.status_code}"


MARKS = re.compile(r"\x1b\[[\d;]*m")
BEFORE = re.compile(r"^(\([^)]*\)\s*|(ERROR|INFO|WARNING) [\d-]+ [\d:]+ \[[^]]*\]\s*)+")
ERROR_LINE = re.compile(r"([\w.]+(Error|Exception)\b|\S+\.py: error)")


def last_words(log: str) -> str:
    """The line of a server's log that tells why it ended: the last error that does not send to another one."""
    lines = [BEFORE.sub("", MARKS.sub("", line)).strip() for line in log.splitlines()]
    errors = [line for line in lines if ERROR_LINE.match(line)]
    own = [line for line in errors if "root cause" not in line]
    found = (own or errors or [line for line in lines if line])[-1:]
    return found[0][:300] if found else ""


# ---- the one server -------------------------------------------------------------------------------------------------

_running: list[VllmServer] = []  # at most one: two would share the memory of one device
_starting = threading.Lock()


def serve(engine: Engine, root: Root, rank: int = 1) -> VllmServer:
    """The server of a root, started where none is at hand; a server of another root, or with less room, is ended."""
    rank = rank_for(rank)
    with _starting:
        for server in _running:
            if (server.engine, server.root) == (engine, root) and server.rank >= rank and server.alive():
                return server
        stop_serving()
        server = VllmServer.start(engine, root, rank)
        _running.append(server)
        return server


@atexit.register
def stop_serving() -> None:
    """End the server, if one runs."""
    while _running:
        _running.pop().stop()


@dataclass(frozen=True)
class Served:
    """What a server is asked for: its root, or one of the adapters on it, by its folder."""

    engine: Engine
    root: Root
    adapter: str | None = None
    rank: int = 1

    def replies(
        self, prompts: Sequence[Sequence[int]], sampling: Mapping[str, Any]
    ) -> Iterator[tuple[list[int], list[list[int]]]]:
        """What follows each prompt, chunk by chunk: places of `prompts`, and ids with the token that ended each.

        The server is started where it does not run. Raises ModelError with its last words when it fails.
        """
        yield from serve(self.engine, self.root, self.rank).complete(self.adapter, prompts, sampling)
