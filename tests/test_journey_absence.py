"""Who is away: by the mail box's own automatic reply, by hand, and a customer whose absence moves the next step."""

from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from mailcrm import triage
from mailcrm.crm import absence
from mailcrm.crm.activities import NewActivity, schedule
from mailcrm.crm.done import Refused
from mailcrm.crm.people import set_user_fields
from mailcrm.store.tables import activity, message, user
from tests.daemon_house import SALES, House, address_in, answer, mail, proven
from tests.journey_steps import (
    ALICE,
    ALICE_AT,
    BOB_AT,
    CAROL,
    CAROL_AT,
    MONA_AT,
    alice_answers,
    carol_writes,
    in_conversation,
    notice_kinds,
    outcome,
    plain,
)
from tests.smtp_peer import CaughtMail


def _away(of: str, answered: CaughtMail, text: str) -> EmailMessage:
    threaded = [("In-Reply-To", str(answered.parsed()["Message-ID"])), ("Auto-Submitted", "auto-replied")]
    return mail(of, answered.mail_from, "Out of office", text, headers=threaded)


def _today(house: House) -> date:
    """In the users' own zone, where a day begins two or three hours before it does in UTC."""
    return house.clock().astimezone(ZoneInfo("Europe/Helsinki")).date()


def _of(house: House, name: str) -> Any:
    return house.read(select(user).where(user.c.id == house.people[name]))[0]


def _says_alice_is_away(house: House, notice: CaughtMail, day: date) -> None:
    said = _away(ALICE, notice, f"I am out of the office until {day:%-d %B %Y}.")
    house.receive(proven(said), "", [notice.mail_from])


def test_ones_own_automatic_reply_with_proof_marks_one_as_away_and_tells_both(house: House) -> None:
    notice = carol_writes(house)
    day = _today(house) + timedelta(days=6)

    _says_alice_is_away(house, notice, day)

    assert outcome(house) == ("absence", "staff_absent")
    alice = _of(house, "alice")
    assert absence.last_day(alice.absent_until, alice.time_zone) == day
    assert "You are marked as away until" in str(house.notice(ALICE_AT).parsed()["Subject"])
    assert "Nobody stands in for you" in plain(house.notice(ALICE_AT))
    assert str(house.notice(MONA_AT).parsed()["Subject"]).startswith("Alice Aalto on poissa ")
    assert len(house.chatter(house.leads()[0].id)) == 1

    again = len(house.sink.mails)
    _says_alice_is_away(house, house.notice(ALICE_AT, 0), day)
    assert len(house.sink.mails) == again  # known already: nobody hears twice


def test_without_proof_or_to_another_ones_address_nobody_is_away(house: House) -> None:
    notice = carol_writes(house)
    said = _away(ALICE, notice, "I am out of the office until 4 May.")

    house.receive(said, "", [notice.mail_from])

    assert outcome(house)[0] == "quiet"
    said.replace_header("From", "Bob Berg <bob@firma.test>")
    said.replace_header("Message-ID", "<other@firma.test>")
    house.receive(proven(said), "", [notice.mail_from])
    assert outcome(house)[0] == "quiet"
    assert _of(house, "alice").absent_until is None
    assert _of(house, "bob").absent_until is None


def test_a_reply_that_names_no_day_means_three_days_and_the_next_own_mail_ends_it(house: House) -> None:
    notice = carol_writes(house)
    house.receive(proven(_away(ALICE, notice, "I am out of the office.")), "", [notice.mail_from])
    alice = _of(house, "alice")
    assert absence.last_day(alice.absent_until, alice.time_zone) == _today(house) + timedelta(days=3)

    alice_answers(house, notice)

    assert (_of(house, "alice").absent_until, _of(house, "alice").absent_by) == (None, "")


