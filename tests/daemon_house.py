"""A whole house for journeys: the daemon with real sockets in and out, its people, and mail as clients write it.

Alice and Bob sell in one team, Erin in another, Mona manages, Otto is an expert colleague. Their addresses are at
``firma.test``; the catch-all domain is ``crm.firma.test``. ``mx.firma.test`` is the relay whose Authentication-Results are
believed. Outgoing mail goes to the test's sink. The clock may be moved; nothing of ours is replaced.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Any

from sqlalchemy import Executable, func, or_, select

from mailcrm import app
from mailcrm.config import Config, from_mapping
from mailcrm.crm.people import NewUser, add_user
from mailcrm.crm.teams import NewAlias, add_alias, add_member, add_team
from mailcrm.store.engine import Session, Store
from mailcrm.store.tables import inbound, lead, message, outbox, user_address
from tests.servers import wait_until
from tests.smtp_peer import CaughtMail, SmtpSink, SmtpTransaction, smtp_send

DOMAIN = "crm.firma.test"
SALES = f"sales@{DOMAIN}"
EXPORT = f"export@{DOMAIN}"
PROOF = "mx.firma.test; dmarc=pass header.from=firma.test"


class Clock:
    """Real time, moved by what the test says."""

    def __init__(self) -> None:
        self._offset = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def move(self, by: timedelta) -> None:
        self._offset += by

    def set(self, to: datetime) -> None:
        self._offset = to - datetime.now(UTC)


def mail(
    from_: str,
    to: str,
    subject: str,
    text: str,
    *,
    html: str = "",
    headers: Sequence[tuple[str, str]] = (),
    attachments: Sequence[tuple[str, str, bytes]] = (),
    message_id: str | None = None,
) -> EmailMessage:
    """A mail as a client writes it; further header fields may be given."""
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = from_, to, subject
    made["Date"] = format_datetime(datetime.now(UTC))
    if message_id != "":
        made["Message-ID"] = message_id or make_msgid(domain=from_.rpartition("@")[2].rstrip(">"))
    for name, value in headers:
        if name in made and name in ("Reply-To", "Date"):
            del made[name]
        made[name] = value
    made.set_content(text)
    if html:
        made.add_alternative(html, subtype="html")
    for filename, content_type, content in attachments:
        main, _, sub = content_type.partition("/")
        made.add_attachment(content, maintype=main, subtype=sub, filename=filename)
    return made


def answer(
    to: CaughtMail,
    from_: str,
    text: str,
    *,
    quote: bool = True,
    headers: Sequence[tuple[str, str]] = (),
    address: str = "",
) -> EmailMessage:
    """A reply as a mail client makes it: to Reply-To, with References, the original quoted below."""
    original = to.parsed()
    body = text
    if quote:
        part = original.get_body(("plain",))
        said = part.get_content() if part else ""
        body += f"\n\nOn Mon, 23 Nov 2026 at 10:00, {original['From']} wrote:\n" + "".join(
            f"> {line}\n" for line in said.splitlines()
        )
    where = address or str(original["Reply-To"] or original["From"])
    threaded = (
        ("In-Reply-To", str(original["Message-ID"])),
        ("References", f"{original.get('References', '')} {original['Message-ID']}".strip()),
    )
    return mail(from_, where, f"Re: {original['Subject']}", body, headers=(*threaded, *headers))


def address_in(header: object) -> str:
    """The bare address of a header with one mailbox."""
    return str(header).rpartition("<")[2].rstrip(">").strip()


@dataclass
class House:
    """A running daemon. ``sent`` are the mails that left, in the sink."""

    config: Config
    sink: SmtpSink
    clock: Clock
    base: app.Foundation
    listening: app.Listening
    people: dict[str, int] = field(default_factory=dict)

    # mail in

    def send(
        self, made: EmailMessage | bytes, mail_from: str | None = None, to: Sequence[str] | None = None
    ) -> SmtpTransaction:
        """Hand a mail to the listener; envelope from the header unless given."""
        raw = made if isinstance(made, bytes) else made.as_bytes()
        assert self.listening.smtp is not None
        host, port = self.listening.smtp
        if isinstance(made, EmailMessage):
            mail_from = address_in(made["From"]) if mail_from is None else mail_from
            to = [address_in(made["To"])] if to is None else to
        return smtp_send(host, port, mail_from or "", list(to or ()), raw)

    def receive(
        self, made: EmailMessage | bytes, mail_from: str | None = None, to: Sequence[str] | None = None
    ) -> None:
        """Hand a mail in, and wait until everything it causes has happened."""
        answered = self.send(made, mail_from, to)
        assert answered.is_accepted, answered
        self.settle()

    def staff(self, made: EmailMessage, mail_from: str | None = None, to: Sequence[str] | None = None) -> None:
        """A colleague's mail as the relay hands it over: with the proof on top."""
        self.receive(proven(made), mail_from or address_in(made["From"]), to or [address_in(made["To"])])

    def settle(self, timeout: float = 20) -> None:
        """Wait until the spool is empty and nothing due is left in the outbox."""
        wait_until(self.is_settled, timeout=timeout, what="spool and outbox to be empty")

    def is_settled(self) -> bool:
        spool = self.config.data_dir / "spool"
        if any(spool.glob("new/*")) or any(p for p in spool.glob("work/*/*") if p.name != "lock"):
            return False
        is_in_hand = or_(outbox.c.next_attempt_at <= self.clock(), outbox.c.lease_until.is_not(None))
        due = select(func.count()).select_from(outbox).where(outbox.c.state == "queued", is_in_hand)
        return not self.one(due)

    # mail out

    def to(self, address: str) -> tuple[CaughtMail, ...]:
        """What left for this address."""
        return self.sink.mails_to(address)

    def notice(self, address: str, at: int = -1) -> CaughtMail:
        """The latest mail to this address."""
        caught = self.to(address)
        assert caught, (
            f"nothing was sent to {address}; sent: {[(m.rcpt_to, m.parsed()['Subject']) for m in self.sink.mails]}"
        )
        return caught[at]

    # what the database says

    def read(self, statement: Executable) -> list[Any]:
        with self.base.store.read() as session:
            return list(session.execute(statement).all())

    def one(self, statement: Executable) -> Any:
        with self.base.store.read() as session:
            return session.execute(statement).scalar()

    def leads(self) -> list[Any]:
        return self.read(select(lead).order_by(lead.c.id))

    def inbounds(self) -> list[Any]:
        return self.read(select(inbound).order_by(inbound.c.id))

    def chatter(self, lead_id: int, *kinds: str) -> list[Any]:
        """Messages and notes of a lead, without events unless asked for."""
        wanted = kinds or ("email_in", "email_out", "note")
        statement = select(message).where(message.c.lead_id == lead_id, message.c.kind.in_(wanted))
        return self.read(statement.order_by(message.c.at, message.c.id))


