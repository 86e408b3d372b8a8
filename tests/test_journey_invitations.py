"""The customer is invited to a meeting by mail, as a calendar that their program understands; what they answer is understood.

Answers are written as Gmail, Outlook and Apple write them: who sends them, what stands beside the calendar, what is left out.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from icalendar import Calendar
from sqlalchemy import select, update

from mailcrm.crm import activities
from mailcrm.crm.done import Done
from mailcrm.notify import outbox
from mailcrm.notify.gathering import Posting
from mailcrm.store.tables import activity, meeting, partner
from tests.daemon_house import DOMAIN, SALES, House, answer, mail
from tests.journey_steps import (
    ALICE,
    ALICE_AT,
    CAROL,
    CAROL_AT,
    MALLORY,
    STAFF,
    carol_writes,
    everything,
    note_address,
    outcome,
    plain,
)
from tests.smtp_peer import CaughtMail

MONDAY = datetime(2026, 11, 23, 8, tzinfo=UTC)
_ASK = "/invite 3.12. at 14 Look at the cellar @ Factory Road 5, Tampere"
_AT = datetime(2026, 12, 3, 12, tzinfo=UTC)


@pytest.fixture
def house(make_house: Callable[..., House]) -> House:
    made = make_house()
    made.clock.set(MONDAY)
    return made


def _says(house: House, notice: CaughtMail, text: str, **more: Any) -> CaughtMail:
    house.staff(answer(notice, ALICE, text, **more))
    return house.notice(ALICE_AT)


def _event(caught: CaughtMail) -> Any:
    """The calendar part, as the customer's program reads it, with the method of the part and of the calendar."""
    parts = [part for part in caught.parsed().walk() if part.get_content_type() == "text/calendar"]
    assert [part.get_content_disposition() for part in parts] == [None]
    calendar = Calendar.from_ical(parts[0].get_payload(decode=True))  # type: ignore[arg-type]
    assert parts[0].get_param("method") == str(calendar["METHOD"])
    assert parts[0].get_param("charset") == "utf-8"
    (event,) = calendar.walk("VEVENT")
    event["METHOD"] = str(calendar["METHOD"])
    return event


def _meetings(house: House) -> list[Any]:
    return house.read(
        select(activity, meeting).join(meeting, meeting.c.activity_id == activity.c.id).order_by(activity.c.id)
    )


def _invited(house: House) -> tuple[CaughtMail, Any]:
    """Alice has invited Carol; the notice she answered, and what Carol got."""
    notice = carol_writes(house)
    _says(house, notice, _ASK)
    return notice, _event(house.notice(CAROL_AT))


def _does(house: House, verb: Callable[..., Done], **values: Any) -> None:
    """What the page does."""

    def work(session: Any) -> Done:
        done = verb(session, by=house.people["alice"], now=house.clock(), **values)
        outbox.enqueue(session, done.events, house.clock(), Posting(DOMAIN))
        return done

    house.base.store.write(work)
    house.settle()


# --- asking ---------------------------------------------------------------------------------------------------------------


