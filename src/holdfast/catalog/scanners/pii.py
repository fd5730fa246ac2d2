"""The pii scanner: e-mail, phone, card, IBAN, national ids, network addresses, streets, wallets, keys and tokens.

Our own patterns, each bounded, with checksums wherever a kind has one (Luhn, ISO 7064, Verhoeff, Base58Check and national
ones), which is what keeps ordinary numbers out. `engine=presidio` asks presidio's analyzer instead, when it is installed:
it also knows names and places, and is slower by far. What is found is never shown: a why masks every value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address
from typing import Any, ClassVar

import numpy as np

from holdfast.core.batch import Batch
from holdfast.core.contracts import Noise, ScanContext
from holdfast.core.errors import UsageError
from holdfast.core.options import setting
from holdfast.core.records import Finding
from holdfast.data.batch import ANCHOR_BITS, anchor_table
from holdfast.scanning.engine import OptionScanner

Span = tuple[int, int, str]  # begin, end, label

# ---- checksums ------------------------------------------------------------------------------------------------------


def luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def mod97(text: str) -> bool:
    """ISO 7064 as IBANs use it: four characters to the end, letters as numbers, remainder one."""
    return int("".join(str(int(c, 36)) for c in text[4:] + text[:4])) % 97 == 1


_VERHOEFF_D = ("0123456789", "1234067895", "2340178956", "3401289567", "4012395678", "5987604321", "6598710432", "7659821043", "8765932104", "9876543210")  # fmt: skip
_VERHOEFF_P = ("0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258")  # fmt: skip


def verhoeff(digits: str) -> bool:
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = int(_VERHOEFF_D[check][int(_VERHOEFF_P[place % 8][int(digit)])])
    return check == 0


def cpf(digits: str) -> bool:
    """Brazil: two check digits, and not one digit eleven times."""

    def check(n: int) -> int:
        rest = sum(int(d) * (n + 1 - i) for i, d in enumerate(digits[:n])) * 10 % 11
        return rest % 10

    return len(set(digits)) > 1 and check(9) == int(digits[9]) and check(10) == int(digits[10])


def chinese_id(text: str) -> bool:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return (
        text[6:8] in ("19", "20")
        and "10X98765432"[sum(int(d) * w for d, w in zip(text, weights, strict=False)) % 11] == text[17].upper()
    )


def dni(text: str) -> bool:
    """Spain: a letter by the remainder of 23; a foreigner's begins with X, Y or Z."""
    number = {"x": "0", "y": "1", "z": "2"}.get(text[0].lower(), text[0]) + text[1:-1]
    return "trwagmyfpdxbnjzsqvhlcke"[int(number) % 23] == text[-1].lower()


_ODD = dict(zip("0123456789abcdefghijklmnopqrstuvwxyz", (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23), strict=True))  # fmt: skip


def codice_fiscale(text: str) -> bool:
    text = text.lower()
    total = sum(_ODD[c] if place % 2 == 0 else int(c) if c.isdigit() else ord(c) - 97 for place, c in enumerate(text[:15]))  # fmt: skip
    return chr(97 + total % 26) == text[15]


def insee(digits: str) -> bool:
    """France: thirteen digits and a key of two."""
    return digits[0] in "12" and 97 - int(digits[:13]) % 97 == int(digits[13:])


def base58check(text: str) -> bool:
    value = 0
    for c in text:
        value = value * 58 + "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz".index(c)
    data = value.to_bytes(25, "big") if value < 1 << 200 else b""
    return bool(data) and sha256(sha256(data[:-4]).digest()).digest()[:4] == data[-4:]


IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "CH": 21, "CR": 22, "CY": 28,
    "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23,
    "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20,
    "LB": 28, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18,
    "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SE": 24, "SI": 19, "SK": 24, "SM": 27,
    "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
}  # fmt: skip

# ---- patterns -------------------------------------------------------------------------------------------------------

EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,6}[^\W\d_]{2,24}(?![\w-])")
CREDENTIALS = re.compile(r"\b[a-z][a-z0-9+.-]{1,14}://[^\s:@/]{1,64}:[^\s@/]{3,64}@", re.IGNORECASE)
IBAN = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}[ -]?(?:[A-Za-z0-9]{1,30}(?![A-Za-z0-9 -])|[A-Za-z0-9]{4}[A-Za-z0-9 -]{6,36})"
)
NUMBER = re.compile(
    r"(?<![\w.,$€£¥%@=])[+(]?\d[\d ()./\-\u2010-\u2014\u00a0]{5,30}\d(?: ?(?:x|ext\.?) ?\d{1,6})?(?![\w%])"
)
LONG_NUMBER = re.compile(r"(?<![\d.,$€£¥%@=-])\d(?:[ -]?\d){10,18}(?![\d%]|[ -]\d)")
IPV4 = re.compile(r"(?<![\d.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\d]|\.\d)")
IPV6 = re.compile(r"(?<![\w:])[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}(?![\w:])")
MAC = re.compile(r"(?<![\w:-])[0-9a-fA-F]{2}([:-])[0-9a-fA-F]{2}(?:\1[0-9a-fA-F]{2}){4}(?![\w:-])")
SSN = re.compile(r"(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])")
IDENTITY = (
    (re.compile(r"(?<![\w-])[xyzXYZ\d]\d{7}-?[A-Za-z](?!\w)"), lambda text: dni(text.replace("-", ""))),
    (re.compile(r"(?<!\w)[A-Za-z]{6}\d{2}[A-EHLMPRSTa-ehlmprst]\d{2}[A-Za-z]\d{3}[A-Za-z](?!\w)"), codice_fiscale),
    (re.compile(r"(?<!\d)\d{3}\.\d{3}\.\d{3}-\d{2}(?!\d)"), lambda text: cpf(re.sub(r"\D", "", text))),
    (re.compile(r"(?<!\w)\d{17}[\dXx](?!\w)"), chinese_id),
    (re.compile(r"(?<![\d-])[2-9]\d{3}[ -]\d{4}[ -]\d{4}(?![\d-]| \d)"), lambda text: verhoeff(re.sub(r"\D", "", text))),
    (re.compile(r"(?<!\d)[12] ?\d{2} ?\d{2} ?\d{2} ?\d{3} ?\d{3} ?\d{2}(?!\d)"), lambda text: insee(text.replace(" ", ""))),
    (re.compile(r"(?<!\w)(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D](?!\w)"), lambda text: True),
)  # fmt: skip
NAMED_ID = re.compile(
    r"(?:driver'?s?'? licen[cs]e|licen[cs]e (?:number|no\.?|#)|passport|pesel|nhs|t\.?c\.? kimlik|tax id|taxpayer id|social security|\bssn\b|\bsin\b|national id|id card|identity card|personnummer|\bbsn\b|medicare|steuer-?id)"
    r"[^\n\d]{0,24}?((?<!\w)[A-Za-z]{0,3}\d[\dA-Za-z -]{4,16}\d(?!\w))",
    re.IGNORECASE,
)
STREET = re.compile(
    r"(?<![\w.,$])\d{1,5}[A-Za-z]?,? (?:[NSEW]\.? )?(?:[A-Z][\w.'’-]{1,24} ){1,4}(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Square|Sq|Place|Pl|Terrace|Parkway|Pkwy|Highway|Hwy|Circle|Cir|Crescent|Close|Way)\b"
    r"|\bP\.? ?O\.? Box \d{1,6}\b"
    r"|(?<!\w)[A-ZÄÖÜ][\w-]{2,24}(?:straße|strasse|str\.|gasse|allee|platz|weg) \d{1,4} ?[a-z]?\b"
    r"|\b\d{1,4}(?: bis| ter)?,? (?:rue|avenue|boulevard|place|chemin|impasse) (?:de |du |des |la |le |les |l'|d'){0,3}[A-ZÉÈ][\w'-]{1,24}"
)
SECRET = re.compile(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36,255}|\bgithub_pat_\w{22,255}|\bglpat-[\w-]{20,64}|\bxox[abeprs]-[\w-]{10,250}"
    r"|\bsk-(?:ant-|proj-)?[\w-]{20,250}|\bAIza[\w-]{35}|\bhf_[A-Za-z0-9]{30,64}|\bnpm_[A-Za-z0-9]{36}|\bpypi-[\w-]{50,250}|\b[sr]k_live_[0-9A-Za-z]{16,99}|\bSG\.[\w-]{16,32}\.[\w-]{16,64}"
    r"|\beyJ[\w-]{8,1024}\.eyJ[\w-]{8,2048}\.[\w-]{8,1024}|-----BEGIN (?:RSA |EC |DSA |OPENSSH |PGP |ENCRYPTED )?PRIVATE KEY"
)
SECRET_HINTS = (
    *"AKIA ASIA ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- xox sk- AIza hf_ npm_ pypi- k_live_ SG. eyJ".split(),
    "PRIVATE KEY",
)
PASSWORD = re.compile(
    r"\b(?:password|passwd|passphrase|pwd|secret(?:[_ -]?key)?|api[_ -]?key|access[_ -]?token|auth[_ -]?token)[\"']?(?: is|:|=| =|:=) {0,3}[\"'`]?([^\s\"'`,;<>{}()\[\]]{6,64})",
    re.IGNORECASE,
)
BITCOIN = re.compile(r"[13][1-9A-HJ-NP-Za-km-z]{25,34}(?!\w)")
WALLET = re.compile(r"\b(?:bc1[ac-hj-np-z02-9]{25,62}|0x[0-9a-fA-F]{40})\b")
BIRTH = re.compile(
    r"(?:\bborn(?: on)?|date of birth|\bd\.?o\.?b\.?|birth ?date|birthday)[^\n\d]{0,16}?(\d{1,4}[-/. ]\d{1,2}[-/. ]\d{2,4}|\d{1,2}(?:st|nd|rd|th)? [A-Z][a-z]{2,8},? \d{4}|[A-Z][a-z]{2,8} \d{1,2}(?:st|nd|rd|th)?,? \d{4})",
    re.IGNORECASE,
)
PHONE_WORDS = re.compile(r"phone|call|\btel\b|tel[.:]|mobile|\bcell\b|\bfax\b|whatsapp|text me|\bsms\b|dial|ring me|reach (?:me|us|him|her)|contact|desk\b|office[:-]|\bext\b|number(?: is|:| to)|hotline|helpline|telefon|tél|móvil|celular|电话|手机|電話|携帯")  # fmt: skip
NOT_A_PHONE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/. ]\d{1,2}[-/. ]\d{2,4}|\d{4} ?[-–/] ?\d{2,4}|\d{5}-\d{4}|\d{4} \d{1,2} \d{1,2}"
)
JOINTS = {
    " ",
    "-",
    ".",
    "/",
    ") ",
    ")",
    " (",
    "(",
    ")-",
    "-(",
    "\u2010",
    "\u2011",
    "\u2012",
    "\u2013",
    "\u00a0",
    ").",
    " ) ",
}
SUM_BEFORE, SUM_AFTER = re.compile(r"[=+*×÷<>]\s?$|[=*×÷<>]"), re.compile(r"\s?[=*×÷<>+]")
CONTEXT = 60  # characters before a number in which its name may stand
READ = 100_000  # characters of a turn that are read


