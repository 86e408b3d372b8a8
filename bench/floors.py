"""Each part of the journey alone: what a mail costs at least."""

import asyncio
import hashlib
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import Any

from bench.daemon import count_statements
from bench.mails import SentMail, bench_mail
from bench.processes import questions
from mailcrm import app
from mailcrm.config import Config
from mailcrm.ingest.smtp import start_smtp
from mailcrm.ingest.spool import Spool
from mailcrm.mail import Door, Envelope, ParsedMail, Verdict
from mailcrm.notify.deliver import Deliverer, deliver_settings, relay_settings
from mailcrm.notify.relay import SmtpRelay
from mailcrm.pipeline import Entry, KeptRaw, Places, process_one, understand
from mailcrm.process import utc_now
from mailcrm.store.engine import Session, remembering, savepoint
from mailcrm.threading.lookup import remember_people

BATCH = 25


@dataclass(frozen=True, slots=True)
class Floor:
    """One part alone. ``statements`` are those of all its mails."""

    name: str
    count: int
    seconds: float
    cpu_seconds: float
    statements: int = 0


class _Nowhere(Spool):
    """Takes every mail at once and keeps none."""

    def put_soon(self, envelope: Envelope, raw: bytes) -> "Future[str]":
        taken: Future[str] = Future()
        taken.set_result("nowhere")
        return taken


def listener_main(line: "Connection[Any, Any]", config: Config) -> None:
    """The listener with nothing behind it: says its port, and listens until the line is closed."""
    asyncio.run(_listen(line, config))


async def _listen(line: "Connection[Any, Any]", config: Config) -> None:
    spool = _Nowhere(config.data_dir / "nowhere", "bench", utc_now)
    server = await start_smtp(app.smtp_settings(config), spool, lambda _: True, lambda _: True, utc_now)
    line.send(server.sockets[0].getsockname()[:2])
    await asyncio.to_thread(list, questions(line))
    server.close()
    spool.close()


def floors_main(line: "Connection[Any, Any]", config: Config) -> None:
    """For each (first, count): the floors of the other parts, measured on those mails one part after the other."""
    with app.sole_writer(config), app.foundation(config) as base:
        statements = count_statements(base.store)
        for first, count in questions(line):
            mails = [bench_mail(number) for number in range(first, first + count)]
            spooled = _spool(base, mails)
            parsed, read = _parse(mails)
            statements.clear()
            placed = _place(base, read, statements)
            statements.clear()
            told = _tell(base, count, statements)
            line.send((spooled, parsed, placed, told))


class _Watch:
    """Time and CPU time of this process between two moments."""

    def __init__(self) -> None:
        self._at, self._cpu = time.monotonic(), time.process_time()

    def floor(self, name: str, count: int, statements: int = 0) -> Floor:
        return Floor(name, count, time.monotonic() - self._at, time.process_time() - self._cpu, statements)


def _envelope(mail: SentMail) -> Envelope:
    return Envelope(mail.mail_from, (mail.rcpt_to,), datetime.now(UTC), Door.SMTP, "127.0.0.1")


def _spool(base: app.Foundation, mails: Sequence[SentMail]) -> Floor:
    """Durable writes as the listener asks for them: several at a time, the next when one is answered."""
    with _own_spool(base) as spool:
        turns, lock = iter(mails), threading.Lock()

        def put_some() -> None:
            while True:
                with lock:
                    mail = next(turns, None)
                if mail is None:
                    return
                spool.put(_envelope(mail), mail.raw)

        watch = _Watch()
        threads = [threading.Thread(target=put_some) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return watch.floor("durable in the spool", len(mails))


@contextmanager
def _own_spool(base: app.Foundation) -> Iterator[Spool]:
    spool = Spool(base.config.data_dir / "bench-spool", "bench", base.now)
    try:
        yield spool
    finally:
        spool.close()


@dataclass(frozen=True, slots=True)
class _Read:
    entry: Entry
    mail: ParsedMail
    verdict: Verdict


def _parse(mails: Sequence[SentMail]) -> tuple[Floor, list[_Read]]:
    understand(mails[0].raw, _envelope(mails[0]))  # what is loaded at first use is loaded
    watch = _Watch()
    understood = [(envelope, *understand(mail.raw, envelope)) for mail in mails for envelope in (_envelope(mail),)]
    floor = watch.floor("understood (parse, body, classify)", len(mails))
    read = [
        _Read(Entry(f"bench-{mail.message_id}"[:60], envelope, _kept(sent.raw)), mail, verdict)
        for sent, (envelope, mail, verdict) in zip(mails, understood, strict=True)
    ]
    return floor, read


def _kept(raw: bytes) -> KeptRaw:
    return KeptRaw(hashlib.sha256(raw).hexdigest(), len(raw), zlib.compress(raw, 1))


def _place(base: app.Foundation, read: Sequence[_Read], statements: dict[str, int]) -> Floor:
    places = base.places()
    watch = _Watch()
    for start in range(0, len(read), BATCH):
        batch = read[start : start + BATCH]
        base.store.write(lambda session, batch=batch: _place_all(session, batch, places))  # type: ignore[misc]
    return watch.floor("placed (all rows of a mail)", len(read), sum(statements.values()))


def _place_all(session: Session, batch: Sequence[_Read], places: Places) -> None:
    with remembering(session):
        remember_people(session, (one.mail for one in batch))
        for one in batch:
            with savepoint(session):
                process_one(session, one.entry, one.mail, one.verdict, places, datetime.now(UTC))


def _tell(base: app.Foundation, count: int, statements: dict[str, int]) -> Floor:
    relay = relay_settings(base.config)
    settings = deliver_settings(base.config, base.keyring, "bench")
    deliverer = Deliverer(base.store, settings, base.now, base.blobs, lambda: SmtpRelay(relay))
    try:
        watch = _Watch()
        while deliverer.run_once():
            pass
        return watch.floor("told (notice made, stored, sent)", count, sum(statements.values()))
    finally:
        deliverer.close()
