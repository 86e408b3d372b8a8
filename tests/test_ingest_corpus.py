"""Every file of tests/corpus is read as its expectation says: a file per phenomenon, written for this project.

The expectation names only what the file is about; keys are those of ``_seen`` below.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mailcrm.ingest.understand import understand
from mailcrm.mail import Door, Envelope, ParsedMail, SegmentKind, Verdict

CORPUS = Path(__file__).parent / "corpus"
ENVELOPE = Envelope("", ("myynti@firma.example",), datetime(2024, 3, 5, tzinfo=UTC), Door.IMPORT, source="headers")


def _seen(mail: ParsedMail, verdict: Verdict) -> dict[str, Any]:
    report = verdict.report
    return {
        "kind": verdict.kind.value,
        "reason": verdict.reason.value,
        "is_machine": verdict.is_machine,
        "is_bulk": verdict.is_bulk,
        "is_spam": verdict.is_spam,
        "calendar_method": verdict.calendar_method,
        "subject": mail.subject,
        "base_subject": mail.base_subject,
        "from": [mail.from_.name, mail.from_.address] if mail.from_ else None,
        "reply_to": [address.address for address in mail.reply_to],
        "list_ids": list(mail.list_ids),
        "language": mail.language,
        "new_text": mail.new_text,
        "own_text": "\n".join(part.text for part in mail.segments if part.kind is SegmentKind.NEW).strip(),
        "to": [address.address for address in mail.to],
        "attachments": [attachment.filename for attachment in mail.attachments],
        "inline": [attachment.is_inline for attachment in mail.attachments],
        "signatures": [signature.filename for signature in mail.signatures],
        "forwarded": [
            {"address": level.from_.address, "name": level.from_.name, "subject": level.subject}
            for level in mail.forwarded
            if level.from_
        ],
        "forwarded_to": [[address.address for address in level.to] for level in mail.forwarded],
        "forwarded_cc": [[address.address for address in level.cc] for level in mail.forwarded],
        "forwarded_dates": [" ".join(level.date.split()) for level in mail.forwarded],
        "forwarded_bodies": [level.body for level in mail.forwarded],
        "passages": [part.kind.value for part in mail.segments],
        "recipients": [
            {"address": one.address, "action": one.action, "status": one.status} for one in report.recipients
        ]
        if report
        else None,
        "original_message_id": report.original_message_id if report else None,
        "auto_reply": _auto_reply(verdict),
        "calendar": _calendar(verdict),
        "form": _form(verdict),
        "written_by": [mail.written_by.box.name, mail.written_by.box.address] if mail.written_by else None,
        "is_phishing": bool(verdict.phishing),
        "message_id": mail.message_id,
        "in_reply_to": list(mail.in_reply_to),
        "date": mail.date.isoformat() if mail.date else None,
        "date_raw": mail.date_raw,
    }


def _auto_reply(verdict: Verdict) -> dict[str, Any] | None:
    said = verdict.auto_reply
    if said is None:
        return None
    stand_in = {"name": said.stand_in.name, "address": said.stand_in.address} if said.stand_in else None
    return {"type": said.type.value, "until": said.until or None, "stand_in": stand_in}


def _calendar(verdict: Verdict) -> dict[str, Any] | None:
    meeting = verdict.meeting
    if meeting is None:
        return None
    return {
        "method": meeting.method,
        "uid": meeting.uid,
        "summary": meeting.summary,
        "start": meeting.start,
        "end": meeting.end,
        "location": meeting.location,
        "organizer": meeting.organizer.address if meeting.organizer else None,
        "attendees": [[one.address, one.answer] for one in meeting.attendees],
    }


def _form(verdict: Verdict) -> dict[str, Any] | None:
    form = verdict.form
    if form is None or form.person is None:
        return None
    person = {"name": form.person.name, "address": form.person.address}
    return {**person, "phone": form.phone, "company": form.company, "message": form.message}


def _leave_unnamed_out(expected: dict[str, Any], seen: dict[str, Any]) -> None:
    """Of each recipient and of a calendar, only what the expectation names is compared."""
    if expected.get("calendar") and seen["calendar"]:
        seen["calendar"] = {key: seen["calendar"][key] for key in expected["calendar"]}
    wanted, found = expected.get("recipients"), seen["recipients"]
    if wanted and found and len(wanted) == len(found):
        seen["recipients"] = [{key: one[key] for key in named} for one, named in zip(found, wanted, strict=True)]


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.eml")), ids=lambda path: path.stem)
def test_the_corpus_is_read_as_expected(path: Path) -> None:
    expected: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())
    mail, verdict = understand(path.read_bytes(), ENVELOPE)
    for phrase in expected.pop("html_has", []):
        assert phrase in mail.html
    for phrase in expected.pop("html_lacks", []):
        assert phrase not in mail.html
    for defect in expected.pop("defects_have", []):
        assert defect in mail.defects
    assert expected.pop("forwarded_body_has", "") in (mail.forwarded[0].body if mail.forwarded else "")
    for text in expected.pop("text_has", []):
        assert text in mail.text
    for text in expected.pop("text_lacks", []):
        assert text not in mail.text
    seen = _seen(mail, verdict)
    _leave_unnamed_out(expected, seen)
    assert {key: seen[key] for key in expected} == expected
    assert not any(defect.startswith("unreadable") for defect in mail.defects)


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.eml")), ids=lambda path: path.stem)
def test_the_union_of_the_segments_is_the_text(path: Path) -> None:
    mail, _ = understand(path.read_bytes(), ENVELOPE)
    assert "\n".join(part.text for part in mail.segments) == mail.text
