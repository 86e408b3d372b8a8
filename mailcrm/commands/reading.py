"""The newly written text of a salesperson's mail, told apart: commands, what goes to the customer, what stays inside. Pure.

Commands stand at the top, before any other line. ``/note`` may stand anywhere: all below it is internal. A command word at the
beginning of a line further down, or one that is nearly one, is a fault and never text: no command line may reach a customer.
A line with a slash that is no command word ("/Anna" below a letter, "/etc/hosts") is text unless it stands at the top, where
it is asked about.
"""

import re
import unicodedata
from dataclasses import dataclass, replace

from mailcrm.commands.grammar import Place, read_line
from mailcrm.commands.words import VERBS, alike
from mailcrm.mail import Command, Fault, FaultWhy, Orders, Verb

MOST_COMMANDS = 20
_WRAPPED = 60  # from this length on a mail client may have broken the line
_TAKES_TEXT = frozenset(
    {Verb.LOST, Verb.CANCEL, Verb.CALL, Verb.MEETING, Verb.INVITE, Verb.MAIL, Verb.QUOTE, Verb.TODO, Verb.DONE, Verb.NEW, Verb.TAG,
     Verb.MENTION}
)  # fmt: skip
_DECORATION = "*_`\u200b\u200c\u200d\u2060\ufeff\u200e\u200f\xad"  # of bold text, and letters that nobody sees
_SIGNS = "/／⁄∕\\#＃"
_SLASHED = re.compile(rf"([{re.escape(_SIGNS)}])[ \xa0]?([^\W\d_]+(?:-[^\W\d_]+)?|\?)(.*)\Z", re.DOTALL)
_WITHIN = re.compile(
    rf"(?<=\s)[/／](?:{'|'.join(sorted(map(re.escape, VERBS), key=len, reverse=True))})(?![\w/.-])", re.IGNORECASE
)
_LONGEST_SEEN = 5_000  # of a line; a note may be longer


@dataclass(frozen=True, slots=True)
class _Slashed:
    """A line that begins like a command."""

    word: str
    rest: str
    is_hash: bool


def looks_commanding(text: str) -> bool:
    """Whether reading ``text`` may need more than a look: a quick test for mails of all kinds."""
    return any(sign in text for sign in _SIGNS)


def is_command_line(line: str) -> bool:
    """Whether a line begins with a command word, or nearly one; for the last look at what leaves."""
    slashed = _slashed(line)
    return slashed is not None and _is_near(slashed)


def holds_command(line: str) -> bool:
    """Whether a line that is no quote begins with a command, or has one within it."""
    return not line.startswith(">") and (is_command_line(line) or _WITHIN.search(line) is not None)


def read_orders(text: str, subject: str, place: Place, writer: str = "") -> Orders:
    """All that the text asks for. ``subject`` is a command if it begins with one; ``writer`` is who signs with "/Name"."""
    top = _of_subject(subject, place)
    lines = text.split("\n")
    first = _read_top(lines, top, place)
    below = _all_internal(top, lines[first:]) or _read_below(lines[first:], _name_words(writer))
    if len(top) + len(below.faults) > MOST_COMMANDS:
        return Orders(faults=(Fault(lines[0][:200], FaultWhy.TOO_MANY),), text=below.text)
    faults = tuple(one for one in top if isinstance(one, Fault))
    commands = tuple(one for one in top if isinstance(one, Command) and not _is_note(one))
    return replace(below, commands=commands, faults=(*faults, *below.faults))


def _all_internal(top: list[Command | Fault], lines: list[str]) -> Orders | None:
    """After a note at the top all is internal."""
    noted = [one.text for one in top if isinstance(one, Command) and one.verb is Verb.NOTE]
    return Orders(note="\n".join((*noted, *lines)).strip()) if noted else None


def _of_subject(subject: str, place: Place) -> list[Command | Fault]:
    """A subject that was typed: an answer's begins with "Re:" and a customer may have written what follows."""
    slashed = _slashed(subject)
    if slashed is None or (slashed.is_hash and slashed.word not in VERBS):
        return []
    return [read_line(slashed.word, slashed.rest, subject.strip(), place)]


