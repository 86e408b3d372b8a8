"""One command line -> what it asks for, or why it is not understood. Pure; a value is never guessed.

``read_line`` takes the word and what stands behind it. What follows and should not is a fault too: "/won 12000 Thanks!" would
otherwise lose the thanks.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from mailcrm.commands.amounts import read_amount
from mailcrm.commands.notice_words import LEVELS, TOPICS, level_words, topic_words
from mailcrm.commands.when import NoWhen, When, read_when
from mailcrm.commands.words import VERBS, alike, usage
from mailcrm.mail import Command, Fault, FaultWhy, Verb

LONGEST_LINE = 500
_MOST_NAMES = 20
_DEPUTY = re.compile(r"\s*\b(?:deputy|stand-in|sijainen|sijaisena|tuuraaja)\b\s*:?\s*(.+)\Z", re.IGNORECASE)
_LEAD = re.compile(r"(?:lead|liidi)?\s?#?(\d{1,12})\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """Who writes, as far as a line's meaning depends on it."""

    now: datetime
    zone: str
    locale: str


def read_line(word: str, rest: str, line: str, place: Place) -> Command | Fault:
    """``word`` without its slash, in lower case; ``rest`` what follows; ``line`` the whole, as written."""
    verb = VERBS.get(word)
    if verb is None:
        return Fault(line, FaultWhy.UNKNOWN, alike(word, is_short_too=True))
    if len(line) > LONGEST_LINE and verb is not Verb.NOTE:
        return Fault(line, FaultWhy.SUPERFLUOUS, rest[LONGEST_LINE - 100 :])
    return _ARGUMENTS[verb](Command(verb, line), " ".join(rest.split()), place)


def _fault(command: Command, why: FaultWhy, detail: str = "") -> Fault:
    return Fault(command.line, why, detail)


def _missing(command: Command, place: Place) -> Fault:
    return _fault(command, FaultWhy.MISSING, usage(command.verb, place.locale).line)


def _nothing(command: Command, rest: str, place: Place) -> Command | Fault:
    return _fault(command, FaultWhy.SUPERFLUOUS, rest) if rest else command


def _text(command: Command, rest: str, place: Place) -> Command | Fault:
    return replace(command, text=rest) if rest else _missing(command, place)


def _any_text(command: Command, rest: str, place: Place) -> Command | Fault:
    return replace(command, text=rest)


def _names(command: Command, rest: str, place: Place) -> Command | Fault:
    names = tuple(dict.fromkeys(name.strip().lstrip("#@").strip() for name in rest.split(",")))
    kept = tuple(name for name in names if name)[:_MOST_NAMES]
    return replace(command, names=kept) if kept else _missing(command, place)


def _person(command: Command, rest: str, place: Place) -> Command | Fault:
    name = rest.lstrip("@").strip()
    return replace(command, text=name) if name else _missing(command, place)


def _stars(command: Command, rest: str, place: Place) -> Command | Fault:
    said = rest.replace("★", "*")
    if said and not said.strip("*"):
        said = str(len(said))
    if not said:
        return _missing(command, place)
    return (
        replace(command, number=int(said))
        if said in ("0", "1", "2", "3")
        else _fault(command, FaultWhy.NO_NUMBER, rest)
    )


def _amount(command: Command, rest: str, place: Place) -> Command | Fault:
    if not rest:
        return command if command.verb is Verb.WON else _missing(command, place)
    money = read_amount(rest)
    if money is None:
        return _fault(command, FaultWhy.NO_AMOUNT, rest)
    return replace(command, amount=money.amount, currency=money.currency)


def _lead(command: Command, rest: str, place: Place) -> Command | Fault:
    found = _LEAD.match(rest)
    if found is None:
        return _fault(command, FaultWhy.NO_NUMBER, rest) if rest else _missing(command, place)
    return replace(command, number=int(found[1]))


def _day(command: Command, rest: str, place: Place) -> Command | Fault:
    """A date and nothing else. A time of day has no meaning here."""
    found = _when(command, rest, place)
    if isinstance(found, Fault):
        return found
    if found.rest:
        return _fault(command, FaultWhy.SUPERFLUOUS, found.rest)
    if found.at is not None and command.verb is not Verb.SNOOZE:
        return _fault(command, FaultWhy.SUPERFLUOUS, rest)
    return replace(command, day=found.day, at=found.at)


def _plan(command: Command, rest: str, place: Place) -> Command | Fault:
    found = _when(command, rest, place)
    if isinstance(found, Fault):
        return found
    return replace(command, day=found.day, at=found.at, text=found.rest)


