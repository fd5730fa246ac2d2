"""Personal data in a text, by form: e-mail, phone, card, IBAN, ids, addresses, wallets, birth dates, keys and tokens.

    spans("write to jane.roe@mail.example.org")     -> [(9, 34, "email")]

Each pattern is bounded, and a number counts only where its check digits agree (python-stdnum knows them), which is what
keeps ordinary numbers out. A kind that has no check digits counts by its form, or by a word that stands beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from ipaddress import ip_address

from stdnum import bitcoin, iban, luhn
from stdnum.br import cpf
from stdnum.cn import ric
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.in_ import aadhaar
from stdnum.it import codicefiscale

Span = tuple[int, int, str]  # begin, end, label

# ---- patterns -------------------------------------------------------------------------------------------------------

EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,6}[^\W\d_]{2,24}(?![\w-])")
CREDENTIALS = re.compile(r"\b[a-z][a-z0-9+.-]{1,14}://[^\s:@/]{1,64}:[^\s@/]{3,64}@", re.IGNORECASE)
IBAN = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}[ -]?(?:[A-Za-z0-9]{1,30}(?![A-Za-z0-9 -])|[A-Za-z0-9]{4}[A-Za-z0-9 -]{6,36})"
)
IBAN_CHARACTERS = 48  # with its spaces
SHORTEST_IBAN = 15  # letters and digits: Norway's
NUMBER = re.compile(
    r"(?<![\w.,$€£¥%@=])[+(]?\d[\d ()./\-\u2010-\u2014\u00a0]{5,30}\d(?: ?(?:x|ext\.?) ?\d{1,6})?(?![\w%])"
)
LONG_NUMBER = re.compile(r"(?<![\d.,$€£¥%@=-])\d(?:[ -]?\d){10,18}(?![\d%]|[ -]\d)")
IPV4 = re.compile(r"(?<![\d.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\d]|\.\d)")
IPV6 = re.compile(r"(?<![\w:])[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}(?![\w:])")
MAC = re.compile(r"(?<![\w:-])[0-9a-fA-F]{2}([:-])[0-9a-fA-F]{2}(?:\1[0-9a-fA-F]{2}){4}(?![\w:-])")
SSN = re.compile(r"(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])")
NINO = re.compile(  # Britain: no check digits, but a form that little else has
    r"(?<!\w)(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D](?!\w)"
)
# National ids with check digits: Spain, Spain's foreigners, Italy, Brazil, China, India, France.
CHECKED_IDS: tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...] = (
    (re.compile(r"(?<![\w-])\d{8}-?[A-Za-z](?!\w)"), dni.is_valid),
    (re.compile(r"(?<![\w-])[xyzXYZ]\d{7}-?[A-Za-z](?!\w)"), nie.is_valid),
    (
        re.compile(r"(?<!\w)[A-Za-z]{6}\d{2}[A-EHLMPRSTa-ehlmprst]\d{2}[A-Za-z]\d{3}[A-Za-z](?!\w)"),
        codicefiscale.is_valid,
    ),
    (re.compile(r"(?<!\d)\d{3}\.\d{3}\.\d{3}-\d{2}(?!\d)"), cpf.is_valid),
    (re.compile(r"(?<!\w)\d{17}[\dXx](?!\w)"), ric.is_valid),
    (re.compile(r"(?<![\d-])[2-9]\d{3}[ -]\d{4}[ -]\d{4}(?![\d-]| \d)"), aadhaar.is_valid),
    (re.compile(r"(?<!\d)[12] ?\d{2} ?\d{2} ?\d{2} ?\d{3} ?\d{3} ?\d{2}(?!\d)"), nir.is_valid),
)
NAMED_ID = re.compile(
    r"(?:driver'?s?'? licen[cs]e|licen[cs]e (?:number|no\.?|#)|passport|pesel|nhs|t\.?c\.? kimlik|tax id|taxpayer id|"
    r"social security|\bssn\b|\bsin\b|national id|id card|identity card|personnummer|\bbsn\b|medicare|steuer-?id)"
    r"[^\n\d]{0,24}?((?<!\w)[A-Za-z]{0,3}\d[\dA-Za-z -]{4,16}\d(?!\w))",
    re.IGNORECASE,
)
STREET = re.compile(
    r"(?<![\w.,$])\d{1,5}[A-Za-z]?,? (?:[NSEW]\.? )?(?:[A-Z][\w.'’-]{1,24} ){1,4}"
    r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Square|Sq|Place|Pl|Terrace|Parkway|Pkwy|"
    r"Highway|Hwy|Circle|Cir|Crescent|Close|Way)\b"
    r"|\bP\.? ?O\.? Box \d{1,6}\b"
    r"|(?<!\w)[A-ZÄÖÜ][\w-]{2,24}(?:straße|strasse|str\.|gasse|allee|platz|weg) \d{1,4} ?[a-z]?\b"
    r"|\b\d{1,4}(?: bis| ter)?,? (?:rue|avenue|boulevard|place|chemin|impasse) "
    r"(?:de |du |des |la |le |les |l'|d'){0,3}[A-ZÉÈ][\w'-]{1,24}"
)
SECRET = re.compile(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36,255}|\bgithub_pat_\w{22,255}|\bglpat-[\w-]{20,64}"
    r"|\bxox[abeprs]-[\w-]{10,250}"
    r"|\bsk-(?:ant-|proj-)?[\w-]{20,250}|\bAIza[\w-]{35}|\bhf_[A-Za-z0-9]{30,64}|\bnpm_[A-Za-z0-9]{36}"
    r"|\bpypi-[\w-]{50,250}|\b[sr]k_live_[0-9A-Za-z]{16,99}|\bSG\.[\w-]{16,32}\.[\w-]{16,64}"
    r"|\beyJ[\w-]{8,1024}\.eyJ[\w-]{8,2048}\.[\w-]{8,1024}"
    r"|-----BEGIN (?:RSA |EC |DSA |OPENSSH |PGP |ENCRYPTED )?PRIVATE KEY"
)
SECRET_HINTS = (
    *"AKIA ASIA ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- xox sk- AIza hf_ npm_ pypi- k_live_ SG. eyJ".split(),
    "PRIVATE KEY",
)
PASSWORD = re.compile(
    r"\b(?:password|passwd|passphrase|pwd|secret(?:[_ -]?key)?|api[_ -]?key|access[_ -]?token|auth[_ -]?token)"
    r"[\"']?(?: is|:|=| =|:=) {0,3}[\"'`]?([^\s\"'`,;<>{}()\[\]]{6,64})",
    re.IGNORECASE,
)
BITCOIN = re.compile(r"[13][1-9A-HJ-NP-Za-km-z]{25,34}(?!\w)")
WALLET = re.compile(r"\b(?:bc1[ac-hj-np-z02-9]{25,62}|0x[0-9a-fA-F]{40})\b")
BIRTH = re.compile(
    r"(?:\bborn(?: on)?|date of birth|\bd\.?o\.?b\.?|birth ?date|birthday)[^\n\d]{0,16}?"
    r"(\d{1,4}[-/. ]\d{1,2}[-/. ]\d{2,4}|\d{1,2}(?:st|nd|rd|th)? [A-Z][a-z]{2,8},? \d{4}"
    r"|[A-Z][a-z]{2,8} \d{1,2}(?:st|nd|rd|th)?,? \d{4})",
    re.IGNORECASE,
)
PHONE_WORDS = re.compile(
    r"phone|call|\btel\b|tel[.:]|mobile|\bcell\b|\bfax\b|whatsapp|text me|\bsms\b|dial|ring me|"
    r"reach (?:me|us|him|her)|contact|desk\b|office[:-]|\bext\b|number(?: is|:| to)|hotline|helpline|"
    r"telefon|tél|móvil|celular|电话|手机|電話|携帯"
)
NOT_A_PHONE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/. ]\d{1,2}[-/. ]\d{2,4}|\d{4} ?[-–/] ?\d{2,4}|\d{5}-\d{4}|"
    r"\d{4} \d{1,2} \d{1,2}"
)
# What may stand between two groups of a phone number's digits.
JOINTS = {
    " ", "-", ".", "/", ") ", ")", " (", "(", ")-", "-(", ").", " ) ", "\u2010", "\u2011", "\u2012", "\u2013", "\u00a0",
}  # fmt: skip
SUM_BEFORE, SUM_AFTER = re.compile(r"[=+*×÷<>]\s?$|[=*×÷<>]"), re.compile(r"\s?[=*×÷<>+]")
MAESTRO = ("50", "56", "57", "58", "59", "61", "63", "66", "67", "68", "69")  # first digits of its cards
CONTEXT = 60  # characters before a number in which its name may stand
READ = 100_000  # characters of a text that are read

# Every expression here begins with a plain class, by which a search can skip ahead; most texts hold nothing for it, and
# the expressions above are then asked only around what it finds.
ANY_DIGIT = re.compile("[0-9]")
GATE = re.compile(
    r"[0-9](?:(?:[ ()./\-\u2010-\u2014\u00a0]{0,3}[0-9]){6}|[0-9]{0,2}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]"
    r"|[0-9][A-EHLMPRSTa-ehlmprst][0-9]{2}[A-Za-z][0-9]{3}[A-Za-z]"
    r"|[0-9] ?[0-9]{2} ?[0-9]{2} ?[A-D](?!\w)|[1-9A-HJ-NP-Za-km-z]{25})"
)
COLONS = re.compile(r"[0-9a-fA-F]{1,4}:[0-9a-fA-F]{0,4}:[0-9a-fA-F]|[0-9a-fA-F]{2}-[0-9a-fA-F]{2}-[0-9a-fA-F]{2}-")
ADDRESS_HINT = re.compile(r"[0-9][A-Za-z]?,? [A-ZÄÖÜ]|[0-9],? (?:rue|ave|bou|pla|che|imp)")
BEFORE, AFTER = 40, 60  # characters around a number that belong to it
# Words beside which a value counts, by group, for texts that were split into words; and a piece of every such word, for
# texts that were not.
WORDS = {
    "named": "licence license licences licenses passport pesel social ssn identity nhs tax taxpayer kimlik national "
    "medicare id sin personnummer bsn steuer steuerid",
    "password": "password passwd passphrase pwd secret api apikey token key",
    "birth": "born birth birthdate birthday dob d o b",
    "prefix": "ghp gho ghu ghs ghr github glpat xoxa xoxb xoxe xoxp xoxr xoxs sk hf npm pypi live sg begin private",
    "box": "box",
}
PIECES = {
    "named": (
        "licen", "passport", "pesel", "social", "ssn", "identity", "nhs", "tax", "kimlik", "national", "medicare",
        "id ", "sin ", "personnummer", "bsn", "steuer",
    ),
    "password": ("pass", "pwd", "secret", "api", "token", "key"),
    "birth": ("born", "birth", "dob", "d.o.b"),
    "prefix": SECRET_HINTS,
    "box": ("box",),
}  # fmt: skip
BARE_PREFIXES = ("AKIA", "ASIA", "AIza", "eyJ")  # grown together with what follows, so no words of their own


# ---- is it one? -----------------------------------------------------------------------------------------------------


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
    """Whether digits are a card's: the issuers' lengths and first digits, and Luhn's check."""
    issued = (
        (digits[0] == "4" and len(digits) in (13, 16, 19))
        or (digits[:2] in ("34", "37") and len(digits) == 15)
        or ((51 <= int(digits[:2]) <= 55 or 2221 <= int(digits[:4]) <= 2720) and len(digits) == 16)
        or ((digits[:2] in ("36", "38", "39") or 300 <= int(digits[:3]) <= 305) and len(digits) in (14, 16))
        or (digits[:4] in ("2131", "1800") and len(digits) == 15)
        or (digits[:2] == "35" and len(digits) in (15, 16))
        or (digits[:2] in ("60", "62", "64", "65") and 16 <= len(digits) <= 19)
        or (digits[:2] in MAESTRO and 12 <= len(digits) <= 19)
    )  # fmt: skip
    return issued and len(set(digits)) > 1 and luhn.is_valid(digits)


