"""Calendar mails: an invitation plans a meeting, updates move it, answers are written on it, a cancellation closes it."""

from datetime import date, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import select, update

from mailcrm.store.tables import activity, lead, meeting
from tests.daemon_house import SALES, House, answer, mail
from tests.journey_steps import (
    ALICE_AT,
    CAROL,
    CAROL_AT,
    MALLORY,
    carol_writes,
    in_conversation,
    last_inbound,
    outcome,
    plain,
)

_AT = "20301224T100000Z"  # noon in Helsinki


def _calendar(method: str, start: str = _AT, *lines: str, uid: str = "pump-1@acme.example", sequence: int = 0) -> str:
    named = (f"UID:{uid}", f"SEQUENCE:{sequence}", f"DTSTART:{start}", "SUMMARY:Look at the cellar")
    organizer = f"ORGANIZER;CN=Carol Customer:mailto:{CAROL_AT}"
    inside = "\r\n".join((*named, organizer, *lines))
    return f"BEGIN:VCALENDAR\r\nMETHOD:{method}\r\nBEGIN:VEVENT\r\n{inside}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"


def _mail(method: str, *parts: Any, from_: str = CAROL, text: str = "", **more: Any) -> EmailMessage:
    """As Outlook and Google send it: no References, the calendar an alternative of the text."""
    made = mail(from_, SALES, "Look at the cellar", text or f"{method} of a meeting.")
    made.add_alternative(_calendar(method, *parts, **more), subtype="calendar", params={"method": method})
    return made


def _activities(house: House) -> list[Any]:
    return house.read(
        select(activity, meeting).join(meeting, meeting.c.activity_id == activity.c.id).order_by(activity.c.id)
    )


def _events(house: House, lead_id: int) -> list[str]:
    return [row.event for row in house.chatter(lead_id, "event") if row.event.startswith(("meeting", "activity"))]


def _invited(house: House, *parts: Any, **more: Any) -> Any:
    """Carol's invitation is a meeting of her lead."""
    house.receive(_mail("REQUEST", *parts, **more))
    (planned,) = _activities(house)
    return planned


def test_an_invitation_is_planned_with_time_place_and_organiser_and_told(house: House) -> None:
    planned = _invited(house, _AT, "DTEND:20301224T113000Z", "LOCATION:Cellar\\, back door")

    assert (planned.type, planned.summary, planned.due_on) == ("meeting", "Look at the cellar", date(2030, 12, 24))
    assert planned.due_at == datetime.fromisoformat("2030-12-24T10:00:00+00:00")
    assert (planned.location, planned.organizer) == ("Cellar, back door", f"Carol Customer <{CAROL_AT}>")
    assert house.leads()[0].owner_id == planned.user_id
    said = "Invitation: Look at the cellar, 24 Dec 2030, 12:00–13:30, Cellar, back door; organiser Carol Customer"
    assert said in plain(house.notice(ALICE_AT))


def test_an_update_moves_it_and_an_older_one_does_not(house: House) -> None:
    _invited(house)

    house.receive(_mail("REQUEST", "20301230T090000Z", "LOCATION:Office", sequence=2))
    house.receive(_mail("REQUEST", "20301226T090000Z", sequence=1, text="Late."))

    (planned,) = _activities(house)
    (row,) = house.leads()
    assert (planned.due_on, planned.location, planned.done_at) == (date(2030, 12, 30), "Office", None)
    assert _events(house, row.id) == ["activity_scheduled", "meeting_moved", "meeting_place"]
    assert outcome(house) == ("append", "meeting_on_lead")


def test_a_cancellation_closes_it_and_a_late_invitation_does_not_open_it(house: House) -> None:
    _invited(house)

    house.receive(_mail("CANCEL", sequence=1))
    house.receive(_mail("REQUEST", sequence=0, text="Late."))

    (planned,) = _activities(house)
    (row,) = house.leads()
    assert planned.done_at is not None
    assert planned.cancelled_at is not None
    assert _events(house, row.id) == ["activity_scheduled", "meeting_cancelled"]
    assert any("Meeting cancelled: Look at the cellar" in plain(told) for told in house.to(ALICE_AT))
    house.receive(_mail("REQUEST", "20310102T100000Z", sequence=2))
    (again,) = _activities(house)
    assert (again.done_at, again.cancelled_at, again.due_on) == (None, None, date(2031, 1, 2))


