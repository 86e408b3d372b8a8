"""Eight workers on one PostgreSQL, each with a spool of its own: what one worker promises, eight keep together."""

import random
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.engine import Connection

from mailcrm import app
from mailcrm.config import Config
from mailcrm.ingest.spool import Spool
from mailcrm.ingest.understand import understand
from mailcrm.mail import Door, Envelope
from mailcrm.notify.deliver import Deliverer, deliver_settings, relay_settings
from mailcrm.notify.relay import SmtpRelay
from mailcrm.pipeline import Worker
from mailcrm.reader import reader
from mailcrm.store.engine import Store
from mailcrm.store.tables import (
    inbound,
    inbound_copy,
    lead,
    message,
    outbox,
    outbox_recipient,
    partner,
    partner_address,
    team,
)
from mailcrm.threading.lookup import lock_keys
from tests.daemon_house import EXPORT, SALES, Clock, furnish, house_config, mail
from tests.servers import wait_until
from tests.smtp_peer import SmtpSink

WORKERS = 8
SENDERS = 10
MAILS_EACH = 20
LIMITS = {"max_messages_per_lead": 1000, "max_equal_bodies": 1000}


@dataclass
class Node:
    """One of several processes' worth of work: own connections, own spool."""

    worker: Worker
    spool: Spool

    def put(self, made: EmailMessage | bytes, *to: str) -> None:
        raw = made if isinstance(made, bytes) else made.as_bytes()
        self.spool.put(Envelope("carol@kala.test", to or (SALES,), self.worker.now(), Door.SMTP), raw)

    def work(self) -> None:
        while self.worker.run_batch(10):
            pass


@dataclass
class Company:
    base: app.Foundation
    clock: Clock

    @contextmanager
    def nodes(self, count: int) -> Iterator[list[Node]]:
        with ExitStack() as opened:
            yield [opened.enter_context(self._node(number)) for number in range(count)]

    @contextmanager
    def _node(self, number: int) -> Iterator[Node]:
        store = Store(self.base.config.database_url)
        spool = Spool(self.base.config.data_dir / f"spool-{number}", f"node{number}", self.clock)
        try:
            yield Node(Worker(store, spool, self.base.blobs, self.base.places(), self.clock, reader(0)), spool)
        finally:
            spool.close()
            store.close()

    def all(self, statement: Any) -> list[Any]:
        with self.base.store.read() as session:
            return list(session.execute(statement).scalars())

    def count(self, table: Any) -> int:
        with self.base.store.read() as session:
            return int(session.execute(select(func.count()).select_from(table)).scalar_one())

    @contextmanager
    def somebody_else(self) -> Iterator[Connection]:
        """A transaction of another program."""
        with self.base.store.writer.connect() as connection, connection.begin():
            yield connection

    def is_somebody_waiting(self) -> bool:
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        with self.base.store.read() as session:
            return bool(session.execute(waiting).scalar())


@pytest.fixture
def company(tmp_path: Path, postgres_url: str, smtp_sink: SmtpSink) -> Iterator[Company]:
    config = house_config(tmp_path, smtp_sink.port, postgres_url, ingest=LIMITS)
    clock = Clock()
    app.migrate(config)
    with app.foundation(config, clock) as base:
        base.store.write(lambda session: furnish(session, config, clock()))
        yield Company(base, clock)


def conversation(sender: int, shuffled: random.Random) -> list[EmailMessage]:
    """Twenty mails of one person; each names all that came before it, in any order."""
    written: list[EmailMessage] = []
    for number in range(MAILS_EACH):
        ids = [str(one["Message-ID"]) for one in written]
        shuffled.shuffle(ids)
        threaded = [("References", " ".join(ids))] if ids else []
        subject = f"Order {sender}" if number == 0 else f"Re: Order {sender}"
        words = f"Line {number} of {sender}."
        written.append(mail(f"carol@kala{sender}.test", SALES, subject, words, headers=threaded))
    return written


