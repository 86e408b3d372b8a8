"""What reading a mail found beside its words, as it is kept with the received mail and shown on the page and in notices.

``Findings`` travels as plain JSON values: ``as_json`` writes only what is there, ``findings_of`` reads what an earlier version of
the program wrote and leaves out what it does not know. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mailcrm.mail import Address, Attendee, AutoReply, AutoReplyType, Forwarded, Hint, HintKind, Meeting

_MOST_FIELDS = 60
_LONGEST_FIELD = 2_000
_MOST_MAILS = 20
_LONGEST_MAIL = 20_000  # characters of an attached mail; the whole is in its file


@dataclass(frozen=True, slots=True)
class Via:
    """A list or relay that put its own address into From; ``proof`` is the field that names the writer."""

    address: str
    proof: str


@dataclass(frozen=True, slots=True)
class AttachedMail:
    """A mail that came in a file, readable. ``is_cut``: the file holds more."""

    from_: str
    date: str
    subject: str
    body: str
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Findings:
    """All that may be found; of most mails nothing is."""

    hints: tuple[Hint, ...] = ()
    via: Via | None = None
    auto_reply: AutoReply | None = None
    form: tuple[tuple[str, str], ...] = ()  # label and value of each field, as written
    mails: tuple[AttachedMail, ...] = ()
    meeting: Meeting | None = None  # without its attendees but the one who answers


NOTHING_FOUND = Findings()


def attached_mails(levels: Sequence[Forwarded]) -> tuple[AttachedMail, ...]:
    """Those levels that are mails in files."""
    return tuple(_attached(level) for level in levels if level.sha256)[:_MOST_MAILS]


def _attached(level: Forwarded) -> AttachedMail:
    box = level.from_ or Address("", "")
    writer = f"{box.name} <{box.address}>" if box.name and box.address else box.address or box.name
    is_cut = len(level.body) > _LONGEST_MAIL
    return AttachedMail(writer[:600], level.date[:200], level.subject[:1000], level.body[:_LONGEST_MAIL], is_cut)


def as_json(found: Findings) -> dict[str, Any]:
    """Plain values; without what was not found."""
    reply = found.auto_reply
    made: dict[str, Any] = {
        "hints": [[h.kind.value, h.shown[:320], h.known[:320], h.name[:300]] for h in found.hints],
        "via": [found.via.address[:320], found.via.proof[:100]] if found.via else None,
        "auto_reply": [reply.type.value, reply.until, *_box(reply.stand_in)] if reply else None,
        "form": [[label[:200], value[:_LONGEST_FIELD]] for label, value in found.form[:_MOST_FIELDS]],
        "meeting": _meeting(found.meeting) if found.meeting else None,
        "mails": [[m.from_, m.date, m.subject, m.body, m.is_cut] for m in found.mails],
    }
    return {name: value for name, value in made.items() if value}


def _meeting(found: Meeting) -> dict[str, Any]:
    answers = [[a.name[:300], a.address[:320], a.answer] for a in found.attendees if found.method == "REPLY"][:1]
    times = {name: getattr(found, name) for name in _MEETING_WORDS}
    return {**times, "organizer": _box(found.organizer), "answers": answers, "is_cancelled": found.is_cancelled}


_MEETING_WORDS = ("method", "uid", "summary", "start", "end", "location", "repeats", "next_start", "of_series_at")


def _meeting_of(kept: Mapping[str, Any] | None) -> Meeting | None:
    if not kept:
        return None
    name, address = kept["organizer"]
    return Meeting(
        **{word: kept.get(word, "") for word in _MEETING_WORDS},
        organizer=Address(name, address) if address else None,
        attendees=tuple(Attendee(*one) for one in kept.get("answers", ())),
        is_cancelled=bool(kept.get("is_cancelled")),
    )


def _box(box: Address | None) -> list[str]:
    return [box.name[:300], box.address[:320]] if box else ["", ""]


def findings_of(kept: Mapping[str, Any] | None) -> Findings:
    """What ``as_json`` wrote."""
    if not kept:
        return NOTHING_FOUND
    return Findings(
        hints=tuple(Hint(HintKind(h[0]), *h[1:4]) for h in kept.get("hints", ()) if h[0] in set(HintKind)),
        via=Via(*kept["via"]) if kept.get("via") else None,
        auto_reply=_auto_reply(kept.get("auto_reply")),
        form=tuple((label, value) for label, value in kept.get("form", ())),
        mails=tuple(AttachedMail(*m) for m in kept.get("mails", ())),
        meeting=_meeting_of(kept.get("meeting")),
    )


def _auto_reply(kept: Sequence[str] | None) -> AutoReply | None:
    if not kept or kept[0] not in set(AutoReplyType):
        return None
    type_, until, name, address = kept
    return AutoReply(AutoReplyType(type_), until, Address(name, address) if address or name else None)