def test_the_customer_gets_an_invitation_that_mail_programs_show_as_one(house: House) -> None:
    notice = carol_writes(house)

    receipt = _says(house, notice, _ASK.replace(" Look", " 1.5h Look"))

    (got,) = house.to(CAROL_AT)
    event, parsed = _event(got), got.parsed()
    assert (event["METHOD"], str(event["SUMMARY"]), str(event["LOCATION"])) == (
        "REQUEST", "Look at the cellar", "Factory Road 5, Tampere",
    )  # fmt: skip
    assert (event["DTSTART"].dt, event["DTEND"].dt) == (_AT, _AT + timedelta(minutes=90))
    assert (event["SEQUENCE"], str(event["STATUS"])) == (0, "CONFIRMED")
    assert str(event["ORGANIZER"]) == f"mailto:{SALES}"
    assert f"<{SALES}>" in str(parsed["From"])
    attendee = event["ATTENDEE"]
    assert str(attendee) == f"mailto:{CAROL_AT}"
    assert (attendee.params["PARTSTAT"], attendee.params["RSVP"]) == ("NEEDS-ACTION", "TRUE")
    assert [part.get_content_type() for part in parsed.walk()] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/calendar", "application/ics",
    ]  # fmt: skip
    assert [part.get_filename() for part in parsed.iter_attachments()] == ["invite.ics"]
    assert str(parsed["Subject"]) == "Invitation: Look at the cellar, Thu 3 Dec 2026, 14:00"
    said = plain(got).replace("\r\n", "\n")
    assert said.startswith(
        "Invitation: Look at the cellar\nWhen: Thu 3 Dec 2026, 14:00–15:30 (Europe/Helsinki)\nWhere: Factory Road 5, Tampere\n"
    )
    assert not [one for one in (*STAFF, "/invite", "What does a pump cost?") if one in everything(got)]
    (planned,) = _meetings(house)
    assert (planned.type, planned.due_at, planned.summary) == ("meeting", _AT, "Look at the cellar")
    assert "Meeting: Look at the cellar, Thu 3 Dec 2026 14:00, the customer is invited" in plain(receipt).replace(
        "\r\n", " "
    )


def test_with_a_text_it_goes_along_in_one_mail(house: House) -> None:
    notice = carol_writes(house)

    _says(house, notice, f"{_ASK}\n\nHi Carol,\n\nshall I come and look?")

    (got,) = house.to(CAROL_AT)
    said = plain(got).replace("\r\n", "\n")
    assert said.startswith("Hi Carol,\n\nshall I come and look?\n\nInvitation: Look at the cellar\nWhen: Thu 3 Dec")
    assert "> What does a pump cost?" in said
    assert str(got.parsed()["Subject"]) == "Re: Pump for our cellar"
    assert _event(got)["DTSTART"].dt == _AT
    assert outcome(house) == ("reply", "reply_token")


def test_the_customers_language_is_spoken(house: House) -> None:
    notice = carol_writes(house)
    house.base.store.write(lambda session: session.execute(update(partner).values(language="fi")))

    _says(house, notice, "/kutsu 3.12. klo 14 Kellarin katselmus")

    got = house.notice(CAROL_AT)
    assert str(got.parsed()["Subject"]) == "Kutsu: Kellarin katselmus, to 3.12.2026 klo 14.00"
    assert "Vastaa kalenterissasi tai tähän viestiin." in plain(got)
    assert "Missä" not in plain(got)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("/invite 3.12. Look at the cellar", "an invitation needs a time of day"),
        ("/invite 3.12. at 14", "something is missing: /invite WHEN [1h] text [@ place]"),
        ("/invite 3.12. at 14 @ Tampere", "something is missing"),
        ("/invite cellar", "no date that can be read"),
    ],
)
def test_what_is_missing_is_asked_and_nothing_leaves(house: House, line: str, said: str) -> None:
    question = _says(house, carol_writes(house), line)

    assert said in plain(question).replace("\r\n", " ")
    assert house.to(CAROL_AT) == ()
    assert _meetings(house) == []


def test_no_other_address_than_an_answers_lets_an_invitation_out(house: House) -> None:
    notice = carol_writes(house)
    to_note = answer(notice, ALICE, _ASK)
    del to_note["To"]
    to_note["To"] = note_address(notice)
    house.staff(to_note, to=[note_address(notice)])
    question = house.notice(ALICE_AT)
    house.clock.move(timedelta(hours=2))  # one question an hour
    receipt = _says(house, notice, "/stars 2")
    again = _says(house, receipt, _ASK)

    for one in (question, again):
        assert "This would send mail to the customer" in plain(one).replace("\r\n", " ")
    assert house.to(CAROL_AT) == ()
    assert _meetings(house) == []


