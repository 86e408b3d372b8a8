"""An automatic reply that neither a field nor its subject marks: told by its sentences.

Such a text says one thing (somebody is away, left, has another address; a request is taken down) and what belongs to it (whom
to turn to, when it is read), and nothing else. A person who says the same goes on to speak of the matter: one sentence more, a
question, a reader's name in the greeting, and the mail is a person's. Linear in the text; long texts are no such answers.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from mailcrm.ingest import unmarked_words as words
from mailcrm.ingest.absence import ABSENT_PHRASES, LEFT_PHRASES, read_auto_reply
from mailcrm.ingest.bounce_status import ADDRESS
from mailcrm.ingest.months import month_of
from mailcrm.ingest.signature import is_closing

_LONGEST = 1_500
_SHORTEST = 30
_MOST_SENTENCES = 24
_FEW_WORDS = 4
_FEW_LETTERS = 10  # in scripts without spaces
_LONGEST_GREETING = 7
_SHORT_REMARK = 14  # words
_QUESTION = ("?", "？", "؟", ";\n")
_END = re.compile(r"[.!…]['\")»”]?\s{1,4}|[。！;；]\s{0,4}")
_TELEPHONE = re.compile(r"\d[\d \-/()]{4,20}\d")
_TURN_TO = re.compile(
    r"contact|call |e-?mail |reach|question|urgent|yhtey|soita|auttaa|asia|kysy|hoitaa|sijai|kontakt|ring |ringa|mejla|maila|"
    r"frågor|ärende|hjälp|wenden|anrufen|erreich|anliegen|fragen|schreiben|henvend|spørsmål|spørgsmål|hjelp|hjælp|appel|joindre|llam|"
    r"consult|dirij|escrib|rivolg|chiam|scriv|ligue|envie|vraag|bel |mail naar|dzwo|spraw|pis[az]|vol[ae]j|obra[tť]|hívj|keres|"
    r"forduljon|sunați|întreb|helista|pöördu|kirjuta|καλέσ|ερωτήσ|arayın|soru|звон|телеф|пиш|вопрос|питан|連絡|担当|联系|聯|致电|"
    r"연락|문의|اتصل|התקשר"
)
_IN_CASE = re.compile(
    r"(?:if|for|in case|while|jos|mikäli|muissa|kaikissa|vid|om|bei|falls|sollte|wenn|für|pour|en cas|si|para|per|se|voor|bij|als|"
    r"ved|hvis|dersom|w spraw|jeśli|v příp|pokud|ha|pentru|dacă|για|αν|по|если|при|з|якщо|acil|vajadusel|juhul)\b"
)
_NUMBER = re.compile(r"\d{4,}|[a-z]{1,4}-\d")


@dataclass(frozen=True, slots=True)
class _Said:
    """What the sentences of a text say, and how many of them say nothing of the kind."""

    kinds: frozenset[str]
    others: int
    is_short_remark: bool
    promises: int  # sentences that only an acknowledgement has


def is_unmarked_answer(
    text: str, subject: str, written_on: date, *, is_reply: bool, writer: str = "", is_impersonal: bool = False
) -> bool:
    """Whether the whole text is an automatic reply's.

    ``is_reply``: it names a mail that it answers. ``writer``: the name in From. ``is_impersonal``: the address is a role's or
    nobody's.
    """
    if not _SHORTEST <= len(text) <= _LONGEST or any(mark in text for mark in _QUESTION):
        return False
    folded = " ".join(text.lower().split())
    if any(phrase in folded for phrase in words.TO_THE_READER):
        return False
    heard = _heard(folded)
    if heard.keys().isdisjoint(_STATES):
        return False  # nearly every letter ends here
    sentences = _sentences(text)
    if len(sentences) > _MOST_SENTENCES:
        return False
    said = _said(sentences, heard, writer)
    if (
        is_reply
        and not _greets_by_name(text)
        and _is_absence(said, text, is_until_told=read_auto_reply(text, subject, written_on, frozenset()).until != "")
    ):
        return True
    is_told_in_subject = not is_reply and "taken_down" in _heard(subject.lower())
    return _is_acknowledgement(said, text, is_told_in_subject, is_believed=is_impersonal or not is_reply)


def _is_absence(said: _Said, text: str, *, is_until_told: bool) -> bool:
    """Away, gone, moved or closed; and whom to turn to, thanks, or what becomes of the mail."""
    states = said.kinds & {"absent", "left", "moved", "closed"}
    beside = said.kinds & {"thanks", "later", "stand_in"}
    is_told_whom = "stand_in" in beside
    if (
        not states
        and "about_absence" in said.kinds
        and beside
        and (is_until_told or (is_told_whom and len(beside) > 1))
    ):
        states = frozenset({"absent"})
    if not states:
        return False
    if beside == {"stand_in"} and not (ADDRESS.search(text) or _TELEPHONE.search(text)):
        beside = frozenset()  # "Call me if it is urgent" says everybody
    if not beside and states & {"left", "moved"} and ADDRESS.search(text):
        beside = frozenset({"stand_in"})
    others = said.others + said.promises
    if others:
        return others == 1 and said.is_short_remark and len(beside) > 1 and is_told_whom
    return bool(beside - {"thanks"}) or (
        bool(beside) and "closed" not in states and (is_until_told or "left" in states)
    )


def _is_acknowledgement(said: _Said, text: str, is_told_in_subject: bool, *, is_believed: bool) -> bool:
    """A request taken down, and a promise; from a person's address, in answer to ours, also its number."""
    if not (is_told_in_subject or "taken_down" in said.kinds) or not said.kinds & {"promise", "later"}:
        return False
    if said.others:
        return is_believed and said.others == 1 and said.is_short_remark
    return is_believed or _NUMBER.search(text.lower()) is not None


