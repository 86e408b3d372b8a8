"""The same outbox and digest on PostgreSQL, where several processes claim at a time."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from mailcrm.mail import Event
from mailcrm.notify.digest import send_due
from mailcrm.notify.outbox import claim
from mailcrm.store import tables
from mailcrm.store.engine import Store
from tests.notify_house import NOW, House
from tests.smtp_peer import SmtpSink


@pytest.fixture
def house(tmp_path: Path, postgres_url: str, smtp_sink: SmtpSink) -> Iterator[House]:
    store = Store(postgres_url.replace("postgresql://", "postgresql+psycopg://"))
    tables.metadata.create_all(store.writer)
    opened = House(store, tmp_path, smtp_sink.port)
    yield opened
    opened.close()


def test_two_processes_never_claim_the_same_mail(house: House, smtp_sink: SmtpSink) -> None:
    for _ in range(5):
        told = Event("message_in", house.lead, house.add_message())
        assert [house.tell(told), house.tell(told)] == [1, 0]
    with house.store.writer.begin() as one, house.store.writer.begin() as two:
        first, second = claim(one, "one", 2, house.now), claim(two, "two", 10, house.now)
        assert [len(first), len(second)] == [2, 3]
        assert not {row.id for row in first} & {row.id for row in second}
    house.wait(hours=2)
    assert house.deliver() == 5
    assert len(smtp_sink.mails) == 5


def test_a_digest_is_written_once(house: House, smtp_sink: SmtpSink) -> None:
    house.store.write(lambda session: session.execute(update(tables.user).values(created_at=NOW.replace(year=2020))))
    call = {"type": "call", "due_on": NOW.date(), "created_at": NOW}
    house.add(tables.activity, lead_id=house.lead, user_id=house.alice, **call)
    house.now = NOW.replace(hour=6)
    assert [send_due(house.store, house.now, house.config) for _ in range(2)] == [2, 0]
    house.deliver()
    assert len(smtp_sink.mails) == 2


def test_nodes_that_write_digests_at_one_time_write_one_each(house: House, postgres_url: str) -> None:
    users = [house.add_user(f"User {number}", f"u{number}@firma.test") for number in range(45)]
    house.store.write(lambda session: session.execute(update(tables.user).values(created_at=NOW.replace(year=2020))))
    for user in users:
        call = {"type": "call", "due_on": NOW.date(), "created_at": NOW}
        house.add(tables.activity, lead_id=house.lead, user_id=user, **call)
    other = Store(postgres_url.replace("postgresql://", "postgresql+psycopg://"))
    try:
        with ThreadPoolExecutor(4) as threads:
            now = NOW.replace(hour=6)
            nodes = [house.store, other, house.store, other]
            sent = list(threads.map(lambda node: send_due(node, now, house.config), nodes))
    finally:
        other.close()
    told = [row.user_id for row in house.rows(tables.outbox)]
    assert sum(sent) == len(told) == len(set(told)) == 46  # and the manager


def test_a_node_that_dies_while_writing_leaves_the_digest_to_the_other(house: House) -> None:
    """The other waits at the key that the first is writing; when that is rolled back it writes itself."""
    house.store.write(lambda session: session.execute(update(tables.user).values(created_at=NOW.replace(year=2020))))
    house.add(tables.activity, lead_id=house.lead, user_id=house.alice, type="call", due_on=NOW.date(), created_at=NOW)
    now = NOW.replace(hour=6)
    row = {"user_id": house.alice, "local_date": now.date(), "state": "sent", "snapshot": {}, "created_at": now}
    with ThreadPoolExecutor(1) as threads:
        with house.store.writer.connect() as dying:
            dying.execute(insert(tables.digest).values(row))
            waiting = threads.submit(send_due, house.store, now, house.config)
            assert not wait([waiting], timeout=0.5).done
            dying.rollback()
        assert waiting.result(timeout=20) == 2
    assert len(house.rows(tables.outbox)) == 2
