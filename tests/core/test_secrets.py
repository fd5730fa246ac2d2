"""What is secret in a URL is sealed when it is typed, opened for the call alone, and found again in any text."""

from __future__ import annotations

import json

import pytest

from holdfast.core import secrets
from holdfast.core.secrets import opened, sealed, without_secrets

URLS = [
    ("https://me:password1@host/v1", "https://***@host/v1"),
    ("http://host:8000/v1?key=abcdefgh", "http://host:8000/v1?key=***"),
    (
        "https://host/v1?api-version=2024-02-01&key=k1234567#part-of-it",
        "https://host/v1?api-version=2024-02-01&key=***#***",
    ),
    ("https://token123@host/v1", "https://***@host/v1"),
    ("https://me:pa/ss?wo#rd@host/v1", "https://***@host/v1"),
    ("http://me:a word's \"mark@host/v1", "http://***@host/v1"),
    ("https://me:p%40ssword@host/v1?bare-token", "https://***@host/v1?***"),
    ("openai:NAME@https://u:longpassword@h:1/v1?key=zzzzzzzz", "openai:NAME@https://***@h:1/v1?key=***"),
]
PLAIN = [
    "https://host/v1",
    "http://127.0.0.1:8000/v1",
    "https://host:8000/@org/v1",
    "guild",
    "openai:a@http://h/v1",
    "a@b.c",
]


@pytest.fixture(autouse=True)
def forgetful(monkeypatch):
    monkeypatch.setattr(secrets, "_typed", {})
    monkeypatch.setattr(secrets, "_known", set())


@pytest.mark.parametrize(("typed", "expected"), URLS)
def test_a_secret_is_sealed_and_opened(typed, expected):
    shown = sealed(typed)
    assert shown == expected and sealed(shown) == shown
    assert sealed(f"see {shown}.") == f"see {shown}."
    assert opened(shown.removeprefix("openai:NAME@")) == typed.removeprefix("openai:NAME@")


@pytest.mark.parametrize("text", PLAIN)
def test_what_has_no_secret_stays(text):
    assert sealed(text) == text == opened(text)


def test_two_keys_at_one_place_are_told_apart():
    first, second = sealed("https://h/v1?key=first-key"), sealed("https://h/v1?key=second-key")
    assert first != second and opened(second).endswith("second-key") and sealed("https://h/v1?key=first-key") == first


def test_a_secret_is_found_in_any_text_and_form(monkeypatch):
    sealed("https://me:pass%22word@h/v1?key=12345678")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    said = json.dumps({"a": 'pass"word', "b": "12345678", "c": "Bearer sk-of-the-environment", "d": "bWU6cGFzcyJ3b3Jk"})
    assert json.loads(without_secrets(said)) == {"a": "***", "b": "***", "c": "Bearer ***", "d": "***"}


def test_a_key_that_is_a_word_of_three_letters_is_not_looked_for(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    assert without_secrets("a monkey") == "a monkey"
