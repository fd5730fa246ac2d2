"""Personal data in a text: patterns, check digits, and F1 on the synthetic set.

Every value here is made up or published.
"""

from __future__ import annotations

import json

import pytest

from holdfast.text.personal_data import spans

# Examples that issuers and standards print as such.
CARD, IBAN = "4111 1111 1111 1111", "GB82 WEST 1234 5698 7654 32"


def kinds(text):
    return [label for _, _, label in spans(text)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("write to jane.roe+x@mail.example.org today", "email"),
        (f"my card is {CARD}.", "card"),
        (f"pay to {IBAN}", "iban"),
        (f"pay to {IBAN} by Friday", "iban"),
        ("IBAN: DE89370400440532013000, thanks", "iban"),
        ("my SSN is 123-45-6789", "national-id"),
        ("DNI 12345678Z", "national-id"),
        ("NIE X1234567L", "national-id"),
        ("CPF 529.982.247-25", "national-id"),
        ("codice fiscale RCCMNL83S18D969H", "national-id"),
        ("number AB 12 34 56 C", "national-id"),
        ("call +44 20 7946 0958", "phone"),
        ("call (212) 555-0187 now", "phone"),
        ("from 203.0.114.7 again", "ip-address"),
        ("aws AKIAIOSFODNN7EXAMPLE", "secret"),
        ("password: hunter2hunter", "password"),
        ("https://user:s3cretpw@host.example/x", "secret"),
        ("bitcoin 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "crypto-wallet"),
        ("She was born on 12 March 1980.", "birth-date"),
        ("I live at 12 Long Meadow Road.", "address"),
        ("mac 00:1B:44:11:3A:B7", "mac-address"),
    ],
)
def test_a_private_value_is_found(text, kind):
    assert kind in kinds(text)


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",
        "GB83 WEST 1234 5698 7654 32",
        "DNI 12345678A",
        "Aadhaar 2345 6789 0123",
        "12 - 3 - 4 = 5",
        "<<48-20-16=12>>",
        "2020-10-11 and 10/11/2020",
        "from 1999-2004",
        "version 10.1.2.3",
        "127.0.0.1",
        "the 3 houses at 12 pm",
        "1,234,567.89",
        "pi is 3.14159265358979",
        "password: <your password>",
        "@home",
    ],
)
def test_what_only_looks_private_is_left_alone(text):
    assert kinds(text) == []


def test_f1_on_the_synthetic_set(data):
    names = {
        "EMAIL_ADDRESS": "email",
        "PHONE_NUMBER": "phone",
        "CREDIT_CARD": "card",
        "IBAN_CODE": "iban",
        "US_SSN": "national-id",
        "IP_ADDRESS": "ip-address",
    }
    found = wrong = missed = 0
    for entry in json.loads((data / "pii" / "synth_dataset_v2.json").read_text())[:600]:
        gold = {
            (s["start_position"], s["end_position"], names[s["entity_type"]])
            for s in entry["spans"]
            if s["entity_type"] in names
        }
        got = {span for span in spans(entry["full_text"]) if span[2] in names.values()}
        found, wrong, missed = found + len(gold & got), wrong + len(got - gold), missed + len(gold - got)
    assert 2 * found / (2 * found + wrong + missed) >= 0.85