def _said(sentences: list[str], heard: Mapping[str, list[str]], writer: str) -> _Said:
    """Programs say first what is the matter and then whom to turn to; a person may begin with the latter."""
    kinds: set[str] = set()
    others: list[int] = []
    promises = 0
    for sentence in sentences:
        found = {kind for kind, phrases in heard.items() if any(_is_in(phrase, sentence) for phrase in phrases)}
        if _says_where(sentence, has_gone=not kinds.isdisjoint(("left", "moved"))):
            found.add("stand_in")
        if "absent" in found and words.WEAK.issuperset(
            phrase for phrase in heard["absent"] if _is_in(phrase, sentence)
        ):
            found = (found - {"absent"}) | {"about_absence"}
        if "left" in found and not _speaks_of_writer(sentence, writer):
            found.discard("left")
        is_early = (
            "stand_in" in found
            and found.isdisjoint(_STATES)
            and kinds.isdisjoint({*_STATES, "about_absence", "thanks"})
        )
        if is_early or (not found and not _is_little(sentence)):
            others.append(len(sentence.split()))
        promises += bool(found) and found <= {"promise", "taken_down"}
        kinds |= found
    return _Said(frozenset(kinds), len(others), max(others, default=0) <= _SHORT_REMARK, promises)


_KINDS = {
    "absent": ABSENT_PHRASES,
    "left": LEFT_PHRASES,
    "moved": words.MOVED,
    "closed": words.CLOSED,
    "thanks": words.THANKS,
    "later": words.LATER,
    "stand_in": words.STAND_IN,
    "taken_down": words.TAKEN_DOWN,
    "promise": words.PROMISE,
}
_WORD = re.compile(r"\w+")
_STEM = 4
_SHORT = " "
_UNSPACED = "\u0590"  # the first letter of the scripts that write words without spaces, or glue small words to them


def _stem_of(phrase: str) -> str:
    """The beginning of its longest word, by which it is looked for; _SHORT if that is short, "" if its script has no spaces."""
    longest = max(_WORD.findall(phrase), key=len, default="")
    if max(phrase.replace("…", "")) >= _UNSPACED:
        return ""
    return longest[:_STEM] if len(longest) >= _STEM else _SHORT


