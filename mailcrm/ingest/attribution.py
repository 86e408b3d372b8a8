# ruff: noqa: SIM905 - a list of words is read more easily as words
"""The line above a quote that says who wrote when: "On 5 March 2024, Carol Smith <carol@x.example> wrote:".

Lines are matched by their first 400 characters, an attribution by at most four lines.
"""

import re

from mailcrm.ingest.headerblock import bare
from mailcrm.ingest.phrases import OPENERS, WROTE

_TIME = re.compile(r"\d{1,2}[:.h]\d{2}|(?:19|20)\d\d|\d{1,2}[./-]\d{1,2}[./-]\d{2}|\d\s?(?:am|pm)\b", re.IGNORECASE)
_CLOCK = re.compile(r"(?<![\d.])\d{1,2}[:.]\d{2}(?![\d.])")
_NOTES = re.compile(
    r"[^\n]{2,80}? ?---\d{1,4}[./-]\d{1,2}[./-]\d{1,4} \d{1,2}:\d\d"
)  # "Carol ---04.03.2024 14:05:11---Hi"
_QUOTING = ("Quoting ", "Excerpts from ", "Quoth ")  # without a colon, by some programs
_TO_THE_READER = (
    "you wrote",
    "you said",
    "kirjoitit",
    "skrev du",
    "du skrev",
    "schrieben sie",
    "schriebst du",
    "avez écrit",
    "kirjoititte",
    "skrev ni",
    "ni skrev",
    "skrev dere",
    "dere skrev",
    "schreef u",
    "u schreef",
    "hai scritto",
    "avete scritto",
    "escribiste",
)
MOST_WRAPPED = 4
_LONGEST = 400
_ENDS = (":", "：", "wrote", "kirjoitti")  # what an attribution ends in
_BEHIND_END = " \t*_\xa0\u200e\u200f\u202c"
_LAST_LETTERS = frozenset(_BEHIND_END).union(word[-1] for word in _ENDS)
_LONGEST_OF_NAME = 120
_MOST_COLONS = 8
_SMALL_WORDS = frozenset(
    {word.strip(" (") for phrase in WROTE for word in phrase.split()}
    | set(
        "on at in am pm el il op w dniu godz v na u ob i в во στις lúc pada pukul "
        "hat folgendes heeft het volgende je oseba ha va le la las los de del den der das dne dnia "
        "ο χρήστης käyttäjä användaren użytkownik uživatel odesílatel používateľ lietotājs "
        "kuupäeval kell kl klo kello uhr um às à o em ezt".split()
    )
)


def is_quoted(line: str) -> bool:
    """Whether the line is marked with ``>``."""
    return line[:8].lstrip(" \t\xa0")[:1] in (">", "＞")


def attribution_end(lines: list[str], start: int) -> int:
    """The index after the attribution that begins on the line ``start``; ``start`` itself if none does."""
    if not any(may_end(line) for line in lines[start : start + MOST_WRAPPED]):
        return start
    first = bare(lines[start])
    if not first or not (_has_date_or_address(first) or _opens(first)):
        return start
    if _is_attribution(first):
        return start + 1
    is_dated = ("@" in first or first.endswith("<")) and _TIME.search(first) is not None
    if not (is_dated or _opens(first) or _names_writer(first)) or first.endswith((".", "!", "?")):
        return start
    joined = first
    for index in range(start + 1, min(len(lines), start + MOST_WRAPPED)):
        line = bare(lines[index])
        if (not line and lines[index].strip() != ">:") or (
            is_quoted(lines[index]) and lines[index].strip() not in (">:", ">")
        ):
            break
        joined = f"{joined} {line}" if line != ":" else f"{joined}>:"
        if _is_attribution(joined):
            # The lines above may be the person's own words: the shortest tail that is a whole attribution wins.
            later = attribution_end(lines, start + 1)
            shorter = later > start + 1 and not _has_date_or_address(first)
            return start if shorter else index + 1
    return start


_SHORTEST_SENTENCE = 10
_SENTENCE_END = re.compile(r"[.!?)] ")


def unglued(text: str) -> str:
    """The text with the attribution of its first marked quote on a line of its own: some programs put it behind the last
    sentence. Nothing but a space becomes a line end."""
    mark = text.find("\n>")
    above = text[:mark].rstrip() if mark > 0 else ""
    if not above.endswith((":", "：")):
        return text
    start = above.rfind("\n") + 1
    line = above[start:]
    if len(line) > _LONGEST or line.startswith(">") or "@" not in line or _opens(bare(line)):
        return text
    for match in _SENTENCE_END.finditer(line):
        if match.end() < _SHORTEST_SENTENCE or any(letter.isdigit() for letter in line[: match.end()]):
            continue  # "Mon. 4 Mar. 2024" is all attribution
        tail = bare(line[match.end() :])
        if _opens(tail) and _TIME.search(tail) and _is_attribution(tail):
            place = start + match.end()
            return f"{text[: place - 1]}\n{text[place:]}"
    return text