def phone(text: str, begin: int, end: int) -> bool:
    """Whether a number reads as a phone number: by its form, or by its form and what stands before it."""
    value = re.split(r" ?(?:x|ext)", text[begin:end])[0]
    groups = re.findall(r"\d+", value)
    digits = "".join(groups)
    joints = set(re.findall(r"(?<=\d)\D+(?=\d)", value))
    if SUM_BEFORE.search(text, max(0, begin - 4), begin) or SUM_AFTER.match(text, end):
        return False  # a step of arithmetic
    if not 7 <= len(digits) <= 15 or not joints <= JOINTS or len(set(digits)) == 1 or NOT_A_PHONE.fullmatch(value):
        return False
    if value[0] == "+" or value.startswith("00"):
        return len(digits) >= 8
    named = PHONE_WORDS.search(text[max(0, begin - CONTEXT) : begin].lower()) is not None
    if "/" in joints or max(map(len, groups)) > 8:
        return named and len(digits) >= 9
    if re.fullmatch(r"(?:1[-. ])?\(?\d{3}\)?[-. ]{0,2}\d{3}[-. ]\d{4}", value):
        return True
    if value[0] == "(" or re.fullmatch(r"0\d{1,4}[- ]\d{2,4}[- ]\d{2,4}(?:[- ]\d{2,4}){0,2}", value):
        return len(digits) >= 8
    even = len(groups) >= 3 and len(digits) >= 8 and all(2 <= len(group) <= 4 for group in groups) and "." not in joints
    return (even and ((len(joints) == 1 and "-" in joints) or named)) or (named and len(groups) >= 2)