def _by_stem() -> Mapping[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for kind, phrases in _KINDS.items():
        for phrase in dict.fromkeys(phrases):
            found.setdefault(_stem_of(phrase), []).append((kind, phrase))
    return found


_PHRASES = _by_stem()


def _heard(folded: str) -> Mapping[str, list[str]]:
    """The phrases that the text holds, by kind. Only those are looked for of which a word begins as one of the text."""
    stems = {word[:_STEM] for word in _WORD.findall(folded)} & _PHRASES.keys()
    stems.add(_SHORT)
    if not folded.isascii() and max(folded) >= _UNSPACED:
        stems.add("")
    heard: dict[str, list[str]] = {}
    for stem in stems:
        for kind, phrase in _PHRASES[stem]:
            if _is_in(phrase, folded):
                heard.setdefault(kind, []).append(phrase)
    return heard


def _is_in(phrase: str, text: str) -> bool:
    """ "…" stands for some words."""
    if "…" not in phrase:
        return phrase in text
    head, _, tail = phrase.partition("…")
    place = text.find(head)
    return place >= 0 and tail in text[place + len(head) :]


def _says_where(sentence: str, *, has_gone: bool) -> bool:
    """Names an address or a number to turn to; of somebody or an address that is gone, the new one."""
    has_address = "@" in sentence
    if words.ON_ME.search(sentence):
        return False
    is_reachable = has_address or _TELEPHONE.search(sentence) is not None
    rest = ADDRESS.sub("", sentence)
    is_offered = (has_gone or _IN_CASE.match(rest) is not None) and words.SENDS.search(rest) is None
    return is_reachable and (is_offered or _TURN_TO.search(rest) is not None)


_STATES = frozenset({"absent", "left", "moved", "closed", "taken_down"})
_THIRD_PERSON = re.compile(
    r"\bhas left\b|\bis no longer\b|\bei ole enää\b|\bei työskentele\b|\bhar slutat\b|(?<!jag )\b(?:arbetar|jobbar) inte längre\b|"
    r"\bist nicht mehr\b|\barbeitet nicht mehr\b|\bn'est plus\b|\bne travaille plus\b|\bya no trabaja\b|\bnon lavora più\b"
)


def _speaks_of_writer(sentence: str, writer: str) -> bool:
    """Who left is the one in From; a colleague who says it of somebody else goes on working there."""
    if "no longer work with " in sentence:
        return False  # a matter, or another firm
    if not _THIRD_PERSON.search(sentence):
        return True
    return any(name in sentence for name in writer.casefold().split() if len(name) > 2)


def _is_little(sentence: str) -> bool:
    """A name, a greeting, what stands below a letter; three words and a full stop say something."""
    said = sentence.split()
    if sentence[-1] in ",:!" and said[0].strip(",!") in words.GREETINGS and len(said) <= _LONGEST_GREETING:
        return True
    if len(said) > _FEW_WORDS or (not sentence.isascii() and len(sentence) > _FEW_LETTERS * 3):
        return False
    return len(said) < 3 or sentence[-1] != "." or any(letter.isdigit() for letter in sentence)


def _sentences(text: str) -> list[str]:
    """The sentences in lower case, cut again where "but" or "so" goes on with something else; good-byes are left out."""
    found: list[str] = []
    for paragraph in _paragraphs(text):
        start = 0
        for match in _END.finditer(paragraph):
            if _ends(paragraph, match):
                found.append(paragraph[start : match.end()])
                start = match.end()
        found.append(paragraph[start:])
    clauses = [clause.strip().lower() for sentence in found for clause in words.BUT.split(sentence)]
    return [clause for clause in clauses if clause]


def _paragraphs(text: str) -> list[str]:
    """Lines joined as far as they belong together; what stands below a good-bye is a signature."""
    found: list[str] = []
    lines: list[str] = []
    for line in text.split("\n"):
        if is_closing(line):
            break
        if line.strip():
            lines.append(line.strip())
        elif lines:
            found.append(" ".join(lines))
            lines = []
    return [*found, " ".join(lines)] if lines else found


def _ends(paragraph: str, match: re.Match[str]) -> bool:
    """Whether a sentence ends there: not behind a day ("18. März") or a short form ("p. 040")."""
    below = paragraph[match.end() : match.end() + 1]
    if below.islower() or (below.isdigit() and match.group()[0] == "."):
        return False
    before = paragraph[: match.start()].rsplit(None, 1)[-1:]
    if before and before[0].isdigit() and match.group()[0] == ".":
        return not month_of(paragraph[match.end() : match.end() + 20].split(" ")[0].strip(".,"), "")
    return not (before and len(before[0]) == 1 and match.group()[0] == ".")


def _greets_by_name(text: str) -> bool:
    """ "Hi Alice,": somebody knows who reads it."""
    first = text.lstrip().split("\n", 1)[0]
    greeting, mark, _ = first.partition(",") if "," in first[:40] else first.partition("!")
    heard = greeting.split()
    if not mark and len(heard) > _FEW_WORDS:
        return False
    if not heard or len(heard) > _FEW_WORDS or heard[0].strip(",!").lower() not in words.GREETINGS:
        return False
    rest = [word.strip(",!.:") for word in heard[1:]]
    return any(
        word[:1].isupper() and word.lower() not in words.NOBODYS_NAMES and word.lower() not in words.GREETINGS
        for word in rest
    )