def test_a_lead_on_hold_keeps_something_to_do_when_its_meeting_is_cancelled(house: House) -> None:
    _invited(house)
    until = date(2031, 1, 31)
    house.base.store.write(lambda session: session.execute(update(lead).values(on_hold_until=until)))

    house.receive(_mail("CANCEL", sequence=1))

    coming = house.read(select(activity).where(activity.c.done_at.is_(None)))
    assert [(row.type, row.due_on) for row in coming] == [("todo", until)]


@pytest.mark.parametrize("method", ["CANCEL", "REQUEST"])
def test_a_stranger_who_knows_the_uid_changes_nothing(house: House, method: str) -> None:
    notice = carol_writes(house)
    house.receive(_mail("REQUEST"))
    before = house.read(select(activity.c.id, activity.c.due_at, activity.c.done_at))

    house.receive(_mail(method, "20310101T100000Z", sequence=9, from_=MALLORY))
    stranger = last_inbound(house)
    named = [("In-Reply-To", str(notice.parsed()["Message-ID"])), ("References", house.chatter(1)[0].message_id)]
    threaded = _mail(method, "20310101T100000Z", sequence=9, from_=MALLORY, text="On the lead.")
    for name, value in named:
        threaded[name] = value if value.startswith("<") else f"<{value}>"
    house.receive(threaded)

    of_carol = house.read(
        select(activity.c.id, activity.c.due_at, activity.c.done_at).where(
            activity.c.id.in_([row.id for row in before])
        )
    )
    assert of_carol == before
    assert stranger.lead_id not in {row.lead_id for row in house.inbounds()[:2]}


def test_a_person_of_the_lead_who_did_not_invite_changes_nothing_and_it_is_said(house: House) -> None:
    with_dan = _mail("REQUEST")
    with_dan["Cc"] = "Dan <dan@other.example>"
    house.receive(with_dan)

    house.receive(_mail("CANCEL", sequence=1, from_="Dan <dan@other.example>"))

    (row,) = house.leads()
    (planned,) = _activities(house)
    assert (planned.done_at, planned.cancelled_at) == (None, None)
    assert _events(house, row.id) == ["activity_scheduled", "meeting_not_changed"]


def test_an_answer_is_written_on_the_meeting_for_its_writer_alone(house: House) -> None:
    _invited(house)
    both = (
        f"ATTENDEE;CN=Carol;PARTSTAT=ACCEPTED:mailto:{CAROL_AT}",
        "ATTENDEE;PARTSTAT=DECLINED:mailto:dan@acme.example",
    )

    house.receive(_mail("REPLY", _AT, *both))

    (planned,) = _activities(house)
    assert planned.answers == [{"name": "Carol Customer", "address": CAROL_AT, "answer": "accepted"}]
    (row,) = house.leads()
    assert _events(house, row.id)[-1] == "meeting_answered"
    assert "accepted: Look at the cellar" in plain(house.notice(ALICE_AT))


def test_of_a_series_the_next_meeting_is_planned_and_one_called_off_gives_way_to_the_next(house: House) -> None:
    planned = _invited(house, "20200107T100000Z", "RRULE:FREQ=WEEKLY;INTERVAL=2")

    assert planned.repeats == "weekly:2"
    assert planned.due_at is not None
    assert planned.due_at > house.clock()
    first = planned.due_at
    called_off = f"RECURRENCE-ID:{first:%Y%m%dT%H%M%SZ}"

    house.receive(_mail("CANCEL", f"{first:%Y%m%dT%H%M%SZ}", called_off, sequence=1))

    (following,) = _activities(house)
    assert following.due_at is not None
    assert (following.due_at - first).days == 14
    assert following.done_at is None
    house.receive(_mail("CANCEL", "20200107T100000Z", sequence=2, text="All of it."))
    assert _activities(house)[0].done_at is not None


def test_a_cancellation_that_is_an_answer_closes_the_meeting_of_its_thread(house: House) -> None:
    _, reply = in_conversation(house)
    for method, sequence in (("REQUEST", 0), ("CANCEL", 1)):
        made = answer(reply, CAROL, f"{method}.")
        content = _calendar(method, sequence=sequence).encode()
        made.add_attachment(content, maintype="text", subtype="calendar", params={"method": method}, filename="i.ics")
        house.receive(made)

    (planned,) = _activities(house)
    assert planned.cancelled_at is not None
    assert len(house.leads()) == 1
