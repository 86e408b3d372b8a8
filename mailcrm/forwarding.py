"""What a colleague forwarded, as entries of the lead: each level a dated mail with its files, the words above it a note.

    levels (outermost first) --entries_of--> entries (oldest first) --write_forward--> rows, without what the lead has already

A level of somebody outside is a mail of theirs. One of our own people is a mail to the customer if it names somebody outside, or
if somebody outside has it below their own; else it stayed inside, and is a note. Nobody is sent anything.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from sqlalchemy import bindparam, select

from mailcrm.address import address_key
from mailcrm.crm.chatter import NewMessage, add_files, add_mentions, add_message, named
from mailcrm.crm.participants import Joining, add_people
from mailcrm.ingest.body import new_text, own_text, segments
from mailcrm.ingest.keys import text_key
from mailcrm.ingest.written_date import written_date
from mailcrm.mail import About, Address, Attachment, Author, Forwarded, ParsedMail, Reason, Segment, SegmentKind
from mailcrm.store.engine import Session
from mailcrm.store.prepared import Prepared
from mailcrm.store.tables import attachment, message, message_ref
from mailcrm.store.upsert import insert_ignore
from mailcrm.threading.similar import is_mostly_same

_A_SECOND = timedelta(seconds=1)
_ONE_MAIL = timedelta(hours=26)  # two programs print one moment in zones of their own
_MOST_KNOWN = 300  # entries of a lead that are compared
_QUOTED = (SegmentKind.FORWARDED, SegmentKind.QUOTE)


@dataclass(frozen=True, slots=True)
class Handed:
    """A forward as it came, and whom it is about. ``reason`` is the route's."""

    mail: ParsedMail
    about: About
    author: Author
    received_at: datetime
    reason: Reason
    inbound_id: int
    raw_id: int | None


@dataclass(frozen=True, slots=True)
class Entry:
    """A level to be entered: email_in, email_out or note, with what was newly written in it."""

    kind: str
    author: Address
    user_id: int | None
    at: datetime
    level: Forwarded
    segments: tuple[Segment, ...]
    new_text: str


# --- levels to entries; pure --------------------------------------------------------------------------------------------


def entries_of(handed: Handed) -> tuple[Entry, ...]:
    """The levels as entries, oldest first."""
    found: list[Entry] = []
    was_outside = False
    for level, at in zip(handed.mail.forwarded, _times(handed), strict=True):
        was_outside = was_outside and not level.sha256  # an attached mail stands below nothing
        entry = _entry(handed, level, at, was_outside=was_outside)
        was_outside = was_outside or entry.kind == "email_in"
        found.append(entry)
    found.reverse()  # of two at one moment the inner one is the older
    return tuple(sorted(found, key=lambda entry: entry.at))


def _entry(handed: Handed, level: Forwarded, at: datetime, *, was_outside: bool) -> Entry:
    about, author = handed.about, level.from_ or Address("", "")
    key = address_key(author.address) if "@" in author.address else ""
    is_sent = bool(key) and (was_outside or bool(_outside_of(level, about)))
    kind = "email_in" if key in about.outside else "email_out" if is_sent else "note"
    parts = segments(level.body, is_reply=True, writer=author.name)
    return Entry(kind, author, dict(about.user_ids).get(key), at, level, parts, new_text(parts))


def _outside_of(level: Forwarded, about: About) -> tuple[Address, ...]:
    return tuple(one for one in (*level.to, *level.cc) if address_key(one.address) in about.outside)


def _times(handed: Handed) -> list[datetime]:
    """Of each level; never later than the forward itself, and where nothing can be read, just before the level above."""
    latest = min(handed.mail.date or handed.received_at, handed.received_at)
    zone = _zone(handed.mail.date_raw)
    times: list[datetime] = []
    for level in handed.mail.forwarded:
        written = written_date(level.date, zone)
        times.append(min(written, latest) if written else (times[-1] if times else latest) - _A_SECOND)
    return times


def _zone(date_raw: str) -> timedelta:
    """The zone of the program that forwarded, by the Date it wrote."""
    try:
        return parsedate_to_datetime(date_raw).utcoffset() or timedelta()
    except (ValueError, TypeError, IndexError, OverflowError):
        return timedelta()