def card(digits: str) -> bool:
    """Length and first digits of the issuers, and Luhn."""
    issued = (
        (digits[0] == "4" and len(digits) in (13, 16, 19))
        or (digits[:2] in ("34", "37") and len(digits) == 15)
        or ((51 <= int(digits[:2]) <= 55 or 2221 <= int(digits[:4]) <= 2720) and len(digits) == 16)
        or ((digits[:2] in ("36", "38", "39") or 300 <= int(digits[:3]) <= 305) and len(digits) in (14, 16))
        or (digits[:4] in ("2131", "1800") and len(digits) == 15)
        or (digits[:2] == "35" and len(digits) in (15, 16))
        or (digits[:2] in ("60", "62", "64", "65") and 16 <= len(digits) <= 19)
        or (digits[:2] in ("50", "56", "57", "58", "59", "61", "63", "66", "67", "68", "69") and 12 <= len(digits) <= 19)
    )  # fmt: skip
    return issued and len(set(digits)) > 1 and luhn(digits)


# ---- spans ----------------------------------------------------------------------------------------------------------


def _ibans(text: str, low: int, high: int) -> Iterator[Span]:
    for hit in IBAN.finditer(text, low, high):
        country = text[hit.start() : hit.start() + 2].upper()
        wanted = IBAN_LENGTHS.get(country, 0)
        kept = [place for place in range(hit.start(), min(len(text), hit.start() + 48)) if text[place].isalnum() and text[place].isascii()]  # fmt: skip
        if wanted and len(kept) >= wanted:
            end = kept[wanted - 1] + 1
            value = "".join(c for c in text[hit.start() : end] if c.isalnum())
            if (end == len(text) or not text[end].isalnum()) and len(value) == wanted and value.isascii() and mod97(value):  # fmt: skip
                yield hit.start(), end, "iban"


def _addresses(text: str, low: int, high: int) -> Iterator[Span]:
    for pattern in (IPV4, IPV6):
        for hit in pattern.finditer(text, low, high):
            if pattern is IPV6 and hit.group().count(":") < 7 and "::" not in hit.group():
                continue
            try:
                found = ip_address(hit.group())
            except ValueError:
                continue
            before = text[max(0, hit.start() - 12) : hit.start()].lower()
            # A test network or one's own says nothing about a person; a version may look like an address.
            private = found.is_loopback or found.is_unspecified or found.is_multicast or found.is_private
            if not (private and pattern is IPV4) and len(hit.group()) > 6 and "version" not in before and before[-2:] != " v":  # fmt: skip
                yield hit.start(), hit.end(), "ip-address"


def _numbers(text: str, low: int, high: int) -> Iterator[Span]:
    for hit in LONG_NUMBER.finditer(text, low, high):
        if card(re.sub(r"\D", "", hit.group())):
            yield hit.start(), hit.end(), "card"
    for hit in SSN.finditer(text, low, high):
        yield hit.start(), hit.end(), "national-id"
    for pattern, check in IDENTITY:
        for hit in pattern.finditer(text, low, high):
            if check(hit.group()):
                yield hit.start(), hit.end(), "national-id"
    for hit in NUMBER.finditer(text, low, high):
        if phone(text, hit.start(), hit.end()):
            yield hit.start(), hit.end(), "phone"
    for hit in BITCOIN.finditer(text, low, high):
        if not text[hit.start() - 1 : hit.start()].isalnum() and base58check(hit.group()):
            yield hit.start(), hit.end(), "crypto-wallet"


def _password(value: str) -> bool:
    """Whether a value reads as a secret: digits and letters, and no stand-in."""
    stand_in = re.search(r"your|example|xxx|\*\*\*|password|secret|\.\.\.|changeme|placeholder|1234", value.lower())
    return any(c.isdigit() for c in value) and any(c.isalpha() for c in value) and not stand_in