_LASTS = re.compile(
    r"(?:(\d{1,2})(?:[.,](5))?\s?(?:h|t|hours?|tuntia?|tunnin)|(\d{1,3})\s?(?:min|mins|minutes?|minuuttia?|minuutin))(?=[\s,:;–-]|\Z)",
    re.IGNORECASE,
)
_PLACE = re.compile(r"(?:\s|\A)@\s+")


def _invite(command: Command, rest: str, place: Place) -> Command | Fault:
    """A time of day, how long if it is not an hour, what it is about, and the place behind the last "@" that stands alone."""
    found = _when(command, rest, place)
    if isinstance(found, Fault):
        return found
    if found.at is None:
        return _fault(command, FaultWhy.NO_TIME, rest)
    about, minutes = _lasting(found.rest)
    parts = _PLACE.split(about)
    about, where = (" @ ".join(parts[:-1]), parts[-1]) if len(parts) > 1 else (about, "")
    if not about.strip():
        return _missing(command, place)
    return replace(command, day=found.day, at=found.at, text=about.strip(), place=where.strip(), number=minutes)


def _lasting(rest: str) -> tuple[str, int | None]:
    found = _LASTS.match(rest)
    if found is None:
        return rest, None
    minutes = int(found[3]) if found[3] else int(found[1]) * 60 + (30 if found[2] else 0)
    return rest[found.end() :].lstrip(" ,:;–-"), minutes


def _away(command: Command, rest: str, place: Place) -> Command | Fault:
    deputy = _DEPUTY.search(rest)
    name = deputy[1].lstrip("@").strip() if deputy else ""
    found = _day(command, rest[: deputy.start()] if deputy else rest, place)
    return replace(found, text=name) if isinstance(found, Command) else found


def _notices(command: Command, rest: str, place: Place) -> Command | Fault:
    """A topic and a level, in either order."""
    said = rest.casefold().replace(":", " ").split()
    if len(said) < 2:
        return _fault(command, FaultWhy.MISSING, f"{topic_words(place.locale)}; {level_words(place.locale)}")
    topics, levels = [TOPICS[w] for w in said if w in TOPICS], [LEVELS[w] for w in said if w in LEVELS]
    unknown = next((word for word in said if word not in TOPICS and word not in LEVELS), "")
    if unknown or len(topics) != 1 or len(levels) != 1:
        return _fault(command, FaultWhy.SUPERFLUOUS, unknown or rest)
    return replace(command, names=(topics[0], levels[0].value))


def _when(command: Command, rest: str, place: Place) -> When | Fault:
    if not rest:
        return _missing(command, place)
    found = read_when(rest, place.now, place.zone)
    return _fault(command, found.why, found.detail) if isinstance(found, NoWhen) else found


def _done(command: Command, rest: str, place: Place) -> Command | Fault:
    """The number is a number only if it stands alone in front: "/done 2 calls made" is the second; a date is text."""
    found = re.match(r"#?(\d{1,2})(?=\s|\Z)", rest)
    if found is None:
        return replace(command, text=rest)
    return replace(command, number=int(found[1]), text=rest[found.end() :].strip())


_Arguments = Callable[[Command, str, Place], Command | Fault]
_ARGUMENTS: dict[Verb, _Arguments] = {
    Verb.WON: _amount,
    Verb.LOST: _text,
    Verb.CANCEL: _any_text,
    Verb.HOLD: _day,
    Verb.STAGE: _text,
    Verb.ASSIGN: _person,
    Verb.TAKE: _nothing,
    Verb.TAG: _names,
    Verb.UNTAG: _names,
    Verb.STARS: _stars,
    Verb.VALUE: _amount,
    Verb.CLOSE: _day,
    Verb.CALL: _plan,
    Verb.MEETING: _plan,
    Verb.INVITE: _invite,
    Verb.MAIL: _plan,
    Verb.QUOTE: _plan,
    Verb.TODO: _plan,
    Verb.DONE: _done,
    Verb.SNOOZE: _day,
    Verb.NOTE: _any_text,
    Verb.MENTION: _names,
    Verb.FOLLOW: _nothing,
    Verb.MUTE: _nothing,
    Verb.MERGE: _lead,
    Verb.SPLIT: _nothing,
    Verb.AWAY: _away,
    Verb.HISTORY: _nothing,
    Verb.NEW: _any_text,
    Verb.NOTIFY: _notices,
    Verb.UNDO: _nothing,
    Verb.HELP: _nothing,
}