# --- entries to rows ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Written:
    """What was new on the lead, oldest first: entries with their row ids; and the row of the forwarder's own words."""

    entries: tuple[tuple[Entry, int], ...] = ()
    words_id: int | None = None
    words_kind: str = "note"

    @property
    def newest(self) -> tuple[Entry, int] | None:
        """The latest mail from or to the customer."""
        return next(((entry, row_id) for entry, row_id in reversed(self.entries) if entry.kind != "note"), None)

    @property
    def last_row_id(self) -> int | None:
        """The entry that the forward itself is known by."""
        return self.words_id or (self.entries[-1][1] if self.entries else None)

    @property
    def kinds(self) -> frozenset[str]:
        words = (self.words_kind,) if self.words_id is not None else ()
        return frozenset((*words, *(entry.kind for entry, _ in self.entries)))

    @property
    def has_mail(self) -> bool:
        """Whether anything but notes is new."""
        return bool(self.kinds - {"note"})


def write_forward(
    session: Session, handed: Handed, lead_id: int, person_id: int | None, now: datetime, *, is_new: bool
) -> Written:
    """Enter what the lead does not have yet. ``person_id`` is the partner whose mail it is."""
    entries = entries_of(handed)
    fresh = entries if is_new else _unknown(session, entries, lead_id)
    files = _files_by_entry(session, handed, fresh, lead_id)
    written = []
    for number, entry in enumerate(fresh):
        row_id = add_message(session, _row(handed, entry, lead_id, person_id, now))
        add_files(session, row_id, files.get(number, ()))
        _remember_id(session, entry, lead_id, row_id)
        written.append((entry, row_id))
    add_people(session, lead_id, _people(handed, fresh, person_id))
    words_kind = "email_out" if handed.about.addressed else "note"
    words_id = _write_words(session, handed, lead_id, words_kind, files.get(_WORDS, ()), now)
    return Written(tuple(written), words_id, words_kind)


def _row(handed: Handed, entry: Entry, lead_id: int, person_id: int | None, now: datetime) -> NewMessage:
    is_theirs = entry.kind == "email_in"
    return NewMessage(
        lead_id=lead_id,
        kind=entry.kind,
        author_kind="partner" if is_theirs else "user",
        author_user_id=None if is_theirs else entry.user_id,
        author_partner_id=_partner_id(handed, entry.author, person_id) if is_theirs else None,
        author_name=entry.author.name[:300],
        author_address=entry.author.address[:320],
        at=entry.at,
        created_at=now,
        subject=entry.level.subject,
        text=entry.level.body,
        new_text=entry.new_text,
        segments=[{"kind": part.kind.value, "text": part.text} for part in entry.segments],
        message_id=entry.level.message_id,
        to=named(entry.level.to),
        cc=named(entry.level.cc),
        date_written=entry.level.date,
        reason=Reason.SENT_DIRECTLY if entry.kind == "email_out" else handed.reason,
        inbound_id=handed.inbound_id,
        raw_id=handed.raw_id,
    )


def _partner_id(handed: Handed, author: Address, person_id: int | None) -> int | None:
    key, person = address_key(author.address), handed.about.person
    if person is not None and key == address_key(person.address):
        return person_id
    return dict(handed.about.partner_ids).get(key)


def _remember_id(session: Session, entry: Entry, lead_id: int, row_id: int) -> None:
    """The Message-ID of an attached mail: answers that name it come here, and it is known when it is forwarded again."""
    if entry.level.message_id:
        row = {"ref": entry.level.message_id[:1000], "lead_id": lead_id, "message_id": row_id, "kind": "received"}
        insert_ignore(session, message_ref, [row])


def _people(handed: Handed, fresh: Sequence[Entry], person_id: int | None) -> list[Joining]:
    """The writers, and whom they wrote to; copies of answers go to those whom the customer's side put there themselves."""
    found: list[Joining] = []
    for entry in fresh:
        is_theirs = entry.kind == "email_in"
        if is_theirs:
            found.append(Joining(entry.author, _partner_id(handed, entry.author, person_id)))
        if entry.kind != "note":
            others = _outside_of(entry.level, handed.about)[:50]
            found += [Joining(one, None, gets_copies=is_theirs) for one in others]
    person = handed.about.person
    key = address_key(person.address) if person else ""
    return [replace(one, gets_copies=False) if address_key(one.address.address) == key else one for one in found]


# --- what the lead has already ------------------------------------------------------------------------------------------

_KNOWN = Prepared(
    select(message.c.kind, message.c.author_address, message.c.new_text, message.c.text, message.c.at)
    .where(message.c.lead_id == bindparam("lead"), message.c.kind != "event")
    .order_by(message.c.at.desc(), message.c.id.desc())
    .limit(_MOST_KNOWN)
)
_KNOWN_IDS = Prepared(
    select(message_ref.c.ref).where(
        message_ref.c.lead_id == bindparam("lead"),
        message_ref.c.ref.in_(bindparam("refs", expanding=True)),
        message_ref.c.kind.in_(("received", "ours", "learned")),
    )
)