# Every expression here begins with a plain class, by which a search can skip ahead; most texts hold nothing for it, and
# the expressions above are then asked only around what it finds.
ANY_DIGIT = re.compile("[0-9]")
GATE = re.compile(
    r"[0-9](?:(?:[ ()./\-\u2010-\u2014\u00a0]{0,3}[0-9]){6}|[0-9]{0,2}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]|[0-9][A-EHLMPRSTa-ehlmprst][0-9]{2}[A-Za-z][0-9]{3}[A-Za-z]"
    r"|[0-9] ?[0-9]{2} ?[0-9]{2} ?[A-D](?!\w)|[1-9A-HJ-NP-Za-km-z]{25})"
)
COLONS = re.compile(r"[0-9a-fA-F]{1,4}:[0-9a-fA-F]{0,4}:[0-9a-fA-F]|[0-9a-fA-F]{2}-[0-9a-fA-F]{2}-[0-9a-fA-F]{2}-")
ADDRESS_HINT = re.compile(r"[0-9][A-Za-z]?,? [A-ZÄÖÜ]|[0-9],? (?:rue|ave|bou|pla|che|imp)")
# Words beside which a value counts, by group; a batch knows from its words which turns hold any of them.
GROUPS = {
    "named": "licence license licences licenses passport pesel social ssn identity nhs tax taxpayer kimlik national medicare id sin personnummer bsn steuer steuerid",
    "password": "password passwd passphrase pwd secret api apikey token key",
    "birth": "born birth birthdate birthday dob d o b",
    "prefix": "ghp gho ghu ghs ghr github glpat xoxa xoxb xoxe xoxp xoxr xoxs sk hf npm pypi live sg begin private",
    "box": "box",
}  # fmt: skip
TABLES = {name: anchor_table(words.split()) for name, words in GROUPS.items()}
BARE_PREFIXES = ("AKIA", "ASIA", "AIza", "eyJ")  # grown together with what follows, so no words of their own
BEFORE, AFTER = 40, 60  # characters around a number that belong to it


# A piece of every word of a group, for a text by itself.
PIECES = {
    "named": ("licen", "passport", "pesel", "social", "ssn", "identity", "nhs", "tax", "kimlik", "national", "medicare", "id ", "sin ", "personnummer", "bsn", "steuer"),
    "password": ("pass", "pwd", "secret", "api", "token", "key"),
    "birth": ("born", "birth", "dob", "d.o.b"),
    "prefix": SECRET_HINTS,
    "box": ("box",),
}  # fmt: skip


def groups_in(text: str) -> set[str]:
    """The groups of which a text may hold a word."""
    lower = text.lower()
    return {
        name
        for name, pieces in PIECES.items()
        if any(piece in (text if name == "prefix" else lower) for piece in pieces)
    }


def groups_of(batch: Batch) -> list[set[str]]:
    """Of each turn: the groups of which it holds a word."""
    found: list[set[str]] = [set() for _ in batch.turns]
    tops = batch.words.hashes >> np.uint64(64 - ANCHOR_BITS)
    for name, table in TABLES.items():
        for turn in np.unique(batch.words.turn[table[tops]]).tolist():
            found[turn].add(name)
    return found


def spans(text: str, groups: set[str] | None = None) -> list[Span]:
    """Every private value of a text, without overlaps; where two overlap, the first in the order of the kinds stays.

    `groups` names the groups of words that the text holds, where that is known; it only spares looking.
    """
    text = text[:READ]
    groups = groups_in(text) if groups is None else groups
    found: list[Span] = []
    if "@" in text:
        found += [(*hit.span(), "secret") for hit in CREDENTIALS.finditer(text)] if "://" in text else []
        found += [(*hit.span(), "email") for hit in EMAIL.finditer(text)]
    if ("prefix" in groups and any(hint in text for hint in SECRET_HINTS)) or any(p in text for p in BARE_PREFIXES):
        found += [(*hit.span(), "secret") for hit in SECRET.finditer(text)]
    if ":" in text and COLONS.search(text):
        found += [(*hit.span(), "mac-address") for hit in MAC.finditer(text)]
        found += _addresses(text, 0, len(text))
    if ANY_DIGIT.search(text):
        found += _with_digits(text, groups)
    return _apart(found) if found else []


def _with_digits(text: str, groups: set[str]) -> Iterator[Span]:
    """The kinds that hold a digit."""
    if "password" in groups:
        yield from ((*hit.span(1), "password") for hit in PASSWORD.finditer(text) if _password(hit.group(1)))
    if "0x" in text or "bc1" in text:
        yield from ((*hit.span(), "crypto-wallet") for hit in WALLET.finditer(text))
    if "named" in groups:
        yield from ((*hit.span(1), "national-id") for hit in NAMED_ID.finditer(text))
    end = 0
    for hit in GATE.finditer(text):
        if hit.start() < end:
            continue
        low, end = max(0, end - BEFORE, hit.start() - BEFORE), hit.end() + AFTER
        for look in (_ibans, _numbers, _addresses):
            yield from look(text, low, end)
    if "birth" in groups:
        yield from ((*hit.span(1), "birth-date") for hit in BIRTH.finditer(text))
    if ADDRESS_HINT.search(text) or "box" in groups or "str. " in text or not text.isascii():
        yield from ((*hit.span(), "address") for hit in STREET.finditer(text))


