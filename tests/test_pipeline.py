"""A batch: one transaction, a savepoint for each mail, one commit; what fails alone is tried again and buried in the end.

Faults are made by the database and the disk themselves: a trigger that refuses, a constraint that fails at COMMIT, a lock that
somebody else holds, a folder that is none.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, event, func, select

from mailcrm import app
from mailcrm.ingest.spool import TRIES
from mailcrm.mail import Door, Envelope
from mailcrm.notify.outbox import claim
from mailcrm.pipeline import Worker
from mailcrm.process import deliverer_name
from mailcrm.reader import reader
from mailcrm.store.tables import inbound, lead, outbox, raw
from tests.daemon_house import SALES, Clock, furnish, house_config, mail

BAD = "bad"
REFUSE = "CREATE TRIGGER refuse BEFORE UPDATE ON inbound WHEN NEW.subject = 'bad' BEGIN SELECT RAISE(ABORT, 'no bad mail'); END"
MEND = "DROP TRIGGER refuse"
REFUSE_AT_COMMIT = (
    "CREATE TABLE nobody (id INTEGER PRIMARY KEY, inbound_id INTEGER REFERENCES inbound (id) DEFERRABLE INITIALLY DEFERRED)",
    "CREATE TRIGGER refuse AFTER UPDATE ON inbound WHEN NEW.subject = 'bad' BEGIN INSERT INTO nobody (inbound_id) VALUES (-1); END",
)


@dataclass
class Shop:
    """A worker and what it works with; the test puts mail into the spool and says when to work."""

    base: app.Foundation
    worker: Worker
    clock: Clock

    def put(self, made: EmailMessage) -> str:
        envelope = Envelope(str(made["From"]), (SALES,), self.clock(), Door.SMTP, "192.0.2.1")
        return self.base.spool.put(envelope, made.as_bytes())

    def put_all(self, *subjects: str) -> list[str]:
        return [self.put(question(subject, number)) for number, subject in enumerate(subjects)]

    def work(self) -> None:
        """Until nothing is due."""
        while self.worker.run_batch():
            pass

    def sql(self, *statements: str) -> None:
        def run(session: Any) -> None:
            for statement in statements:
                session.exec_driver_sql(statement)

        self.base.store.write(run)

    def rows(self) -> dict[str, str]:
        """Subject -> state; "" for a mail that nobody could read."""
        with self.base.store.read() as session:
            found = session.execute(select(inbound.c.subject, inbound.c.state).order_by(inbound.c.id))
            return {row.subject: row.state for row in found}

    def count(self, table: Any) -> int:
        with self.base.store.read() as session:
            return int(session.execute(select(func.count()).select_from(table)).scalar_one())

    def files(self, folder: str) -> list[str]:
        root = self.base.config.data_dir / "spool" / folder
        return sorted(path.name for path in root.rglob("*") if path.is_file() and path.name != "lock")


def question(subject: str, number: int = 0) -> EmailMessage:
    return mail(f"carol@kala{number}.test", SALES, subject, f"I ask about {subject}.")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    config = house_config(tmp_path, 1)
    clock = Clock()
    app.migrate(config)
    with app.foundation(config, clock) as base:
        base.store.write(lambda session: furnish(session, config, clock()))
        yield Shop(base, Worker(base.store, base.spool, base.blobs, base.places(), clock, reader(0)), clock)


@contextmanager
def locked(shop: Shop) -> Iterator[None]:
    """Somebody else writes and does not end."""
    shop.sql("PRAGMA busy_timeout=20")
    other = create_engine(shop.base.config.database_url, isolation_level="AUTOCOMMIT")
    with other.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield
        connection.exec_driver_sql("ROLLBACK")
    other.dispose()


# --- a batch ------------------------------------------------------------------------------------------------------------


def test_a_batch_is_placed_in_one_commit(shop: Shop) -> None:
    commits: list[object] = []
    event.listen(shop.base.store.writer, "commit", commits.append)
    shop.put_all("one", "two", "three")
    assert shop.worker.run_batch() == 3
    assert len(commits) == 1
    assert shop.rows() == {"one": "done", "two": "done", "three": "done"}
    assert shop.count(lead) == shop.count(outbox) == 3


def test_a_spool_entry_is_there_until_after_the_commit(shop: Shop) -> None:
    seen: list[int] = []
    event.listen(shop.base.store.writer, "commit", lambda _: seen.append(len(shop.files("work"))))
    shop.put_all("one", "two")
    shop.work()
    assert seen == [2]
    assert shop.files("work") == shop.files("new") == []


def test_one_bad_mail_in_a_batch_does_not_touch_the_others(shop: Shop) -> None:
    shop.sql(REFUSE)
    shop.put_all("one", BAD, "three")
    shop.work()
    assert shop.rows() == {"one": "done", "three": "done"}
    assert shop.count(lead) == shop.count(raw) == shop.count(outbox) == 2
    assert len(shop.files("new")) == 1


def test_when_the_commit_fails_the_mails_are_placed_one_by_one(shop: Shop) -> None:
    shop.sql(*REFUSE_AT_COMMIT)
    ids = shop.put_all("one", BAD, "three")
    shop.work()
    assert shop.rows() == {"one": "done", "three": "done"}
    assert shop.count(lead) == 2
    assert [name.split(".")[:2] for name in shop.files("new")] == [[ids[1], "1"]]


# --- five tries ---------------------------------------------------------------------------------------------------------


def bury(shop: Shop) -> str:
    shop.sql(REFUSE)
    [spool_id] = shop.put_all(BAD)
    for _ in range(TRIES):
        assert shop.base.spool.buried() == []
        shop.work()
        shop.clock.move(timedelta(minutes=3))
    return spool_id


def test_a_mail_that_always_fails_is_buried_after_five_tries_with_its_reason_and_is_shown(shop: Shop) -> None:
    spool_id = bury(shop)
    [entry] = shop.base.spool.buried()
    assert entry.id == spool_id
    assert "no bad mail" in entry.reason
    assert "Traceback" in entry.traceback
    with shop.base.store.read() as session:
        row = session.execute(select(inbound)).one()
    assert (row.spool_id, row.state, row.route, row.reason) == (spool_id, "buried", "buried", "buried")
    assert "no bad mail" in row.reason_detail
    assert shop.files("new") == shop.files("work") == []


def test_a_buried_mail_that_is_mended_and_replayed_has_one_row_and_one_lead(shop: Shop) -> None:
    spool_id = bury(shop)
    shop.sql(MEND)
    assert shop.base.spool.replay(spool_id)
    shop.work()
    assert shop.rows() == {BAD: "done"}
    assert shop.count(inbound) == shop.count(lead) == shop.count(outbox) == 1


def test_a_replayed_mail_that_fails_again_is_buried_again_on_the_same_row(shop: Shop) -> None:
    spool_id = bury(shop)
    shop.base.spool.replay(spool_id)
    for _ in range(TRIES):
        shop.work()
        shop.clock.move(timedelta(minutes=3))
    assert [entry.id for entry in shop.base.spool.buried()] == [spool_id]
    assert shop.count(inbound) == 1


def test_a_mail_placed_meanwhile_by_another_copy_is_no_second_lead_when_it_is_replayed(shop: Shop) -> None:
    made = question(BAD)
    shop.sql(REFUSE)
    spool_id = shop.put(made)
    for _ in range(TRIES):
        shop.work()
        shop.clock.move(timedelta(minutes=3))
    shop.sql(MEND)
    shop.put(made)
    shop.work()
    assert shop.base.spool.replay(spool_id)
    shop.work()
    assert shop.count(lead) == 1
    with shop.base.store.read() as session:
        assert session.execute(select(inbound.c.state)).scalars().all().count("done") == 1
        assert "buried" not in session.execute(select(inbound.c.state)).scalars().all()


def test_a_file_that_cannot_be_read_is_shown_as_buried_and_stops_nothing(shop: Shop) -> None:
    new = shop.base.config.data_dir / "spool" / "new"
    (new / "0000000000000-bad.0").write_bytes(b"no envelope\nSubject: ?\n\n?\n")
    shop.put_all("one")
    shop.work()
    shop.work()
    assert shop.rows() == {"": "buried", "one": "done"}


# --- no mail's fault ----------------------------------------------------------------------------------------------------


def test_a_database_that_is_away_spends_no_try(shop: Shop) -> None:
    shop.put_all("one", "two")
    with locked(shop):
        for _ in range(TRIES + 2):
            shop.work()
            assert sorted(name.split(".")[1] for name in shop.files("new")) == ["0", "0"]
            shop.clock.move(timedelta(seconds=10))
    shop.work()
    assert shop.rows() == {"one": "done", "two": "done"}


def test_a_database_that_becomes_full_inside_a_batch_loses_no_mail_of_it(shop: Shop) -> None:
    with shop.base.store.read() as session:
        pages = int(session.exec_driver_sql("PRAGMA page_count").scalar_one())
    subjects = [f"mail {number}" for number in range(40)]
    shop.put_all(*subjects)
    shop.sql(f"PRAGMA max_page_count={pages + 10}")
    shop.worker.run_batch()
    waiting = len(shop.files("new"))
    assert 0 < waiting == len(subjects) - len(shop.rows())
    assert all(name.split(".")[1] == "0" for name in shop.files("new"))
    shop.sql("PRAGMA max_page_count=1000000")
    shop.clock.move(timedelta(seconds=10))
    shop.work()
    assert sorted(shop.rows()) == sorted(subjects)
    assert shop.count(lead) == len(subjects)


def test_a_mail_that_ends_the_transaction_of_its_batch_takes_no_other_with_it(shop: Shop) -> None:
    shop.sql(REFUSE.replace("ABORT", "ROLLBACK"))
    shop.put_all("first", BAD, "last")
    shop.worker.run_batch()
    assert sorted(shop.rows()) == ["first", "last"]
    assert len(shop.files("new")) == 1


def test_a_disk_that_does_not_take_files_spends_no_try(shop: Shop) -> None:
    made = question("one")
    made.add_attachment(b"a seam", maintype="text", subtype="plain", filename="seam.txt")
    folder = shop.base.blobs.root
    folder.rmdir()
    folder.write_text("no folder")
    shop.put(made)
    for _ in range(TRIES + 2):
        shop.work()
        assert [name.split(".")[1] for name in shop.files("new")] == ["0"]
        shop.clock.move(timedelta(seconds=10))
    folder.unlink()
    shop.work()
    assert shop.rows() == {"one": "done"}


def test_an_error_in_a_statement_of_one_mail_does_spend_tries(shop: Shop) -> None:
    """SQLAlchemy calls it OperationalError, like a database that is away."""
    shop.sql("CREATE TRIGGER refuse BEFORE UPDATE ON inbound WHEN NEW.subject = 'bad' BEGIN SELECT json('{'); END")
    shop.put_all("one", BAD)
    shop.work()
    assert shop.rows() == {"one": "done"}
    assert [name.split(".")[1] for name in shop.files("new")] == ["1"]


def test_what_was_placed_and_came_again_because_of_a_kill_is_left_as_it_was(shop: Shop) -> None:
    [spool_id] = shop.put_all("one")
    work = shop.base.config.data_dir / "spool" / "work"
    kept: list[bytes] = []
    event.listen(
        shop.base.store.writer,
        "commit",
        lambda _: kept.extend(path.read_bytes() for path in work.rglob(f"{spool_id}*")),
    )
    shop.work()
    (work.parent / "new" / f"{spool_id}.1").write_bytes(kept[0])
    shop.work()
    with shop.base.store.read() as session:
        [row] = session.execute(select(inbound)).all()
    assert (row.state, row.copies) == ("done", 1)
    assert shop.count(lead) == shop.count(outbox) == 1


def test_a_mail_put_aside_after_it_was_placed_keeps_its_row(shop: Shop) -> None:
    [spool_id] = shop.put_all("one")
    shop.work()
    root = shop.base.config.data_dir / "spool"
    (root / "buried" / spool_id).write_bytes(b"no envelope\n\n")
    again = Worker(shop.base.store, shop.base.spool, shop.base.blobs, shop.base.places(), shop.clock, reader(0))
    again.run_batch()
    assert shop.rows() == {"one": "done"}


# --- on the way out -----------------------------------------------------------------------------------------------------


def test_the_claims_of_a_dead_deliverer_are_freed_and_those_of_a_living_one_are_not(shop: Shop) -> None:
    shop.put_all("one", "two")
    shop.work()
    folder, write = shop.base.config.data_dir, shop.base.store.write
    with deliverer_name(folder) as living:
        assert len(write(lambda session: claim(session, living, 1, shop.clock()))) == 1
        with deliverer_name(folder) as dying:
            assert len(write(lambda session: claim(session, dying, 1, shop.clock()))) == 1
            assert app.take_back_dead_claims(shop.base) == 0
        assert living != dying
        assert app.take_back_dead_claims(shop.base) == 1
        assert write(lambda session: claim(session, living, 2, shop.clock()))
    with deliverer_name(folder) as again:
        assert again == living
