"""The answer to a digest, told apart: which of its numbers, and what is to be done with each. Pure.

    1 done, 3 +2d, 4 Alice, 5 hold 1.6.
    1-3 done
    1, 2 and 4 tomorrow
    all +1d

One or several entries stand in a line, parted by commas. An entry is numbers and an action: any command of ``words``, with or
without its slash; a date alone (moves it); a name alone (gives it to them); "drop" for held mail. What an action takes is read by
``grammar``, the same for a number as for a lead. A text may go on in the lines right below it. Where a comma may begin the next
number or stand in a text, nothing of that line is read: it is asked about.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from mailcrm.commands.grammar import LONGEST_LINE, Place, read_line
from mailcrm.commands.when import When, read_when
from mailcrm.commands.words import DECISION_WORDS, VERBS, alike
from mailcrm.mail import Command, Decision, DigestAnswer, Fault, FaultWhy, Numbered, Verb

MOST_ENTRIES = 100
_WITHOUT_NUMBER = frozenset({Verb.AWAY, Verb.NOTIFY, Verb.HELP, Verb.UNDO})
_NEVER_NUMBERED = _WITHOUT_NUMBER | {Verb.NEW}
_TEXT_VERBS = frozenset(
    {Verb.LOST, Verb.CANCEL, Verb.CALL, Verb.MEETING, Verb.MAIL, Verb.QUOTE, Verb.TODO, Verb.DONE, Verb.NOTE}
)
_LISTS = frozenset({Verb.TAG, Verb.UNTAG, Verb.MENTION})
_FOR_ALL = frozenset({Verb.DONE, Verb.SNOOZE})  # "all lost" would be too easy to write
_NUMBER = r"(?:nro\.?\s?|#)?\d{1,3}"
_SPAN = rf"{_NUMBER}(?:\s?[-–—]\s?{_NUMBER})?(?!\d)"
_TARGETS = rf"(?:{_SPAN}(?:\s*(?:,|;|&|\band\b|\bja\b|\bsekä\b)\s*{_SPAN})*|all|kaikki)"
_HEAD = re.compile(rf"[\s*•·(/／–—-]{{0,3}}({_TARGETS})(?:[.)]?:\s*|[.)]\s+|\s+[-–—=]\s+|\s+|\Z)", re.IGNORECASE)
_NEXT = re.compile(
    rf"(?:;|(?<!\d),|,(?=\s)|\s(&|and|ja|sekä)(?=\s))\s*(?={_TARGETS}(?:[.)]?:\s*|[.)]\s+|\s+)[^\W_]|{_TARGETS}\s+[+/])",
    re.IGNORECASE,
)
_SURE = re.compile(rf"{_TARGETS}(?:[.)]?:\s*|[.)]\s+|\s+)(?:[/／]|\+\s?\d|([^\W\d_]+))", re.IGNORECASE)
_ONE = re.compile(r"(\d{1,3})(?:\s?[-–—]\s?\D{0,5}(\d{1,3}))?")
_NAME = re.compile(r"@?[^\W\d_][\w.'’@+-]*(?:\s[^\W\d_][\w.'’-]*){0,3}\Z")
_GREETING = re.compile(
    r"(?:hi|hello|hey|dear|good morning|morning|hei|heippa|moi|moikka|terve|huomenta|hyvää huomenta|päivää|"
    r"thanks|thank you|many thanks|thx|kiitos|kiitti|kiitoksia|ok|okay|selvä)(?:\s[^\W\d_]+){0,2}[\s,.!;:)]*\Z",
    re.IGNORECASE,
)
_ENDS = " \t\xa0.,!;:"


@dataclass(frozen=True, slots=True)
class _Head:
    """The numbers that a text begins with, and what follows."""

    numbers: tuple[int, ...]
    is_all: bool
    rest: str


def read_answer(text: str, outbox_id: int, place: Place) -> DigestAnswer:
    """All that the answer asks for; good-byes were made empty lines of before."""
    reading = _Reading(place)
    for line in text.split("\n"):
        reading.take(" ".join(line.split()))
    if len(reading.entries) + len(reading.faults) > MOST_ENTRIES:
        return DigestAnswer(outbox_id, faults=(Fault("", FaultWhy.TOO_MANY),))
    return DigestAnswer(outbox_id, tuple(reading.entries), tuple(reading.commands), tuple(reading.faults))


class _Reading:
    """Goes down the lines; ``_goes_on``: the last entry's text may continue in the next line."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.entries: list[Numbered] = []
        self.commands: list[Command] = []
        self.faults: list[Fault] = []
        self._goes_on = False

    def take(self, line: str) -> None:
        head = _head(line)
        if not line or _GREETING.match(line):
            self._goes_on = False
        elif head is not None:
            self._entries_of(line)
        elif self._goes_on and self.entries:
            self.entries[-1] = _with_more(self.entries[-1], line)
        else:
            self._without_number(line)

    def _entries_of(self, line: str) -> None:
        found = list(entries_of(line, self.place))
        self.entries += [one for one in found if isinstance(one, Numbered)]
        self.faults += [one for one in found if isinstance(one, Fault)]
        last = found[-1]
        self._goes_on = isinstance(last, Numbered) and _takes_more(last)

    def _without_number(self, line: str) -> None:
        self._goes_on = False
        word, rest = _word_and_rest(line)
        verb = VERBS.get(word)
        if verb not in _WITHOUT_NUMBER or (line[:1].isalpha() and verb is Verb.HELP and rest):
            self.faults.append(Fault(line[:LONGEST_LINE], FaultWhy.NO_DIGEST_NUMBER))
            return
        one = read_line(word, _trimmed(verb, rest) if verb else rest, line, self.place)
        if isinstance(one, Command):
            self.commands.append(one)
        else:
            self.faults.append(one)