def glued_attribution(line: str) -> bool:
    """Whether the quoted text begins on the same line: "On 4 March, Alice <alice@x.example> wrote: Hi Carol"."""
    if "---" in line[:120] and _NOTES.match(line):
        return True
    if "@" not in line[:_LONGEST] or not _opens(bare(line[:40])):
        return False
    text = bare(line[:_LONGEST])
    for place in [at for at, char in enumerate(text) if char in ":："][:_MOST_COLONS]:
        head = text[: place + 1]
        if len(head) < len(text) and "@" in head and _TIME.search(head) and _ends_in_verb(head):
            return True
    return False


def is_groupwise(line: str) -> bool:
    """ ">>> Carol Smith <carol@x.example> 05.03.24 10.11 >>>", below which GroupWise marks nothing."""
    text = line[:_LONGEST].strip()
    return text[:4] == ">>> " and text[-4:] == " >>>" and _TIME.search(text) is not None


def _ends_in_verb(head: str) -> bool:
    return head[:-1].rstrip().casefold().endswith(WROTE)


def may_end(line: str) -> bool:
    """Whether an attribution may end on this line; nearly no other line does."""
    if line[-1:] not in _LAST_LETTERS:
        return line.startswith(_QUOTING)
    return line.rstrip(_BEHIND_END).endswith(_ENDS) or line.startswith(_QUOTING)


def _is_attribution(text: str) -> bool:
    text = text[:_LONGEST].rstrip(" *_\xa0")
    if not text.endswith(_ENDS) or not _has_date_or_address(text):
        return False
    folded = text.casefold()
    if any(_has_word(folded, word) for word in filter(folded.__contains__, WROTE)):
        return True
    # Japanese and some phones write only date, name and address: "2024年3月5日(火) 10:11 X <x@y.jp>:"
    return text.endswith((">:", ">：")) and bool(_TIME.search(text)) and (text[:1].isdigit() or _opens(text))


def _names_writer(text: str) -> bool:
    """ "Carol <carol@x.example> wrote on Monday," wrapped before the date."""
    folded = text.casefold()
    return "@" in text and any(_has_word(folded, word) for word in filter(folded.__contains__, WROTE))


def introduces(line: str) -> bool:
    """Directly above ``>`` lines a vaguer attribution will do: "Carol wrote:", or a dated line of an unknown language."""
    text = bare(line)
    if text.startswith(_QUOTING) and _has_date_or_address(text):
        return True
    if not text.endswith((":", "：")):
        return says_who(text)
    return (_ends_in_verb(text) and len(text) < 80) or _has_date_or_address(text)


def says_who(line: str) -> bool:
    """ "Am 04.03.24 um 12:20 schrieb Carol Smith": the verb before the name, and a program that writes no colon."""
    if not 12 < len(line) <= _LONGEST_OF_NAME:
        return False
    text = bare(line)
    if not text or not _opens(text) or not _TIME.search(text) or text[-1] in ".!?":
        return False
    folded = text.casefold()
    return any(word in folded and _has_word(folded, word) for word in WROTE) and not _is_prose(text)


def is_certain(lines: list[str], start: int, end: int) -> bool:
    """Without ``>`` lines below, everything below is folded, so it must look written by a program and stand alone."""
    text = bare(" ".join(lines[start:end]))
    if "@" in text and ("<" in text or "(" in text or not _is_prose(text)):
        return True
    if _is_prose(text) or any(words in text.casefold() for words in _TO_THE_READER):
        return False
    return (_CLOCK.search(text) is not None or _opens(text)) and (start == 0 or not lines[start - 1].strip())


def _is_prose(text: str) -> bool:
    """A small word that no program writes, and no number beside it: "On 4 March our colleague wrote:"."""
    words = [word for part in text.split() if (word := part.strip(".,:;'\"()")) and word not in _SMALL_WORDS]
    numbers = [True, *(any(char.isdigit() for char in word) for word in words), False]
    return any(
        word.isalpha() and word.islower() and not numbers[place] and not numbers[place + 2]
        for place, word in enumerate(words)
    )


def _has_word(folded: str, word: str) -> bool:
    place = folded.find(word)
    while place >= 0:
        before = folded[place - 1] if place else " "
        after = folded[place + len(word)] if place + len(word) < len(folded) else " "
        begins = not word[0].isascii() or not before.isalpha()
        ends = not word[-1].isascii() or not after.isalpha()
        if begins and ends:
            return True
        place = folded.find(word, place + 1)
    return False


def _has_date_or_address(text: str) -> bool:
    return "@" in text or _TIME.search(text) is not None


def _opens(text: str) -> bool:
    return text.casefold().startswith(OPENERS)