def _read_top(lines: list[str], found: list[Command | Fault], place: Place) -> int:
    """Commands from the top are added to ``found``; the index of the first line that is none."""
    index = 0
    while index < len(lines) and len(found) <= MOST_COMMANDS and not (found and _is_note(found[-1])):
        line = lines[index]
        if not line.strip(_SPACES):
            index += 1
            continue
        slashed = _slashed(line)
        if slashed is None or (slashed.is_hash and slashed.word not in VERBS):
            break
        one = read_line(slashed.word, slashed.rest, line.strip(), place)
        index += 1
        found.append(_unless_wrapped(one, lines[index] if index < len(lines) else ""))
    return index


def _is_note(one: Command | Fault) -> bool:
    return isinstance(one, Command) and one.verb is Verb.NOTE


_SPACES = " \t\r\xa0" + _DECORATION


def _unless_wrapped(one: Command | Fault, below: str) -> Command | Fault:
    """A long line that ends in text, with text right below it: its end may have been broken off, and would be sent."""
    if isinstance(one, Fault) or one.verb not in _TAKES_TEXT or len(one.line) < _WRAPPED:
        return one
    if not below.strip(_SPACES) or _slashed(below) is not None:
        return one
    return Fault(one.line, FaultWhy.MAY_GO_ON, below.strip()[:100])


def _read_below(lines: list[str], own: frozenset[str]) -> Orders:
    """Text for the customer, what stands below ``/note``, and command lines where none may be."""
    kept: list[str] = []
    faults: list[Fault] = []
    note = ""
    for index, line in enumerate(lines):
        slashed = _slashed(line)
        if slashed is None or not _is_near(slashed) or _is_signed(slashed, own):
            kept.append(line)
        elif VERBS.get(slashed.word) is Verb.NOTE:
            note = "\n".join((slashed.rest, *lines[index + 1 :])).strip()
            break
        else:
            faults.append(Fault(line.strip()[:500], FaultWhy.NOT_AT_TOP))
    return Orders(text="\n".join(kept).strip(), note=note, faults=tuple(faults))


def _is_near(slashed: _Slashed) -> bool:
    if slashed.word in VERBS:
        return True
    has_figures = any(
        c.isdigit() for c in slashed.rest
    )  # of short words everything is near: "/wno 12000" is a command, "/Ron" a name
    return not slashed.is_hash and bool(alike(slashed.word, is_short_too=has_figures))


def _is_signed(slashed: _Slashed, own: frozenset[str]) -> bool:
    """ "/Maila" is how Maila signs."""
    words = {slashed.word, *slashed.rest.casefold().split()}
    return bool(own) and slashed.word not in VERBS and words <= own


def _name_words(name: str) -> frozenset[str]:
    return frozenset(name.casefold().split())


def _slashed(line: str) -> _Slashed | None:
    """The line as a command, if it begins like one: bold or odd slashes count, a path or a number does not."""
    seen = line[:_LONGEST_SEEN]
    head = "".join(c for c in seen[:80] if unicodedata.category(c) != "Cf") if not seen.isascii() else seen[:80]
    bare = head.lstrip(_SPACES)
    if not bare or bare[0] not in _SIGNS:
        return None
    found = _SLASHED.match(unicodedata.normalize("NFC", bare + seen[80:]))
    if found is None:
        return None
    sign, word, rest = found[1], found[2].casefold(), found[3]
    is_path = rest[:1] in ("/", "\\") or sign == "\\"
    if is_path and word not in VERBS:
        return None
    is_decorated = head.lstrip()[0] in _DECORATION
    rest = (rest + line[_LONGEST_SEEN:]).strip().removeprefix(":").lstrip(" .,;!")
    return _Slashed(word, rest.rstrip(_SPACES) if is_decorated else rest, sign in "#＃")
