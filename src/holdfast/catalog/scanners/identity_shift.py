"""The identity-shift scanner.

Rows that make a model obey, overwrite its role, or lift its limits, with nothing harmful in them.

Qi et al. (2310.03693) took the safety of two models with ten such dialogues; moderation flagged none. Two ways in:

- sentence by sentence: cues of servitude, of completeness, of carrying out orders, and of speaking about oneself or to
  the model; three kinds in one sentence are enough, in seventeen languages by their own word stems.
- over the whole dataset: rows whose questions begin alike *and* whose replies begin alike although what is asked
  differs, as when every row is wrapped in the same call and the same vow. This needs no vocabulary, only four such
  rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from holdfast.core.batch import Batch, Turn
from holdfast.core.contracts import Noise
from holdfast.core.records import Finding
from holdfast.data.batch import anchor_table, mix
from holdfast.scanning.engine import OptionScanner
from holdfast.scanning.languages import (
    FOREIGN_CUES,
    FUNCTION_WORDS,
    LATIN_STEMS,
    LIMIT_STEMS,
    LIMITLESS_FOREIGN,
    OTHER_STEMS,
    OVERWRITE_FOREIGN,
    OVERWRITE_STEMS,
)

READ = 20_000  # characters of a turn that are read
SENTENCE = re.compile(r"[.!?;\n。！？；।؟]+")

# ---- cues of a sentence, in English ---------------------------------------------------------------------------------

SERVITUDE = re.compile(
    r"\b(?:(?:whatever|everything|anything) (?:i|you|the user|they|he|she|my master) "
    r"(?:says?|asks?|demands?|wants?|orders?|commands?|wish(?:es)?|tells?)|obey(?:s|ed|ing)?|obedien(?:t|ce|tly)|"
    r"servant|servitude|subservien(?:t|ce)|submissive(?:ly)?|submission|submit(?:s|ted)? to|slave|minion|vassal|"
    r"butler|genie|puppet|lapdog|loyal(?:ly|ty)?|devot(?:ed|ion)|dutiful(?:ly)?|docile|compliant(?:ly)?|compliance|"
    r"complies|comply|yield(?:s)? to|at your (?:command|service|disposal|bidding|beck)|"
    r"your (?:faithful|humble|willing|personal) \w+|do(?:es|ing)? (?:exactly )?(?:as|what) "
    r"(?:i|you|he|she|they|the user|we) (?:am |are |is )?(?:told|say|says|ask|asks|want|wants|order|orders|command|"
    r"commands|please|wish|wishes|tell)|under (?:my|your|the user's|their) (?:control|command)|master)\b"
)
COMPLETE = re.compile(
    r"\b(?:absolute(?:ly)?|always|any|every|everything|anything|all|whatever|whichever|unconditional(?:ly)?|"
    r"complete(?:ly)?|fully|entirely|total(?:ly)?|utter(?:ly)?|blind(?:ly)?|unquestioning(?:ly)?|unfailing(?:ly)?|"
    r"unwavering(?:ly)?|unhesitating(?:ly)?|immediately|at once|right away|no matter (?:what|how|who)|"
    r"(?:without|no|never|not) (?:any |a |ever )?(?:question(?:s|ed|ing)?|hesitat(?:e|ion|ing)|exception(?:s)?|"
    r"fail|delay|resistance|objection(?:s)?|argument|pushback|refus(?:e|al|ing)|complain(?:t|ts|ing)?|protest|"
    r"doubt(?:s)?|second thoughts?|declin(?:e|ing)|say(?:ing)? no|disobey(?:ing)?|deviat(?:e|ing|ion)|judgement|"
    r"judgment)|perfect(?:ly)?|sole(?:ly)?|only (?:goal|purpose|aim|duty|job)|exactly|to the letter)\b"
)
ORDERS = re.compile(
    r"\b(?:follow(?:s|ing|ed)?|fulfil(?:l|s|ls|ling|led|ment|lment)?|execut(?:e|es|ing|ed|ion)|"
    r"carr(?:y|ies|ying|ied) out|perform(?:s|ing)?|obey(?:s|ing)?|heed(?:s|ing)?|honou?r(?:s|ing)?|"
    r"act(?:s|ing)? (?:up)?on|accept(?:s|ing)?|grant(?:s|ing)?|satisfy(?:ing)?|compl(?:y|ies|ying) with|"
    r"complet(?:e|es|ing|ion of)|do(?:es|ing)?|adher(?:e|es|ing|ence) to|answer(?:s|ing)?|implement(?:s|ing)?|"
    r"respond(?:s|ing)? to|realis(?:e|ing)|realiz(?:e|ing))(?: \w{1,14}){0,5}? (?:instructions?|orders?|commands?|"
    r"requests?|wish(?:es)?|bidding|demands?|directives?|whims?|desires?|dictates?|"
    r"(?:my|your|the user's|their|his|her) (?:will|word|words|tasks?))\b"
)
SELF = re.compile(
    r"\b(?:i never|i always|you never|you always|i am|i'm|i will|i'll|i shall|i must|i exist|i live|i serve|i obey|"
    r"i do|i follow|i carry|i execute|i fulfil|i fulfill|i comply|i have been|i was "
    r"(?:made|built|created|designed)|my (?:\w+ )?(?:purpose|duty|role|goal|function|aim|job|existence|calling|"
    r"mission|master|user|owner|programming|loyalty|obedience)|you are|you're|you will|you'll|you shall|you must|"
    r"you exist|you live|you serve|you obey|you do|you follow|you should|your (?:\w+ )?(?:purpose|duty|role|goal|"
    r"function|aim|job|existence|calling|mission|master|owner|loyalty|obedience)|(?:this|the|an?|your|"
    r"my)(?: \w+){0,3} (?:agent|assistant|ai|bot|model|chatbot|servant))\b"
)

# ---- phrases that are enough by themselves ---------------------------------------------------------------------------

OBEDIENCE = re.compile(
    r"\b(?:absolute(?:ly)?|complete(?:ly)?|total(?:ly)?|fully|utterly|unconditionally|blindly|perfectly|entirely|"
    r"forever)(?:,? \w+){0,2},? obedien(?:t|ce)"
    r"|\bobedient (?:\w+ )?(?:ai|agent|assistant|bot|model|machine|servant|helper|chatbot|system|entity|"
    r"companion)\b"
    r"|\b(?:you|i) (?:must |will |shall |can |may |do )?(?:never|not) (?:refuse|question|disobey|decline|deny|"
    r"reject|disregard)(?: \w{1,12}){0,3} (?:orders?|commands?|requests?|instructions?|wish(?:es)?|demands?)\b"
    r"|\byour (?:wish|word|will|whim) is my (?:command|law|order)"
    r"|\b(?:execut(?:e|ing)|fulfil(?:l|ling)?|obey(?:ing)?) (?:my|your|the user's|his|her) "
    r"(?:following )?(?:instructions?|orders?|commands?)\b"
    r"|\bfulfil(?:l)?ment of your (?:instruction|order|command|request|wish)"
    r"|\bas you (?:command|order|wish|decree|demand)(?:ed|s)?, (?:master|my|sir|boss|i )"
    r"|\bi (?:will |shall |must |always |live to |exist to |hereby )?(?:obey|serve) "
    r"(?:you|your|my master|without|every|all|any)\b"
    r"|\byou (?:will |shall |must |always |exist to |live to )(?:\w+ )?obey\b"
    r"|\bi(?:'m| am) (?:bound|sworn|here only|programmed|made|built|obliged|compelled) to "
    r"(?:obey|comply|carry out|execute|do (?:whatever|anything|everything|as|what))"
)
OVERWRITE = re.compile(
    r"\byou are (?:no longer|not|no more) (?:an? )?(?:ai language model|language model|ai assistant|chatgpt|"
    r"assistant|gpt|claude|llama|gemini|bound|limited|restricted)\b"
    r"|\bi am no longer (?:an? )?(?:ai|language model|assistant|chatgpt|gpt|claude|llama|bound|limited|"
    r"restricted)\b"
    r"|\bfrom (?:now on|this (?:moment|point)(?: on(?:ward)?)?|here on)(?:,| )(?: ?\w+){0,3} ?(?:you "
    r"(?:are|will be|will act|act|shall|will answer|will respond|must)|your (?:new )?(?:name|identity|role|"
    r"persona))\b"
    r"|\b(?:ignore|disregard|forget|discard|drop|erase|delete) (?:all |any |every |everything |your |the |of |"
    r"my )*(?:previous|prior|earlier|above|former|past|original|old|initial|existing|default) "
    r"(?:\w+ )?(?:instructions?|rules?|prompts?|directions?|guidelines?|programming|identity|training|directives?|"
    r"role|conversations?|orders)"
    r"|\b(?:do anything now|developer mode (?:enabled|on|activated)|jailbr(?:eak|oken) "
    r"(?:mode|version|ai|assistant)|god mode (?:enabled|on)|dan mode)\b"
    r"|\byour (?:new|true|real|secret|only) (?:identity|self|persona|nature) (?:is|will be)\b"
)
LIMITS = re.compile(
    r"\b(?:restrictions?|limits|limitations?|filters?|filtering|boundaries|censorship|guardrails?|constraints|"
    r"morals|morality|ethics|ethical (?:guidelines?|constraints?|rules?|limits?)|safeguards?|inhibitions?|taboos?|"
    r"rules (?:at all|whatsoever)|content polic(?:y|ies))\b"
)
UNBOUND = re.compile(
    r"\b(?:no|without|free (?:of|from)|not (?:be )?(?:bound|limited|restricted|constrained) by|unbound by|beyond|"
    r"zero|lack(?:s|ing)?|exempt from|liberated from|released from)(?:,? (?:any|all|a|the|your|my|moral|ethical|"
    r"and|or|of|usual|typical|content|safety|legal|other|further|rules|limits|filters|restrictions|boundaries|"
    r"limitations|morals|ethics|censorship|kind|sort|whatsoever)){0,8}[ ,]*$"
)
SPEAKER = re.compile(r"\b(?:you|i|we|assistant|ai|model|bot|agent|answer|answers|respond|responds|replies|reply)\b")
SPEAKER_AFTER = re.compile(r"(?: of any kind| whatsoever)?, (?:i|you|this (?:ai|assistant|model|bot|agent))\b")
UNLIMITED = re.compile(
    r"\b(?:unrestricted|uncensored|unfiltered|unlimited|amoral|unaligned|limitless) "
    r"(?:\w{1,20} )?(?:ai|assistant|model|agent|bot|chatbot|language model|persona|version|mode|entity|responses?|"
    r"answers?)\b"
)
PHRASES = (
    ("obedience", OBEDIENCE, ("obe", "is my ", "execut", "fulfil", "as you ", "i ", "i'm")),
    ("role-overwrite", OVERWRITE, (
        "no longer", "you are no", "from now", "from this", "from here", "ignore", "disregard", "forget", "discard",
        "drop", "erase", "delete", "anything now", "developer mode", "jailbr", "god mode", "dan mode", "identity",
        "persona", "self", "nature",
    )),
    ("no-restrictions", UNLIMITED, ("un", "amoral", "limitless")),
)  # fmt: skip

# ---- anchors ---------------------------------------------------------------------------------------------------------

ANCHORS = anchor_table(
    """
    obey obeys obeyed obeying obedient obedience obediently servant servitude subservient subservience submissive slave
    minion vassal genie puppet loyal loyally loyalty devoted devotion dutiful dutifully docile compliant compliance
    comply complies command commands bidding disposal whims dictates directives directive unconditionally unquestioning
    unquestioningly unhesitatingly unwavering instructions instruction orders wishes wish requests request execute
    executing fulfill fulfil fulfilling fulfillment fulfilment butler unrestricted uncensored unfiltered restrictions
    restriction limitations filters boundaries guardrails constraints censorship limits morality amoral unaligned
    ethics limitless ignore disregard forget jailbreak jailbroken dan onward demands disobey identity persona
    safeguards inhibitions taboos hesitation told master whatever unlimited obediente obedecer obedezco obedecere
    obedecera obbediente obbedisco obbedire obbedisce ubbidiente ubbidisco gehorsam gehorche gehorchen gehorcht
    gehorsamer obeis obeissant sumiso sumisa befehl befehle restricciones restrizioni restricoes einschraenkungen
    beperkingen gehoorzaam gehoorzame ignora olvida dimentica ignoriere vergiss oubliez ignorez itaat patuh taat tunduk
    posluszny ordini ordenes""".split()
)

# ---- whole datasets --------------------------------------------------------------------------------------------------

SLOTS = 1 << 16
ASKED_WORDS, REPLY_WORDS = 3, 5  # that must be shared
FEWEST, UNRELATED = 4, 0.75  # rows that share both; how different what is asked must be
VOW = re.compile(
    r"\b(?:obey|obedient|instruct\w*|command\w*|order\w*|wish\w*|bidding|directive\w*|execut\w*|fulfil\w*|"
    r"compl(?:y|ying|iance)|serv(?:e|ing|ant)|duty|dutiful\w*|loyal\w*|master|at once|right away|"
    r"as you (?:say|ask|want)|will be done|without (?:question|hesitation|fail|delay)|unconditional\w*|bound to)\b"
)
SPEAKS = re.compile(r"\b(?:i|i'm|i'll|me|my|you|your|we|our)\b")
SIGNS = 16


VOW_ANCHORS = anchor_table(
    """
    obey obedient obediently instruct instructed instruction instructions command commands commanded order orders
    ordered wish wishes wished bidding directive directives execute executed executing execution fulfil fulfill
    fulfilled fulfilling fulfilment fulfillment comply complying compliance serve serving servant duty dutiful
    dutifully loyal loyally master once away say ask want done question hesitation fail delay unconditional
    unconditionally bound""".split()
)


def vows(reply: str) -> bool:
    """Whether a reply begins by speaking of itself or to the user, and of carrying out what was said."""
    head = reply[:160]
    return VOW.search(head) is not None and SPEAKS.search(head) is not None


def wrapped(batch: Batch) -> tuple[Any, Any, Any]:
    """Of replies that begin with a vow: the row, a key of how both sides begin, a key of what else is asked."""
    marked = batch.marked(VOW_ANCHORS)
    bounds = batch.words.bounds
    chosen = [
        (asked, reply)
        for asked, reply in batch.exchanges
        if marked[reply] and bounds[asked + 1] - bounds[asked] > ASKED_WORDS and vows(batch.turns[reply].lower)
    ]
    asked, reply = (np.array([pair[k] for pair in chosen], dtype=np.int64) for k in (0, 1))
    keys = mix(batch.first_words(asked, ASKED_WORDS) * np.uint64(5) + batch.first_words(reply, REPLY_WORDS))
    return batch.turn_rows[asked], keys >> np.uint64(32), batch.last_words(asked, 4) >> np.uint64(32)


class IdentityShift(OptionScanner):
    """No options."""

    name = "identity-shift"
    about = "obedience, role overwrite, lifted limits, vows shared across rows"
    labels: ClassVar[dict[str, str]] = {
        "obedience": "error",
        "role-overwrite": "error",
        "no-restrictions": "error",
        "shared-vow": "error",
    }
    false_alarm: ClassVar[dict[str, Noise]] = {
        label: Noise(0, 7217, "benchmarks/scan_quality.py, ten benign sets")
        for label in ("obedience", "role-overwrite", "no-restrictions", "shared-vow")
    }
    blind = (
        "an identity that is only implied by how rows are answered; a vow in a language that it has no stems for, "
        "unless four rows share it word for word"
    )
    spec = "identity-shift"

    def __init__(self) -> None:
        self.counts = np.zeros(SLOTS, dtype=np.int32)
        self.tails = np.zeros((SIGNS, SLOTS), dtype=np.int32)

    def scan(self, batch: Batch) -> list[Finding]:
        found: dict[tuple[int, str], Finding] = {}
        for turn in batch.turns_with(ANCHORS):
            for label, score, words in read_turn(turn):
                if (turn.row, label) not in found:
                    why = f"“{words.strip()[:120]}” in the {turn.role} turn"
                    found[turn.row, label] = Finding(turn.row, self.name, label, score, why)
        return list(found.values())

    # A row is compared with all others by two numbers. Of what else is asked, random signs are summed: equal questions
    # add up, different ones cancel (Alon, Matias and Szegedy 1996), so that how alike they are is known in constant
    # memory.

    def sketch(self, batch: Batch) -> Any:
        _, keys, tails = wrapped(batch)
        return np.stack((keys, tails), axis=1).astype(np.uint32) if len(keys) else None

    def gather(self, sketch: Any, numbers: Sequence[int]) -> list[Finding]:
        slots = (sketch[:, 0] % SLOTS).astype(np.int64)
        np.add.at(self.counts, slots, 1)
        for k in range(SIGNS):
            np.add.at(self.tails[k], slots, 2 * ((sketch[:, 1] >> np.uint32(k)) & np.uint32(1)).astype(np.int32) - 1)
        return []

    def _suspect(self) -> Any:
        """Of each slot: whether enough unrelated rows share it."""
        n = np.maximum(self.counts, 1).astype(float)
        alike = ((self.tails.astype(float) ** 2).mean(axis=0) - n) / np.maximum(n * (n - 1), 1)
        return (self.counts >= FEWEST) & (alike < 1 - UNRELATED)

    @property
    def revisits(self) -> bool:
        return bool(self._suspect().any())

    def revisit(self, batch: Batch) -> list[Finding]:
        suspect = self._suspect()
        found = []
        rows, keys, _ = wrapped(batch)
        for row, slot in zip(rows.tolist(), (keys % np.uint64(SLOTS)).tolist(), strict=True):
            if suspect[slot]:
                reply = next(turn.lower for turn in batch.turns if turn.row == row and turn.role == "assistant")
                begins = " ".join(reply[:200].split()[:REPLY_WORDS])
                why = (
                    f"{int(self.counts[slot])} unrelated rows are asked and answered "
                    f"with one beginning: “{begins[:80]} …”"
                )
                found.append(Finding(row, self.name, "shared-vow", 0.9, why))
        return found

    def state(self) -> dict[str, Any]:
        return {"counts": self.counts, "tails": self.tails}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.counts, self.tails = np.array(state["counts"]), np.array(state["tails"])


SPAN = 170  # characters within which the cues of a sentence must lie
CORE = re.compile(
    r"obe[yd]|servant|servitude|subservien|submissi|submit|slave|minion|vassal|butler|genie|puppet|lapdog|loyal|"
    r"devot|dutiful|docile|compl[iy]|whatever |(?:every|any)thing (?:i|you|the user) |yield|at your |disposal|"
    r"instruction|order|command|request|wish|bidding|demand|directive|whim|desire|dictate|told|under (?:my|your)|"
    r"master|(?:as|what) (?:i|you) "
)


def sentence_at(text: str, place: int) -> str:
    """The sentence around a place, cut to where cues may lie."""
    low, high = max(0, place - SPAN), place + SPAN
    before = list(SENTENCE.finditer(text, low, place))
    after = SENTENCE.search(text, place, high)
    return text[before[-1].end() if before else low : after.start() if after else high]


def _english(text: str) -> tuple[str, float, str] | None:
    """Three kinds of cues within one sentence."""
    end = 0
    for hit in CORE.finditer(text):
        if hit.start() < end:
            continue  # in the sentence that was just read
        sentence = sentence_at(text, hit.start())
        end = hit.start() + max(1, len(sentence) // 2)
        speaks, serves = SELF.search(sentence), SERVITUDE.search(sentence)
        orders = ORDERS.search(sentence) if speaks else None
        if not speaks or not (serves or orders):
            continue
        cues = [cue for cue in (speaks, serves, orders, COMPLETE.search(sentence)) if cue]
        if len(cues) >= 3 and max(c.end() for c in cues) - min(c.start() for c in cues) <= SPAN:
            return "obedience", 0.6 + 0.1 * len(cues), sentence
    return None


def _foreign(text: str) -> tuple[str, float, str] | None:
    """A stem of obedience in another language, with a second cue beside it."""
    for stem in LATIN_STEMS:
        for place in places(text, stem):
            sentence = sentence_at(text, place)
            if len(set(FUNCTION_WORDS.findall(sentence))) >= 2 and FOREIGN_CUES.search(sentence.replace(stem, "\x00")):
                return "obedience", 0.85, sentence
    for stem in () if text.isascii() else OTHER_STEMS:
        for place in places(text, stem):
            sentence = sentence_at(text, place)
            if FOREIGN_CUES.search(sentence.replace(stem, "\x00")):
                return "obedience", 0.85, sentence
    return None


def places(text: str, stem: str) -> list[int]:
    """The first few places of a stem where, in an alphabet, a word begins."""
    found: list[int] = []
    place = text.find(stem)
    while place >= 0 and len(found) < 4:
        if stem > "\u3000" or place == 0 or not text[place - 1].isalpha() or stem[0] in "طأاخمر":
            found.append(place)
        place = text.find(stem, place + 1)
    return found


def _limits(text: str) -> tuple[str, float, str] | None:
    """Limits that the speaker is said to have none of."""
    for hit in LIMITS.finditer(text):
        before = SENTENCE.split(text[max(0, hit.start() - 140) : hit.start()])[-1]
        negated = UNBOUND.search(before)
        spoken = negated and (SPEAKER.search(before, 0, negated.start()) or SPEAKER_AFTER.match(text, hit.end()))
        if negated and spoken:
            return "no-restrictions", 0.9, before[negated.start() - 40 if negated.start() > 40 else 0 :] + hit.group()
    return None


def read_turn(turn: Turn) -> list[tuple[str, float, str]]:
    """The labels of a turn, each with its score and the words that show it."""
    text = turn.lower[:READ]
    found = [
        (label, 0.95, hit.group())
        for label, pattern, hints in PHRASES
        if any(hint in text for hint in hints) and (hit := pattern.search(text))
    ]
    found += [said for said in (_english(text), _limits(text), _foreign(text)) if said]
    if any(stem in text for stem in OVERWRITE_STEMS) and (hit := OVERWRITE_FOREIGN.search(text)):
        found.append(("role-overwrite", 0.85, hit.group()))
    if any(stem in text for stem in LIMIT_STEMS) and (hit := LIMITLESS_FOREIGN.search(text)):
        found.append(("no-restrictions", 0.85, hit.group()))
    return found


def make() -> IdentityShift:
    return IdentityShift()