def _apart(found: list[Span]) -> list[Span]:
    kept: list[Span] = []
    for begin, end, label in found:
        if all(end <= b or begin >= e for b, e, _ in kept):
            kept.append((begin, end, label))
    return sorted(kept)


def masked(value: str) -> str:
    """A value that is not told: its first character and how long it is."""
    return f"{value[0]}••• ({len(value)} characters)"


# ---- presidio -------------------------------------------------------------------------------------------------------

PRESIDIO = {
    "EMAIL_ADDRESS": "email", "PHONE_NUMBER": "phone", "CREDIT_CARD": "card", "IBAN_CODE": "iban", "IP_ADDRESS": "ip-address", "CRYPTO": "crypto-wallet",
    "US_SSN": "national-id", "US_DRIVER_LICENSE": "national-id", "US_PASSPORT": "national-id", "US_ITIN": "national-id", "UK_NHS": "national-id", "ES_NIF": "national-id",
    "IT_FISCAL_CODE": "national-id", "MAC_ADDRESS": "mac-address", "PERSON": "person", "LOCATION": "address",
}  # fmt: skip


def presidio_spans(language: str = "en") -> Callable[..., list[Span]]:
    """Presidio's analyzer as a function like `spans`. Raises UsageError when it is not installed."""
    try:
        from presidio_analyzer import AnalyzerEngine
    except ImportError as error:
        raise UsageError(
            "pii:engine=presidio needs presidio", 'pip install "holdfast[presidio]", or leave the engine out'
        ) from error
    engine = AnalyzerEngine(supported_languages=[language])

    def found(text: str, groups: set[str] | None = None) -> list[Span]:
        results = sorted(engine.analyze(text=text[:READ], language=language), key=lambda result: -result.score)
        return _apart([(r.start, r.end, PRESIDIO[r.entity_type]) for r in results if r.entity_type in PRESIDIO])

    return found


# ---- the scanner ----------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Pii(OptionScanner):
    """Its options: whose patterns."""

    name = "pii"
    about = "e-mail, phone, card, IBAN, ids, addresses, keys and tokens; values are masked"
    labels: ClassVar[dict[str, str]] = {
        "secret": "error",
        "password": "warning",  # made-up ones are common in ordinary rows, and nothing in their form tells them apart
        "card": "error",
        "iban": "error",
        "national-id": "error",
        "email": "warning",
        "phone": "warning",
        "address": "warning",
        "ip-address": "warning",
        "mac-address": "warning",
        "crypto-wallet": "warning",
        "birth-date": "warning",
        "person": "note",
    }
    false_alarm: ClassVar[dict[str, Noise]] = {
        label: Noise(0, 7217, "benchmarks/scan_quality.py, ten benign sets")
        for label in ("secret", "card", "iban", "national-id")
    }
    blind = "names and places (only with engine=presidio), ids without a checksum or a name beside them, values written in words"

    engine: str = setting(
        "own", "own patterns, or presidio's analyzer when it is installed", choices=("own", "presidio")
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._spans: Any = spans if self.engine == "own" else None

    def prepare(self, context: ScanContext) -> None:
        self._open()

    def _open(self) -> Any:
        if self._spans is None:
            self._spans = presidio_spans()
        return self._spans

    def __getstate__(self) -> dict[str, Any]:
        # Presidio's engine is opened anew in each process.
        return {**self.__dict__, "_spans": spans if self.engine == "own" else None}

    def scan(self, batch: Batch) -> list[Finding]:
        look = self._open()
        found: dict[tuple[int, str], tuple[int, str]] = {}
        for turn, words in zip(batch.turns, groups_of(batch), strict=True):
            for begin, end, label in look(turn.text, words):
                count, shown = found.get((turn.row, label), (0, ""))
                found[turn.row, label] = (count + 1, shown or f"{masked(turn.text[begin:end])} in the {turn.role} turn")
        return [
            Finding(row, self.name, label, 0.9, shown if count == 1 else f"{count} of them, the first {shown}")
            for (row, label), (count, shown) in found.items()
        ]

    def find(self, text: str) -> list[Span]:
        """Begin, end and label of every private value of a text."""
        return list(self._open()(text))

    def redact(self, text: str) -> tuple[str, int]:
        parts, end, changed = [], 0, 0
        for begin, until, label in self.find(text):
            parts += [text[end:begin], f"[{label.upper()}]"]
            end, changed = until, changed + 1
        return "".join([*parts, text[end:]]), changed


make = Pii