@dataclass(frozen=True, slots=True)
class _Known:
    kind: str
    author_key: str
    text: str
    text_key: str
    at: datetime


def _unknown(session: Session, entries: Sequence[Entry], lead_id: int) -> tuple[Entry, ...]:
    refs = [entry.level.message_id[:1000] for entry in entries if entry.level.message_id]
    ids = frozenset(_KNOWN_IDS.column(session, {"lead": lead_id, "refs": refs})) if refs else frozenset()
    known = [
        _Known(row.kind, address_key(row.author_address), text, text_key(text), row.at)
        for row in _KNOWN.all(session, {"lead": lead_id})
        for text in [row.new_text if row.new_text.strip() else row.text]
    ]
    return tuple(
        entry
        for entry in entries
        if entry.level.message_id not in ids and not any(_is_same(entry, one) for one in known)
    )


def _is_same(entry: Entry, known: _Known) -> bool:
    """The same side, the same day, the same words: what went out through us bears another address of the same colleague."""
    if entry.kind != known.kind or abs(entry.at - known.at) > _ONE_MAIL:
        return False
    if entry.kind == "email_in" and address_key(entry.author.address) != known.author_key:
        return False
    return text_key(entry.new_text) == known.text_key or is_mostly_same(entry.new_text, known.text)


# --- files --------------------------------------------------------------------------------------------------------------

_WORDS = -1  # the place of the forwarder's own words
_KNOWN_FILES = Prepared(
    select(attachment.c.sha256)
    .join(message, message.c.id == attachment.c.message_id)
    .where(message.c.lead_id == bindparam("lead"))
)


def _files_by_entry(
    session: Session, handed: Handed, fresh: Sequence[Entry], lead_id: int
) -> dict[int, tuple[Attachment, ...]]:
    """An attached mail's own files lie with its entry, and the mail itself; what a mail in the text brought, with the outermost."""
    by_place: dict[int, tuple[Attachment, ...]] = {}
    carried = {level.sha256 for level in handed.mail.forwarded if level.sha256}
    own = tuple(file for file in handed.mail.attachments if file.sha256 not in carried)
    for place, entry in enumerate(fresh):
        if entry.level.sha256:
            itself = tuple(file for file in handed.mail.attachments if file.sha256 == entry.level.sha256)
            by_place[place] = (*itself[:1], *entry.level.files)
    first = handed.mail.forwarded[0]
    outermost = next((place for place, entry in enumerate(fresh) if entry.level is first and not first.sha256), None)
    if outermost is not None and own:
        by_place[outermost] = own
    elif own:
        known = frozenset(_KNOWN_FILES.column(session, {"lead": lead_id}))
        by_place[_WORDS] = tuple(file for file in own if file.sha256 not in known)
    return by_place


# --- the forwarder's own words ------------------------------------------------------------------------------------------


def _write_words(
    session: Session, handed: Handed, lead_id: int, kind: str, files: Sequence[Attachment], now: datetime
) -> int | None:
    """What stands above the forwarded mail: a note, unless it was addressed to the customer as well."""
    mail, author = handed.mail, handed.author
    words = own_text(mail.segments)
    if not words and not files:
        return None
    parts = [part for part in mail.segments if part.kind not in _QUOTED] if words else []
    is_sent = kind == "email_out"
    new = NewMessage(
        lead_id=lead_id,
        kind=kind,
        author_kind="user",
        author_user_id=author.user_id,
        author_name=author.address.name[:300],
        author_address=author.address.address[:320],
        at=min(mail.date or handed.received_at, handed.received_at),
        created_at=now,
        subject=mail.subject,
        text="\n".join(part.text for part in parts),
        new_text=words,
        segments=[{"kind": part.kind.value, "text": part.text} for part in parts],
        message_id=mail.message_id,
        to=named(mail.to),
        cc=named(mail.cc),
        date_written=mail.date_raw,
        reason=Reason.SENT_DIRECTLY if is_sent else handed.reason,
        inbound_id=handed.inbound_id,
        raw_id=handed.raw_id,
    )
    row_id = add_message(session, new)
    add_files(session, row_id, files)
    if not is_sent:
        add_mentions(session, row_id, lead_id, words, author.user_id, now)
    return row_id


def had_it(handed: Handed, written: Written) -> tuple[str, ...]:
    """Keys of those who have the newest mail from elsewhere: they stand in its To or Cc, or in the forward's."""
    newest = written.newest
    level: Iterable[Address] = (*newest[0].level.to, *newest[0].level.cc) if newest else ()
    keys = (address_key(one.address) for one in (*handed.mail.to, *handed.mail.cc, *level))
    return tuple(dict.fromkeys(key for key in keys if key))