def test_without_proof_it_is_held_as_any_mail(house: House) -> None:
    notice = carol_writes(house)

    house.receive(answer(notice, ALICE, _ASK))

    assert outcome(house) == ("hold", "staff_not_proven")
    assert house.to(CAROL_AT) == ()
    assert _meetings(house) == []


def test_what_must_not_leave_does_not_leave_in_a_calendar(house: House) -> None:
    notice = carol_writes(house)
    secret = "Their own buyer told me that they pay at most 700"
    _says(house, notice, f"/note {secret}")

    _says(house, notice, f"/invite 3.12. at 14 Look at it @ {secret}")

    assert house.to(CAROL_AT) == ()


def test_when_the_customer_wrote_again_an_invitation_waits(house: House) -> None:
    notice = carol_writes(house)
    house.clock.move(timedelta(minutes=5))
    again = mail(CAROL, SALES, "Re: Pump for our cellar", "I am away in December.")
    house.receive(again)

    _says(house, notice, _ASK)

    assert outcome(house) == ("hold", "customer_wrote_again")
    assert house.to(CAROL_AT) == ()


# --- moved and called off -------------------------------------------------------------------------------------------------


def test_a_move_by_command_asks_again_with_the_same_uid(house: House) -> None:
    notice, first = _invited(house)
    receipts = [house.notice(ALICE_AT)]

    receipts.append(_says(house, notice, "/snooze 4.12. at 9"))

    for receipt in receipts:
        assert "The customer gets a mail about the meeting." in plain(receipt).replace("\r\n", " ")
        assert "Nothing goes to the customer" not in plain(receipt).replace("\r\n", " ")
    got = house.notice(CAROL_AT)
    event = _event(got)
    assert (str(event["UID"]), event["SEQUENCE"], event["METHOD"]) == (str(first["UID"]), 1, "REQUEST")
    assert event["DTSTART"].dt == datetime(2026, 12, 4, 7, tzinfo=UTC)
    assert event["DTEND"].dt - event["DTSTART"].dt == timedelta(hours=1)
    assert str(got.parsed()["Subject"]).startswith("New time: Look at the cellar, Fri 4 Dec 2026")
    assert len(house.to(CAROL_AT)) == 2


def test_a_move_on_the_page_tells_the_customer_once_and_a_removal_calls_it_off(house: House) -> None:
    _notice, first = _invited(house)
    (planned,) = _meetings(house)
    later = _AT + timedelta(days=1)

    for _ in range(2):
        _does(house, activities.reschedule, activity_id=planned.id, due_on=later.date(), due_at=later)
    assert [_event(one)["SEQUENCE"] for one in house.to(CAROL_AT)] == [0, 1]
    _does(house, activities.cancel, activity_id=planned.id)

    event = _event(house.notice(CAROL_AT))
    assert (event["METHOD"], str(event["UID"]), event["SEQUENCE"]) == ("CANCEL", str(first["UID"]), 2)
    assert str(event["STATUS"]) == "CANCELLED"
    assert "Called off: Look at the cellar" in plain(house.notice(CAROL_AT))
    (closed,) = _meetings(house)
    assert closed.done_at is not None
    assert closed.cancelled_at is not None


def test_what_is_past_is_taken_off_without_a_word(house: House) -> None:
    _invited(house)
    (planned,) = _meetings(house)
    house.clock.set(_AT + timedelta(hours=2))

    _does(house, activities.cancel, activity_id=planned.id)

    assert len(house.to(CAROL_AT)) == 1


def test_a_reminders_answer_does_not_move_what_the_customer_was_invited_to(house: House) -> None:
    notice = carol_writes(house)
    receipt = _says(house, notice, _ASK)

    question = _says(house, receipt, "/snooze 4.12. at 9")

    assert "This would send mail to the customer" in plain(question).replace("\r\n", " ")
    assert len(house.to(CAROL_AT)) == 1