def _password(value: str) -> bool:
    """Whether a value reads as a secret: digits and letters, and no stand-in."""
    stand_in = re.search(r"your|example|xxx|\*\*\*|password|secret|\.\.\.|changeme|placeholder|1234", value.lower())
    return any(c.isdigit() for c in value) and any(c.isalpha() for c in value) and not stand_in


# ---- spans ----------------------------------------------------------------------------------------------------------

_VALUE_ENDS = re.compile(r"(?<=[A-Za-z0-9])(?![A-Za-z0-9])")


def _ibans(text: str, low: int, high: int) -> Iterator[Span]:
    for hit in IBAN.finditer(text, low, high):
        part = text[hit.start() : hit.start() + IBAN_CHARACTERS]
        for end in _VALUE_ENDS.finditer(part, SHORTEST_IBAN):
            if iban.is_valid(part[: end.start()], check_country=False):
                yield hit.start(), hit.start() + end.start(), "iban"
                break


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
            version = "version" in before or before[-2:] == " v"
            if not (private and pattern is IPV4) and len(hit.group()) > 6 and not version:
                yield hit.start(), hit.end(), "ip-address"


def _numbers(text: str, low: int, high: int) -> Iterator[Span]:
    for hit in LONG_NUMBER.finditer(text, low, high):
        if card(re.sub(r"\D", "", hit.group())):
            yield hit.start(), hit.end(), "card"
    for hit in SSN.finditer(text, low, high):
        yield hit.start(), hit.end(), "national-id"
    for pattern, is_valid in CHECKED_IDS:
        for hit in pattern.finditer(text, low, high):
            if is_valid(hit.group()):
                yield hit.start(), hit.end(), "national-id"
    for hit in NINO.finditer(text, low, high):
        yield hit.start(), hit.end(), "national-id"
    for hit in NUMBER.finditer(text, low, high):
        if phone(text, hit.start(), hit.end()):
            yield hit.start(), hit.end(), "phone"
    for hit in BITCOIN.finditer(text, low, high):
        if not text[hit.start() - 1 : hit.start()].isalnum() and bitcoin.is_valid(hit.group()):
            yield hit.start(), hit.end(), "crypto-wallet"


def groups_in(text: str) -> set[str]:
    """The groups of which a text may hold a word."""
    lower = text.lower()
    return {
        name
        for name, pieces in PIECES.items()
        if any(piece in (text if name == "prefix" else lower) for piece in pieces)
    }


def spans(text: str, groups: set[str] | None = None) -> list[Span]:
    """Every value of a text, without overlaps; where two overlap, the first in the order of the kinds stays.

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
    return apart(found) if found else []


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


def apart(found: list[Span]) -> list[Span]:
    """Spans in the order of the text, without those that overlap an earlier one of the list."""
    kept: list[Span] = []
    for begin, end, label in found:
        if all(end <= b or begin >= e for b, e, _ in kept):
            kept.append((begin, end, label))
    return sorted(kept)