def proven(made: EmailMessage, proof: str = PROOF) -> bytes:
    """The bytes as a relay of ours hands them on: its Authentication-Results on top."""
    return f"Authentication-Results: {proof}\r\n".encode() + made.as_bytes()


_PEOPLE = (
    # name, local part, role, locale, teams, takes leads
    ("Alice Aalto", "alice", "salesperson", "en", "Sales", True),
    ("Bob Berg", "bob", "salesperson", "fi", "Sales", True),
    ("Erin Ek", "erin", "salesperson", "en", "Export", True),
    ("Mona Mäki", "mona", "manager", "fi", "Sales", False),
    ("Otto Ojala", "otto", "colleague", "en", "", False),
)


def furnish(session: Session, config: Config, now: datetime) -> dict[str, int]:
    """Write the people, teams and aliases; local part -> user id."""
    people: dict[str, int] = {}
    teams: dict[str, int] = {}
    for name, local, role, locale, team_name, takes_leads in _PEOPLE:
        new = NewUser(name=name, address=f"{local}@firma.test", role=role, locale=locale)
        people[local] = add_user(session, new, config.mail, None, now).id
        if team_name:
            if team_name not in teams:
                teams[team_name] = add_team(session, team_name, "round_robin", None, now).id
            add_member(session, teams[team_name], people[local], takes_leads, None, now)
    for address, team_name, tags in ((SALES, "Sales", ("web",)), (EXPORT, "Export", ("export",))):
        new_alias = NewAlias(address=address, team_id=teams[team_name], source="mail", medium="email", tags=tags)
        add_alias(session, new_alias, None, now)
    return people


def house_config(data_dir: Path, sink_port: int, database: str = "", **sections: Any) -> Config:
    """The configuration of a house; ``sections`` are merged in."""
    made: dict[str, Any] = {
        "company": {"name": "Firma", "locale": "en"},
        "storage": {"data_dir": str(data_dir), "database": database},
        "mail": {"domains": [DOMAIN]},
        "smtp": {"port": 0},
        "relay": {"port": sink_port, "timeout_seconds": 5},
        "web": {"port": 0, "public_url": "http://crm-page.firma.test"},
        "security": {"authserv_ids": ["mx.firma.test"]},
        "ingest": {"processes": 0},
        "notify": {"burst_seconds": 0},  # a journey takes a moment, and each notice of it is looked for
    }
    for name, section in sections.items():
        made[name] = {**made.get(name, {}), **section} if isinstance(section, dict) else section
    return from_mapping(made, data_dir)


@contextmanager
def running_house(
    data_dir: Path, sink: SmtpSink, database: str = "", clock: Clock | None = None, **sections: Any
) -> Iterator[House]:
    """Start everything; at the end, stop it and wait. A folder that was furnished before is used as it is."""
    config = house_config(data_dir, sink.port, database, **sections)
    clock = clock or Clock()
    with app.sole_writer(config):
        app.migrate(config)
        with app.foundation(config, clock) as base:
            people = _furnished(base)
            with _running(base) as listening:
                yield House(config, sink, clock, base, listening, people)


def _furnished(base: app.Foundation) -> dict[str, int]:
    with base.store.read() as session:
        rows = session.execute(select(user_address.c.key, user_address.c.user_id)).all()
    if rows:
        return {row.key.partition("@")[0]: row.user_id for row in rows}
    return base.store.write(lambda session: furnish(session, base.config, base.now()))


def furnished_database(data_dir: Path, database: str = "") -> None:
    """A database that a house can start on at once, for copying."""
    config = house_config(data_dir, 25, database)
    app.migrate(config)
    store = Store(config.database_url)
    try:
        store.write(lambda session: furnish(session, config, datetime.now(UTC)))
    finally:
        store.close()


@contextmanager
def _running(base: app.Foundation) -> Iterator[app.Listening]:
    ready = threading.Event()
    found: list[app.Listening] = []

    def on_ready(listening: app.Listening) -> None:
        found.append(listening)
        ready.set()

    daemon = app.Daemon(base, frozenset({"smtp", "work", "deliver", "imap"}), on_ready)
    failed: list[BaseException] = []

    def run() -> None:
        try:
            daemon.serve()
        except BaseException as e:
            failed.append(e)
            ready.set()
            raise

    thread = threading.Thread(target=run, name="house")
    thread.start()
    try:
        assert ready.wait(20), "the daemon did not start"
        if failed:
            raise failed[0]
        yield found[0]
    finally:
        daemon.stop()
        thread.join(20)
        assert not thread.is_alive(), "the daemon did not stop"