def test_undo_leaves_the_meeting_since_the_customer_stays_invited(house: House) -> None:
    notice = carol_writes(house)
    receipt = _says(house, notice, _ASK)

    undone = _says(house, receipt, "undo")

    assert "The customer stays invited" in plain(undone)
    assert len(_meetings(house)) == 1
    assert len(house.to(CAROL_AT)) == 1


# --- answered -------------------------------------------------------------------------------------------------------------

_DAY_AFTER = "DTSTART:20261204T100000Z\r\nDTEND:20261204T110000Z"


def _reply(
    event: Any, answered: str, method: str = "REPLY", times: str = "", who: str = CAROL_AT, sequence: int = 0
) -> str:
    when = times or f"DTSTART:{_AT:%Y%m%dT%H%M%SZ}\r\nDTEND:{_AT + timedelta(hours=1):%Y%m%dT%H%M%SZ}"
    lines = (
        "BEGIN:VCALENDAR", "PRODID:-//Somebody//Calendar//EN", "VERSION:2.0", f"METHOD:{method}", "BEGIN:VEVENT", when,
        "DTSTAMP:20261123T100000Z", f"ORGANIZER;CN=Alice Aalto / Firma:mailto:{SALES}", f"UID:{event['UID']}",
        f"ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT={answered};CN=Carol Customer:mailto:{who}",
        f"SEQUENCE:{sequence}", "SUMMARY:Look at the cellar", "END:VEVENT", "END:VCALENDAR", "",
    )  # fmt: skip
    return "\r\n".join(lines)


def _gmail(event: Any, answered: str, **more: Any) -> EmailMessage:
    """From the person, sent by Google's machine, which says so; no References, the calendar beside the text and as a file."""
    said = {"ACCEPTED": "Accepted", "DECLINED": "Declined", "TENTATIVE": "Tentative"}.get(answered, "Proposed new time")
    made = mail(
        CAROL, SALES, f"{said}: Look at the cellar @ Thu Dec 3, 2026 2pm - 3pm", "Carol has replied to this invitation."
    )
    made["Sender"] = "Google Calendar <calendar-notification@google.com>"
    made["Reply-To"] = CAROL
    made["Auto-Submitted"] = "auto-generated"
    method = more.get("method", "REPLY")
    made.add_alternative("<p>Carol has replied to this invitation.</p>", subtype="html")
    made.add_alternative(_reply(event, answered, **more), subtype="calendar", params={"method": method})
    made.add_attachment(
        _reply(event, answered, **more).encode(), maintype="application", subtype="ics", filename="invite.ics"
    )
    return made


def _outlook(event: Any, answered: str, **more: Any) -> EmailMessage:
    """An empty text, a thread of its own, and the calendar as an alternative."""
    said = {"ACCEPTED": "Accepted", "DECLINED": "Declined", "TENTATIVE": "Tentative"}.get(answered, "New Time Proposed")
    made = mail(CAROL, f"Alice Aalto / Firma <{SALES}>", f"{said}: Look at the cellar", "\n")
    made["Thread-Topic"] = "Look at the cellar"
    made["X-MS-Has-Attach"] = ""
    method = more.get("method", "REPLY")
    made.add_alternative("<html><body><div></div></body></html>", subtype="html")
    made.add_alternative(_reply(event, answered, **more), subtype="calendar", params={"method": method})
    return made


def _apple(event: Any, answered: str, **more: Any) -> EmailMessage:
    """A sentence, and the calendar as a file with its method."""
    made = mail(CAROL, SALES, "Look at the cellar", f"Carol Customer has {answered.lower()} the invitation.")
    calendar = _reply(event, answered, **more).encode()
    made.add_attachment(
        calendar, maintype="text", subtype="calendar", filename="iCal-20261203-140000.ics",
        params={"method": more.get("method", "REPLY"), "charset": "utf-8"},
    )  # fmt: skip
    return made


