"""Which notices a user wants: by verb, page and command line; and what stands in the digest instead."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from mailcrm.crm.call import Call
from mailcrm.crm.done import NotFound, Refused
from mailcrm.crm.notices import as_far_as_possible, set_notices, wishes_of
from mailcrm.mail import Event
from mailcrm.notify.digest import build, send_due
from mailcrm.notify.digest_content import Rules
from mailcrm.store import tables
from mailcrm.wishes import ALLOWED, Level, Topic
from tests.house import House, open_house
from tests.notify_house import House as NotifyHouse
from tests.notify_house import opened_house
from tests.smtp_peer import SmtpSink


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path) as opened:
        yield opened


def chosen(house: House, user: int) -> dict[Topic, Level]:
    with house.desk.store.read() as session:
        return wishes_of(session, user)


def test_a_level_is_set_for_a_topic_and_nothing_else(house: House) -> None:
    assert set(chosen(house, house.bob).values()) == {Level.NOW}
    house.desk.perform(Call(set_notices, (house.bob, {Topic.NOTE: Level.OFF, Topic.REPLY: Level.DIGEST}), by=house.bob))
    assert {topic for topic, level in chosen(house, house.bob).items() if level is not Level.NOW} == {
        Topic.NOTE,
        Topic.REPLY,
    }
    house.desk.perform(Call(set_notices, (house.bob, {Topic.NOTE: Level.NOW}), by=house.bob))
    assert chosen(house, house.bob)[Topic.NOTE] is Level.NOW
    assert set(chosen(house, house.alice).values()) == {Level.NOW}


@pytest.mark.parametrize("topic", list(Topic))
def test_what_is_not_possible_is_refused_in_words_and_changes_nothing(house: House, topic: Topic) -> None:
    for level in Level:
        if level in ALLOWED[topic]:
            house.desk.perform(Call(set_notices, (house.bob, {topic: level}), by=house.bob))
            assert chosen(house, house.bob)[topic] is level
        else:
            before = chosen(house, house.bob)
            with pytest.raises(Refused):
                house.desk.perform(Call(set_notices, (house.bob, {topic: level}), by=house.bob))
            assert chosen(house, house.bob) == before


def test_nobody_has_no_wishes(house: House) -> None:
    with pytest.raises(NotFound):
        house.desk.perform(Call(set_notices, (99, {Topic.NOTE: Level.OFF}), by=None))


def test_all_at_once_goes_as_far_as_each_may(house: House) -> None:
    house.desk.perform(Call(set_notices, (house.bob, as_far_as_possible(Level.OFF)), by=house.bob))
    off = chosen(house, house.bob)
    assert off[Topic.NOTE] is off[Topic.REMINDER] is Level.OFF
    assert off[Topic.REPLY] is off[Topic.MENTION] is Level.DIGEST
    assert off[Topic.FAILURE] is Level.BATCHED


# --- the digest


@pytest.fixture
def telling(tmp_path: Path, smtp_sink: SmtpSink) -> Iterator[NotifyHouse]:
    with opened_house(tmp_path, smtp_sink.port) as opened:
        long_ago = update(tables.user).values(created_at=opened.now - timedelta(days=9))
        opened.store.write(lambda session: session.execute(long_ago))
        yield opened


def section(house: NotifyHouse) -> list[tuple[str, str]]:
    with house.store.read() as session:
        content = build(session, house.alice, house.now, Rules())
    return [(item.title, item.detail) for one in content.sections if one.key == "notices" for item in one.items]


def test_what_is_wanted_in_the_digest_stands_there_until_the_next_one(telling: NotifyHouse) -> None:
    house = telling
    house.change(tables.user, house.alice, notices={"reply": "digest", "note": "digest"}, digest_at="08:00")
    house.tell(Event("message_in", house.lead, house.add_message(text="Forty chairs?")))
    house.tell(Event("note", house.lead, house.add_message("note", "No lower."), actor_user_id=house.bob))
    assert [title for title, _ in section(house)] == ["Carol Smith: Quote for 40 chairs"] * 2
    (note, letter) = [detail for _, detail in section(house)]
    assert "a note by Bob Smith · No lower." in note
    assert "Carol Smith wrote · Forty chairs?" in letter

    house.now = house.now.replace(hour=6) + timedelta(days=1)
    assert send_due(house.store, house.now, house.config) == 2
    house.wait(minutes=2)
    assert section(house) == []
    house.tell(Event("message_in", house.lead, house.add_message(text="Hello?", message_id="two@customer.test")))
    assert len(section(house)) == 1
    with house.store.read() as session:
        states = session.execute(select(tables.outbox.c.state).where(tables.outbox.c.kind == "message")).scalars()
        assert set(states) == {"dropped"}
