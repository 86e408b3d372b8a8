"""A firm to tell things to: Alice owns, Bob follows, Carol is the customer, Mallory is nobody."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache, cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Table, insert, select, update

from mailcrm import config
from mailcrm.address import address_key
from mailcrm.mail import Event
from mailcrm.notify.composer import Composer
from mailcrm.notify.deliver import Deliverer, deliver_settings, relay_settings
from mailcrm.notify.gathering import posting
from mailcrm.notify.outbox import enqueue
from mailcrm.notify.relay import SmtpRelay
from mailcrm.store import tables
from mailcrm.store.blobs import Blobs
from mailcrm.store.engine import Store
from mailcrm.store.keyring import Keyring

DOMAIN = "crm.firma.test"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
KEYRING = Keyring({1: b"k" * 32}, 1)


class House:
    """A store with people, one lead of Carol's owned by Alice, and a clock that the test moves."""

    def __init__(self, store: Store, folder: Path, relay_port: int = 1, **notify: int) -> None:
        self.store = store
        self.blobs = Blobs(folder / "blobs")
        self.now = NOW
        self.config = config.from_mapping(
            {
                "company": {"name": "Firma Oy", "locale": "en"},
                "mail": {"domains": [DOMAIN]},
                "relay": {"host": "127.0.0.1", "port": relay_port, "timeout_seconds": 5},
                "notify": {"burst_seconds": 0, **notify},
                "web": {"public_url": "https://page.firma.test"},
            },
            Path(),
        )
        self.stage = self.add(tables.stage, name_en="Assigned", name_fi="Vastuutettu", position=2, kind="open")
        self.team = self.add(tables.team, name="Sales")
        self.alice = self.add_user("Alice Virtanen", "alice@firma.test")
        self.bob = self.add_user("Bob Smith", "bob@firma.test")
        self.maija = self.add_user("Maija Mäkinen", "maija@firma.test", role="manager", locale="fi", takes_leads=False)
        self.alias = self.add(
            tables.alias, address="sales@" + DOMAIN, key="sales@" + DOMAIN, team_id=self.team, tags=[]
        )
        self.customer_oy = self.add(
            tables.partner, kind="company", name="Customer Oy", domain="customer.test", created_at=NOW
        )
        self.carol = self.add_partner("Carol Smith", "carol@customer.test")
        self.lead = self.add_lead()

    # rows

    def add(self, table: Table, **values: Any) -> int:
        def work(session: Any) -> int:
            key = session.execute(insert(table).values(**values)).inserted_primary_key
            return int(key[0]) if key else 0

        return self.store.write(work)

    def change(self, table: Table, row_id: int, **values: Any) -> None:
        self.store.write(lambda session: session.execute(update(table).where(table.c.id == row_id).values(**values)))

    def rows(self, table: Table) -> list[Any]:
        with self.store.read() as session:
            return list(session.execute(select(table).order_by(*table.primary_key.columns)).all())

    def add_user(
        self, name: str, address: str, *, role: str = "salesperson", takes_leads: bool = True, **more: Any
    ) -> int:
        user = self.add(tables.user, name=name, role=role, created_at=NOW, **more)
        self.add(tables.user_address, user_id=user, address=address, key=address_key(address), is_primary=True)
        self.add(tables.team_member, team_id=self.team, user_id=user, takes_leads=takes_leads)
        return user

    def add_partner(self, name: str, address: str) -> int:
        company = self.customer_oy
        partner = self.add(tables.partner, kind="person", name=name, company_id=company, created_at=NOW, language="en")
        self.add(tables.partner_address, partner_id=partner, address=address, key=address_key(address), is_primary=True)
        return partner

    def add_lead(self, **more: Any) -> int:
        values = {
            "title": "Quote for 40 chairs",
            "base_subject": "Quote for 40 chairs",
            "partner_id": self.carol,
            "company_id": self.customer_oy,
            "owner_id": self.alice,
            "team_id": self.team,
            "stage_id": self.stage,
            "alias_key": "sales@" + DOMAIN,
            "expected_revenue": 12000,
            "created_at": NOW,
        }
        return self.add(tables.lead, **{**values, **more})

    def follow(self, user: int) -> None:
        self.add(tables.follower, lead_id=self.lead, user_id=user)

    def add_message(self, kind: str = "email_in", text: str = "Could you quote 40 chairs?", **more: Any) -> int:
        is_in = kind == "email_in"
        values: dict[str, Any] = {
            "lead_id": self.lead,
            "kind": kind,
            "author_kind": "partner" if is_in else "user",
            "author_partner_id": self.carol if is_in else None,
            "author_name": "Carol Smith" if is_in else "Alice Virtanen",
            "author_address": "carol@customer.test" if is_in else "alice@firma.test",
            "subject": "Quote for 40 chairs",
            "text": text,
            "new_text": text,
            "segments": [],
            "message_id": "first@customer.test" if is_in else "staff-1@firma.test",
            "reference_ids": [],
            "to": [],
            "cc": [],
            "event_data": {},
            "at": self.now,
            "created_at": self.now,
        }
        return self.add(tables.message, **{**values, **more})

    def add_copy(self, name: str, address: str, **more: Any) -> int:
        values = {"is_confirmed": True, "gets_copies": True, **more}
        return self.add(
            tables.participant, lead_id=self.lead, address=address, key=address_key(address), name=name, **values
        )

    def attach(self, message: int, filename: str, content: bytes, content_type: str = "application/pdf") -> int:
        sha256 = self.blobs.put(content)
        return self.add(
            tables.attachment,
            message_id=message,
            sha256=sha256,
            filename=filename,
            content_type=content_type,
            size=len(content),
        )

    # events and mails

    def tell(self, *events: Event) -> int:
        return self.store.write(lambda session: enqueue(session, events, self.now, posting(self.config)))

    def wait(self, **span: float) -> None:
        self.now += timedelta(**span)

    def deliverer(self, composing: Composer | None = None) -> Deliverer:
        settings = deliver_settings(self.config, KEYRING, "node")
        relay = relay_settings(self.config)
        return Deliverer(self.store, settings, lambda: self.now, self.blobs, lambda: SmtpRelay(relay), composing)

    def deliver(self) -> int:
        """Everything that is due, attempted once."""
        count = 0
        while taken := self._own_deliverer.run_once():
            count += taken
        return count

    @cached_property
    def _own_deliverer(self) -> Deliverer:
        return self.deliverer()

    def close(self) -> None:
        if "_own_deliverer" in self.__dict__:
            self._own_deliverer.close()
        self.store.close()

    def mails(self) -> list[EmailMessage]:
        """The mails as made, oldest row first."""
        return [read(row.bytes) for row in self.rows(tables.outbox) if row.bytes]


@contextmanager
def opened_house(folder: Path, relay_port: int = 1, **notify: int) -> Iterator[House]:
    (folder / "mailcrm.sqlite").write_bytes(_empty_database())
    house = House(Store(f"sqlite:///{folder / 'mailcrm.sqlite'}"), folder, relay_port, **notify)
    try:
        yield house
    finally:
        house.close()


@cache
def _empty_database() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "empty.sqlite"
        store = Store(f"sqlite:///{path}")
        tables.metadata.create_all(store.writer)
        store.close()
        return path.read_bytes()


def read(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=policy.default)


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def html_of(mail: EmailMessage) -> str:
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")