@pytest.mark.parametrize("program", [_gmail, _outlook, _apple])
@pytest.mark.parametrize(
    ("answered", "said"), [("ACCEPTED", "accepted"), ("DECLINED", "declined"), ("TENTATIVE", "may come")]
)
def test_an_answer_lies_on_the_lead_is_kept_and_told(
    house: House, program: Callable[..., EmailMessage], answered: str, said: str
) -> None:
    _notice, event = _invited(house)

    house.receive(program(event, answered))

    (row,) = house.leads()
    (planned,) = _meetings(house)
    assert [(one["address"], one["answer"]) for one in planned.answers] == [(CAROL_AT, answered.lower())]
    assert outcome(house)[0] == "append"
    assert house.inbounds()[-1].lead_id == row.id
    assert f"Carol Customer {said}: Look at the cellar" in plain(house.notice(ALICE_AT)).replace("\r\n", " ")
    assert planned.done_at is None


@pytest.mark.parametrize("program", [_gmail, _outlook])
def test_another_time_is_accepted_by_one_command_and_the_customer_is_told(
    house: House, program: Callable[..., EmailMessage]
) -> None:
    notice, event = _invited(house)
    _says(house, notice, "/call today about something else")

    house.receive(program(event, "TENTATIVE", method="COUNTER", times=_DAY_AFTER))

    told = house.notice(ALICE_AT)
    said = plain(told).replace("\r\n", " ")
    assert "Another time is proposed: Look at the cellar, 4 Dec 2026, 12:00–13:00" in said
    assert "To accept it, reply with: /snooze 4.12.2026 at 12:00" in said
    (planned,) = _meetings(house)
    assert planned.due_at == _AT
    assert planned.answers[0]["proposed_at"] == "2026-12-04T10:00:00+00:00"

    _says(house, told, "/snooze 4.12.2026 at 12:00")

    (planned,) = _meetings(house)
    assert (planned.due_at, planned.due_on, planned.answers) == (
        datetime(2026, 12, 4, 10, tzinfo=UTC),
        date(2026, 12, 4),
        [],
    )
    again = _event(house.notice(CAROL_AT))
    assert (again["METHOD"], again["SEQUENCE"], again["DTSTART"].dt) == ("REQUEST", 1, planned.due_at)


def test_an_answer_to_the_time_before_says_nothing_of_the_new_one(house: House) -> None:
    notice, event = _invited(house)
    _says(house, notice, "/snooze 4.12. at 9")

    house.receive(_outlook(event, "ACCEPTED"))

    (row,) = house.leads()
    assert _meetings(house)[0].answers == []
    assert [one.event for one in house.chatter(row.id, "event")][-1] == "meeting_answered_before"
    house.receive(_outlook(event, "ACCEPTED", sequence=1))
    assert [one["answer"] for one in _meetings(house)[0].answers] == ["accepted"]


def test_an_answer_from_another_address_opens_no_second_case_and_counts_for_nobody(house: House) -> None:
    _notice, event = _invited(house)
    made = _outlook(event, "ACCEPTED", who="carol.private@mail.example")
    del made["From"]
    made["From"] = "Carol <carol.private@mail.example>"

    house.receive(made)

    (row,) = house.leads()
    assert house.inbounds()[-1].lead_id == row.id
    assert _meetings(house)[0].answers == []
    assert "NEW PERSON" in plain(house.notice(ALICE_AT))


@pytest.mark.parametrize("who", [CAROL, MALLORY])
@pytest.mark.parametrize("method", ["CANCEL", "REQUEST"])
def test_nobody_outside_changes_a_meeting_of_ours(house: House, who: str, method: str) -> None:
    _notice, event = _invited(house)
    made = _outlook(event, "ACCEPTED", method=method, times=_DAY_AFTER, sequence=9)
    del made["From"]
    made["From"] = who

    house.receive(made)

    (planned,) = _meetings(house)
    assert (planned.due_at, planned.done_at, planned.cancelled_at) == (_AT, None, None)
