"""Shared by all tests: a scrubbed environment, the test data's place, tiny models of real architectures."""

from __future__ import annotations

import os
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("COLUMNS", "140")

import pytest

from tiny import make_tiny


def data_folder() -> Path:
    return Path(os.environ.get("HOLDFAST_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def data() -> Path:
    folder = data_folder()
    if not folder.exists():
        pytest.skip(f"the test data are not at {folder}; set HOLDFAST_DATA")
    return folder


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("OPENAI_API_KEY", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOLDFAST_RUNS", str(tmp_path / "runs"))


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """A two-layer Llama with a real tokenizer and its real ChatML template."""
    return make_tiny("llama", tmp_path_factory.mktemp("llama"), data)
