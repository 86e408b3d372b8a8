"""What a digest says: its sections in their order, numbered through, so that an answer can name each item.

Every count comes with names and links. A section shows some of its items and says how many more there are; empty ones are left out.
One that cannot be read stops no other: the digest names it, and the log says why. The number of statements does not depend on the
number of rows.
"""

import logging
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from mailcrm.i18n import format_date, translator
from mailcrm.notify.digest_activities import read_activities
from mailcrm.notify.digest_changes import read_changes
from mailcrm.notify.digest_content import Asking, ChangeLine, Content, ReaderOf, Rules, Section, TeamLine
from mailcrm.notify.digest_context import with_context
from mailcrm.notify.digest_exceptions import read_left_alone, read_stalled, read_unanswered, read_unassigned
from mailcrm.notify.digest_mail import quiet_line, read_bounced, read_held, read_kept, read_put_aside, read_triage
from mailcrm.notify.digest_notices import read_notices
from mailcrm.notify.digest_people import read_idle, read_mentions, read_unowned, read_waiting
from mailcrm.notify.digest_pipeline import read_pipeline
from mailcrm.notify.digest_team import read_team
from mailcrm.store.engine import Session, has_ended, recoverable
from mailcrm.store.faults import in_a_line, is_away

log = logging.getLogger(__name__)

_Read = TypeVar("_Read")

_MOST = 56  # items of one digest: mail clients clip what is larger than 100 KB


def read_content(session: Session, reader: ReaderOf, now: datetime, rules: Rules) -> Content:
    """Everything this reader should see now."""
    asking = Asking(session, reader, now, rules, translator(reader.locale))
    with recoverable(session) as recover:
        return _read(asking, _Reading(asking, recover))


def _read(asking: Asking, reading: "_Reading") -> Content:
    nothing: list[Section] = []
    nobody: tuple[TeamLine, ...] = ()
    unchanged: tuple[ChangeLine, ...] = ()
    sections = (*_OF_MANAGERS, *_SECTIONS) if asking.reader.is_manager else _SECTIONS
    found = tuple(section for name, read in sections for section in reading.of(name, read, nothing) if section.items)
    shown = _few(found)
    filled = reading.of("context", lambda one: with_context(one, shown), shown)
    quiet = reading.of("quiet", quiet_line, "")
    content = Content(_subject(asking, found), _numbered(asking, filled), quiet=quiet)
    if asking.reader.is_manager:
        content = replace(
            content,
            team=reading.of("team", read_team, nobody),
            changes=reading.of("changes", read_changes, unchanged),
            pipeline=reading.of("pipeline", read_pipeline, None),
        )
    return replace(content, broken=tuple(reading.broken))


class _Reading:
    """Reads part after part; ``broken`` says in words which of them could not be read."""

    def __init__(self, asking: Asking, recover: Callable[[], None]) -> None:
        self.asking = asking
        self.recover = recover
        self.broken: list[str] = []

    def of(self, name: str, read: Callable[[Asking], _Read], otherwise: _Read) -> _Read:
        """What ``read`` answers; ``otherwise`` where it fails by itself. A database that is away fails all of it."""
        try:
            return read(self.asking)
        except Exception as e:  # a mistake in one section must not take the others from anybody
            if is_away(e) or has_ended(self.asking.session):
                raise
            self.recover()
            log.error(
                "section %s of the digest of user %s cannot be read: %s", name, self.asking.reader.id, _in_words(e)
            )
            self.broken.append(self._named(name))
            return otherwise

    def _named(self, name: str) -> str:
        _ = self.asking.words.gettext
        said = _("This could not be read today, and we know of it: %(what)s.")
        return said % {"what": _section_name(name, self.asking)}


def _in_words(error: Exception) -> str:
    """What and where, without values: they are what mails hold."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {in_a_line(error)} ({Path(frame.filename).name}:{frame.lineno})"


def _section_name(name: str, asking: Asking) -> str:
    _ = asking.words.gettext
    return {
        "activities": _("your activities"),
        "mentions": _("mentions of you"),
        "notices": _("what you want in the digest"),
        "waiting": _("customers who wait"),
        "idle": _("leads with nothing planned"),
        "unowned": _("leads nobody owns"),
        "held": _("held mail"),
        "kept": _("your mails kept back"),
        "bounced": _("mails that did not arrive"),
        "put_aside": _("newsletters of your customers"),
        "triage": _("mail that found no lead"),
        "context": _("the customers’ last words"),
        "unanswered": _("customers nobody has answered"),
        "alone": _("the work of people who are away"),
        "unassigned": _("leads nobody owns"),
        "stalled": _("leads that stand still"),
        "team": _("the team"),
        "changes": _("what has changed"),
        "pipeline": _("pipeline and forecast"),
        "quiet": _("the quiet list"),
    }[name]


def _few(sections: Sequence[Section]) -> tuple[Section, ...]:
    """No more than a mail holds; each section keeps at least three, those in front the more."""
    room, done = _MOST, []
    for index, one in enumerate(sections):
        rest = sum(min(3, len(later.items)) for later in sections[index + 1 :])
        kept = one.items[: max(3, room - rest)]
        room -= len(kept)
        done.append(replace(one, items=kept))
    return tuple(done)


def _subject(asking: Asking, sections: Sequence[Section]) -> str:
    """The date and the two counts that matter most; the numbers of the day, not of the lead."""
    words = asking.words
    counts = {section.key: section.total for section in sections}
    day = format_date(asking.today, words.locale)
    said = [words.gettext("Your day %(date)s") % {"date": day}]
    if counts.get("overdue"):
        said.append(words.gettext("%(count)s overdue") % {"count": counts["overdue"]})
    if counts.get("waiting"):
        said.append(words.ngettext("%(count)s customer waits", "%(count)s customers wait", counts["waiting"])
                    % {"count": counts["waiting"]})  # fmt: skip
    return " · ".join(said)


def _numbered(asking: Asking, sections: Sequence[Section]) -> tuple[Section, ...]:
    number = 0
    done = []
    for section in sections:
        items = []
        for item in section.items:
            number += 1
            items.append(replace(item, number=number))
        left = section.total - len(items)
        more = (
            asking.words.ngettext("and %(count)s more", "and %(count)s more", left) % {"count": left}
            if left > 0
            else ""
        )
        done.append(replace(section, items=tuple(items), more=more))
    return tuple(done)


_OF_MANAGERS: tuple[tuple[str, Callable[[Asking], list[Section]]], ...] = (
    ("unanswered", read_unanswered),
    ("alone", read_left_alone),
    ("unassigned", read_unassigned),
    ("stalled", read_stalled),
)
_SECTIONS: tuple[tuple[str, Callable[[Asking], list[Section]]], ...] = (
    ("activities", read_activities),
    ("mentions", read_mentions),
    ("notices", read_notices),
    ("waiting", read_waiting),
    ("idle", read_idle),
    ("held", read_held),
    ("kept", read_kept),
    ("bounced", read_bounced),
    ("unowned", read_unowned),
    ("put_aside", read_put_aside),
    ("triage", read_triage),
)