def test_a_manager_who_lets_an_older_mail_go_does_not_end_its_writers_absence(house: House) -> None:
    notice = carol_writes(house)
    unproven = answer(notice, ALICE, "A pump costs 500 euros.")
    house.receive(unproven, ALICE_AT, [address_in(unproven["To"])])
    held = house.inbounds()[-1]
    _says_alice_is_away(house, notice, _today(house) + timedelta(days=6))
    until = _of(house, "alice").absent_until

    triage.send(house.base.desk(), held.id, house.people["mona"])
    house.settle()

    assert "A pump costs 500 euros." in plain(house.notice(CAROL_AT))
    assert until is not None
    assert _of(house, "alice").absent_until == until


def test_while_one_is_away_new_leads_go_to_others_and_the_deputy_hears_as_well(house: House) -> None:
    notice = carol_writes(house)
    write = house.base.store.write
    write(lambda s: set_user_fields(s, house.people["alice"], {"deputy_id": house.people["bob"]}, None, house.clock()))
    _says_alice_is_away(house, notice, _today(house) + timedelta(days=6))
    assert "Bob Berg hears of your leads as well" in plain(house.notice(ALICE_AT))

    house.receive(mail("New <new@other.example>", SALES, "Racks", "What do racks cost?"))
    house.receive(answer(notice, CAROL, "And when?"), to=[SALES])

    new_owners = [row.owner_id for row in house.leads()]
    assert new_owners.count(house.people["alice"]) == 1
    assert "poissa olevan vastuuhenkilön sijaisena" in plain(house.notice(BOB_AT))


def test_an_absence_by_hand_lasts_until_its_day_whatever_one_writes(house: House) -> None:
    notice = carol_writes(house)
    day = _today(house) + timedelta(days=2)
    alice = house.people["alice"]
    house.base.store.write(lambda s: absence.go_away(s, alice, day, alice, house.clock(), house.people["bob"]))

    alice_answers(house, notice)
    _says_alice_is_away(house, notice, day + timedelta(days=9))

    row = _of(house, "alice")
    assert (absence.last_day(row.absent_until, row.time_zone), row.deputy_id) == (day, house.people["bob"])
    assert "absence" not in notice_kinds(house)
    house.base.store.write(lambda s: absence.come_back(s, alice, alice, house.clock()))
    assert _of(house, "alice").absent_until is None


def test_days_that_cannot_be_are_refused(house: House) -> None:
    alice, today = house.people["alice"], _today(house)
    for day, deputy in ((today - timedelta(days=2), None), (today + timedelta(days=900), None), (today, alice)):
        verb = partial(absence.go_away, user_id=alice, until=day, by=alice, now=house.clock(), deputy_id=deputy)
        with pytest.raises(Refused):
            house.base.store.write(verb)


def test_a_customers_absence_moves_the_next_activity_to_the_first_working_day_after(house: House) -> None:
    house.clock.set(datetime(2031, 12, 8, 9, tzinfo=UTC))
    _, reply = in_conversation(house)
    (row,) = house.leads()
    soon, later = date(2031, 12, 9), date(2032, 1, 26)
    for day in (soon, later):
        new = NewActivity("call", day, "Ask after the quote")
        by, now = house.people["alice"], house.clock()
        house.base.store.write(partial(schedule, lead_id=row.id, new=new, by=by, now=now))

    said = _away(CAROL, reply, "I am out of the office until 24 December 2031.")
    said.replace_header("Date", format_datetime(house.clock()))
    house.receive(said, "", [reply.mail_from])

    assert sorted(one.due_on for one in house.read(select(activity))) == [date(2031, 12, 29), later]  # after Christmas
    told = house.read(select(message).where(message.c.event == "activity_rescheduled"))
    assert [one.event_data["customer_away_until"] for one in told] == ["2031-12-24"]


def test_another_persons_absence_on_the_lead_moves_nothing(house: House) -> None:
    _, reply = in_conversation(house)
    (row,) = house.leads()
    soon = _today(house) + timedelta(days=1)
    house.base.store.write(
        lambda s: schedule(s, row.id, NewActivity("call", soon), house.people["alice"], house.clock())
    )
    away = _today(house) + timedelta(days=9)
    said = _away("Mallory <mallory@evil.example>", reply, f"I am out of the office until {away:%-d %B %Y}.")

    house.receive(said, "", [reply.mail_from])

    assert [one.due_on for one in house.read(select(activity))] == [soon]