def test_eight_workers_make_one_partner_and_one_lead_of_each_new_sender_and_share_them_evenly(
    company: Company, smtp_sink: SmtpSink
) -> None:
    shuffled = random.Random(7)
    mails = [one for sender in range(SENDERS) for one in conversation(sender, shuffled)]
    shuffled.shuffle(mails)
    with company.nodes(WORKERS) as nodes:
        for number, one in enumerate(mails):
            nodes[number % WORKERS].put(one)
        with ThreadPoolExecutor(WORKERS) as threads:
            list(threads.map(Node.work, nodes))
        assert sum(node.spool.waiting_count() for node in nodes) == 0
    persons = company.all(select(partner.c.id).where(partner.c.kind == "person"))
    owners = Counter(company.all(select(lead.c.owner_id)))
    assert (len(persons), company.count(lead)) == (SENDERS, SENDERS)
    assert sorted(owners.values()) == [SENDERS // 2, SENDERS // 2]
    assert company.count(inbound) == len(mails)
    assert set(company.all(select(inbound.c.state))) == {"done"}
    assert company.count(inbound_copy) == 0
    entries = company.all(select(func.count()).where(message.c.kind == "email_in").group_by(message.c.lead_id))
    assert entries == [MAILS_EACH] * SENDERS
    deliver_all(company, 4)
    assert len(smtp_sink.mails) == len({one.parsed()["Message-ID"] for one in smtp_sink.mails}) == len(mails)
    assert set(company.all(select(outbox.c.state))) == set(company.all(select(outbox_recipient.c.state))) == {"sent"}


def deliver_all(company: Company, count: int) -> None:
    """Several deliverers at once, each of another process."""

    def deliver(number: int) -> None:
        store = Store(company.base.config.database_url)
        config: Config = company.base.config
        settings = deliver_settings(config, company.base.keyring, f"node{number}")
        relay = relay_settings(config)
        deliverer = Deliverer(store, settings, company.clock, company.base.blobs, lambda: SmtpRelay(relay))
        while deliverer.run_once():
            pass
        deliverer.close()
        store.close()

    with ThreadPoolExecutor(count) as threads:
        list(threads.map(deliver, range(count)))


def test_the_same_mail_at_eight_doors_at_once_is_one_lead_and_eight_copies(company: Company) -> None:
    one = mail("carol@kala.test", SALES, "Sails", "Do you sew?")
    with company.nodes(WORKERS) as nodes:
        for node in nodes:
            node.put(one)
        with ThreadPoolExecutor(WORKERS) as threads:
            list(threads.map(Node.work, nodes))
    assert company.count(lead) == company.count(inbound) == company.count(outbox) == 1
    assert company.all(select(inbound.c.copies)) == [WORKERS]


def test_who_meets_another_writer_looks_again_at_once_and_spends_no_try(company: Company) -> None:
    """A page or an import that takes no locks of ours makes the same partner just now."""
    with company.nodes(1) as [node]:
        node.put(mail("carol@kala.test", SALES, "Sails", "Do you sew?"))
        with company.somebody_else() as other:
            row = {"kind": "person", "name": "Carol", "created_at": company.clock()}
            made = other.execute(insert(partner).returning(partner.c.id), row).scalar_one()
            named = {"partner_id": made, "address": "carol@kala.test", "key": "carol@kala.test", "is_primary": True}
            other.execute(insert(partner_address), named)
            working = threading.Thread(target=node.work)
            working.start()
            wait_until(company.is_somebody_waiting, what="the worker waiting for the other")
        working.join(20)
        assert node.spool.waiting_count() == 0
    assert company.all(select(lead.c.partner_id)) == [made]
    assert company.all(select(inbound.c.state)) == ["done"]


def test_the_victim_of_a_deadlock_looks_again_at_once_and_spends_no_try(company: Company) -> None:
    question = mail("carol@kala.test", SALES, "Sails", "Do you sew?")
    with company.nodes(1) as [node]:
        node.put(question)
        envelope = Envelope("carol@kala.test", (SALES,), company.clock(), Door.SMTP)
        key = lock_keys(understand(question.as_bytes(), envelope)[0], envelope)[0]
        with company.somebody_else() as other:
            other.execute(select(team.c.id).with_for_update())
            working = threading.Thread(target=node.work)
            working.start()
            wait_until(company.is_somebody_waiting, what="the worker waiting for the other")
            other.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
        working.join(20)
        assert node.spool.waiting_count() == 0
    assert company.all(select(inbound.c.state)) == ["done"]


def test_two_teams_at_once_by_workers_that_start_at_different_ends_end_well(company: Company) -> None:
    with company.nodes(2) as nodes:
        for number in range(10):
            to_sales, to_export = (
                mail(f"{who}{number}@kala{number}.test", SALES, f"{who} {number}", f"{who} asks {number}")
                for who in ("carol", "dave")
            )
            nodes[0].put(to_sales, SALES)
            nodes[0].put(to_export, EXPORT)
            nodes[1].put(mail(f"frank{number}@hai{number}.test", EXPORT, f"F {number}", f"F asks {number}"), EXPORT)
            nodes[1].put(mail(f"grace{number}@hai{number}.test", SALES, f"G {number}", f"G asks {number}"), SALES)
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(Node.work, nodes))
        assert sum(node.spool.waiting_count() for node in nodes) == 0
    assert company.count(lead) == 40


def test_a_mail_that_no_index_can_hold_stops_nothing(company: Company) -> None:
    """PostgreSQL indexes no more than 2,700 bytes, and calls it an operational error; a mail may name ids of any letters."""
    letters = random.Random(3)
    long_id = "".join(chr(letters.randrange(0x4E00, 0x9FFF)) for _ in range(990))
    huge = mail("carol@kala.test", SALES, "Huge", "Do you sew?", message_id="<x@kala.test>")
    raw = huge.as_bytes().replace(b"<x@kala.test>", f"<{long_id}@kala.test>".encode())
    raw = raw.replace(b"Subject:", f"References: <{long_id[::-1]}@kala.test>\nSubject:".encode())
    with company.nodes(1) as [node]:
        node.put(mail("dave@hai.test", SALES, "Before", "I ask before."))
        node.put(raw)
        node.put(mail("erkki@hauki.test", SALES, "After", "I ask after."))
        node.work()
        assert node.spool.waiting_count() == 0
    assert company.all(select(inbound.c.subject).order_by(inbound.c.id)) == ["Before", "Huge", "After"]
    assert company.count(lead) == 3