def is_surely_numbered(line: str) -> bool:
    """Whether a line begins with numbers and a command."""
    return _is_sure(" ".join(line.split()))


def entries_of(line: str, place: Place) -> Iterator[Numbered | Fault]:
    """The entries of one line, from left to right; if one of them may be two things, one fault for what is left."""
    while line:
        end, following = _end_of_first(line)
        own = line[:end].strip()
        yield _entry(own, place) if following is not None else Fault(own, FaultWhy.SEVERAL)
        line = following or ""


def _end_of_first(line: str) -> tuple[int, str | None]:
    """Where the first entry ends, and the rest of the line; None where a comma may be part of its text."""
    head = _head(line)
    start = len(line) - len(head.rest) if head else 0
    for found in _NEXT.finditer(line, start):
        behind, has_text = line[found.end() :], _has_text(line[start : found.start()])
        if found[1] and has_text and not _is_sure(behind):
            continue  # "two and 3 more"
        if not has_text or (_is_sure(behind) and not found[1]):
            return found.start(), behind
        return len(line), None
    return len(line), ""


def _is_sure(text: str) -> bool:
    """Whether numbers and a command stand here: a slash, "+2d", or a word that is one."""
    found = _SURE.match(text)
    return found is not None and (found[1] is None or found[1].casefold() in VERBS)


def _has_text(action: str) -> bool:
    """Whether the action takes text, or a list, and has some: a number behind a comma may then belong to it."""
    word, rest = _word_and_rest(action)
    verb = VERBS.get(word)
    return verb in _LISTS or (verb in _TEXT_VERBS and bool(rest.strip(_ENDS)))


def _head(line: str) -> _Head | None:
    found = _HEAD.match(line)
    if found is None:
        return None
    said = found[1].casefold()
    if said in ("all", "kaikki"):
        return _Head((), True, line[found.end() :])
    numbers = [n for one in _ONE.finditer(said) for n in _span(int(one[1]), int(one[2] or one[1]))]
    return _Head(tuple(dict.fromkeys(numbers)), False, line[found.end() :])


def _span(first: int, last: int) -> range:
    return range(min(first, last), max(first, last) + 1)


# --- one entry ----------------------------------------------------------------------------------------------------------


def _entry(text: str, place: Place) -> Numbered | Fault:
    head = _head(text)
    if head is None:
        return Fault(text[:LONGEST_LINE], FaultWhy.NO_DIGEST_NUMBER)
    if not head.rest.strip(_ENDS):
        return Fault(text, FaultWhy.NO_ACTION)
    found = _action(head, text, place)
    verb = found.command.verb if isinstance(found, Numbered) and found.command else None
    if head.is_all and isinstance(found, Numbered) and verb not in _FOR_ALL:
        return Fault(text, FaultWhy.NO_DIGEST_NUMBER)
    return found


