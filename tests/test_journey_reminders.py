"""An activity with a time of day reminds its user when that time comes: once, and of nothing that is done, moved or past."""

from datetime import date, datetime, timedelta
from functools import partial

from sqlalchemy import select

from mailcrm.crm import activities
from mailcrm.notify import reminders
from mailcrm.notify.gathering import posting
from mailcrm.store.tables import activity, lead
from tests.daemon_house import House, answer
from tests.journey_steps import ALICE, ALICE_AT, BOB_AT, CAROL_AT, carol_writes, kinds, notice_kinds, outcome, plain
from tests.smtp_peer import CaughtMail


def _plan(house: House, due_at: datetime | None, who: str = "alice", day: date | None = None) -> int:
    new = activities.NewActivity("call", day or house.clock().date(), "Ask after the quote", due_at, house.people[who])
    lead_id = house.one(select(lead.c.id))
    verb = partial(activities.schedule, lead_id=lead_id, new=new, by=house.people["alice"], now=house.clock())
    return house.base.store.write(verb).id


def _tick(house: House) -> int:
    sent = reminders.send_due(house.base.store, house.clock(), posting(house.config))
    house.settle()
    return sent


def _reminders(house: House, address: str = ALICE_AT) -> list[CaughtMail]:
    return [one for one in house.to(address) if "Reminder: " in plain(one) or "Muistutus: " in plain(one)]


def test_one_is_reminded_once_when_the_time_has_come(house: House) -> None:
    carol_writes(house)
    _plan(house, house.clock() + timedelta(hours=1))
    _plan(house, None)

    assert _tick(house) == 0
    house.clock.move(timedelta(hours=1))
    assert _tick(house) == 1
    assert _tick(house) == 0

    (caught,) = _reminders(house)
    assert "Reminder: Call: Ask after the quote, " in plain(caught)
    assert "A reply to this mail is an internal note" in plain(caught)
    assert not _reminders(house, BOB_AT)


def test_what_is_done_moved_or_was_past_reminds_nobody_and_what_was_moved_reminds_again(house: House) -> None:
    carol_writes(house)
    soon, by = house.clock() + timedelta(minutes=5), house.people["alice"]
    done, moved = _plan(house, soon), _plan(house, soon)
    _plan(house, house.clock() - timedelta(minutes=5))
    later = soon + timedelta(hours=2)
    house.base.store.write(partial(activities.complete, activity_id=done, feedback="", by=by, now=house.clock()))
    move = partial(activities.reschedule, activity_id=moved, due_on=later.date(), due_at=later, by=by)
    house.base.store.write(partial(move, now=house.clock()))

    house.clock.move(timedelta(minutes=10))
    assert _tick(house) == 0
    house.clock.move(timedelta(hours=2))
    assert _tick(house) == 1
    again = later + timedelta(hours=3)
    house.base.store.write(partial(move, due_on=again.date(), due_at=again, now=house.clock()))
    house.clock.move(timedelta(hours=3))
    assert _tick(house) == 1
    assert len(_reminders(house)) == 2


def test_after_a_stop_of_a_day_nothing_stale_is_sent(house: House) -> None:
    carol_writes(house)
    _plan(house, house.clock() + timedelta(hours=1))
    house.clock.move(timedelta(hours=25))

    assert _tick(house) == 0
    assert house.read(select(activity.c.reminded_at)) == [(None,)]


def test_many_at_once_are_all_sent(house: House) -> None:
    carol_writes(house)
    for _ in range(60):
        _plan(house, house.clock() + timedelta(minutes=1), "bob")
    house.clock.move(timedelta(minutes=2))

    assert _tick(house) == 60
    assert len(_reminders(house, BOB_AT)) == 60


def test_an_answer_to_a_reminder_stays_inside(house: House) -> None:
    carol_writes(house)
    _plan(house, house.clock() + timedelta(hours=1))
    house.clock.move(timedelta(hours=1))
    _tick(house)
    (caught,) = _reminders(house)

    house.staff(answer(caught, ALICE, "Called, she wants two."))

    assert outcome(house) == ("note", "note_token")
    assert kinds(house, house.one(select(lead.c.id))) == ["email_in", "note"]
    assert not house.to(CAROL_AT)
    assert "reminder" in notice_kinds(house)