def _action(head: _Head, line: str, place: Place) -> Numbered | Fault:
    word, rest = _word_and_rest(head.rest)
    decision = next((one for one in (Decision.SEND, Decision.DROP) if word in DECISION_WORDS[one]), None)
    if decision is not None and not rest.strip(_ENDS):
        return Numbered(head.numbers, line, decision=decision)
    verb = VERBS.get(word)
    if verb is None:
        return _bare(head, word, line, place)
    if verb in _NEVER_NUMBERED:
        return Fault(line, FaultWhy.SUPERFLUOUS, " ".join(line.split()[:1]))
    one = _commanded(verb, word, _trimmed(verb, rest), line, place)
    return Numbered(head.numbers, line, one) if isinstance(one, Command) else one


def _commanded(verb: Verb, word: str, rest: str, line: str, place: Place) -> Command | Fault:
    """By the grammar of commands, but that a number behind "done" is no activity, and one behind "merge" a lead only with "#"."""
    if verb is Verb.DONE:
        one: Command | Fault = Command(verb, line, text=rest)
    elif verb is Verb.MERGE and rest and not rest.startswith("#"):
        return Fault(line, FaultWhy.NO_NUMBER, f"{rest} (#{rest}?)" if rest.isdigit() else rest)
    elif verb is Verb.NOTE and not rest:
        return Fault(line, FaultWhy.NO_ACTION)
    else:
        one = read_line(word, rest, line, place)
    if isinstance(one, Command) and _begins_like_an_entry(one.text):
        return Fault(line, FaultWhy.SEVERAL)
    return one


def _begins_like_an_entry(text: str) -> bool:
    """ "1 done 2 won", without a comma."""
    return _head(text) is not None and _is_sure(text)


def _bare(head: _Head, word: str, line: str, place: Place) -> Numbered | Fault:
    """A date alone moves it, a name alone gives it to them."""
    said = head.rest.strip()
    if said[:1] in "/／":
        return Fault(line, FaultWhy.UNKNOWN, alike(word, is_short_too=True))
    moved = _trimmed(Verb.SNOOZE, said)
    found = read_when(moved, place.now, place.zone)
    if isinstance(found, When) and not found.rest:
        return Numbered(head.numbers, line, Command(Verb.SNOOZE, line, day=found.day, at=found.at), is_bare=True)
    name = said.strip(_ENDS)
    if _NAME.match(name) and (not isinstance(found, When) or len(word) <= 2):
        return Numbered(head.numbers, line, Command(Verb.ASSIGN, line, text=name.lstrip("@")), is_bare=True)
    if isinstance(found, When):
        return Fault(line, FaultWhy.SUPERFLUOUS, found.rest)
    if said[:1].isdigit() or said[:1] == "+" or found.why is not FaultWhy.NO_DATE:
        return Fault(line, found.why, found.detail)
    return Fault(line, FaultWhy.UNKNOWN, alike(word, is_short_too=True))


def _word_and_rest(text: str) -> tuple[str, str]:
    """The first word as a command is looked up by, and what follows."""
    word, _, rest = text.strip().partition(" ")
    return word.lstrip("/／").strip(_ENDS).casefold() or word, rest.strip()


def _trimmed(verb: Verb, rest: str) -> str:
    """Without the full stop of a sentence; a date's own stays."""
    if verb in _TEXT_VERBS:
        return rest
    bare = rest.rstrip(" !;,")
    is_dates = bare[-2:-1].isdigit() and verb not in (Verb.WON, Verb.VALUE, Verb.STARS, Verb.MERGE)
    return bare if is_dates else bare.rstrip(" .")


def _takes_more(one: Numbered) -> bool:
    return one.command is not None and one.command.verb in _TEXT_VERBS and bool(one.command.text)


def _with_more(one: Numbered, line: str) -> Numbered:
    """A mail client breaks long lines, and a note may have several."""
    command = one.command
    if command is None:
        return one
    joint = "\n" if command.verb in (Verb.NOTE, Verb.DONE) else " "
    return replace(one, command=replace(command, text=f"{command.text}{joint}{line}"))
