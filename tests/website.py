"""A small firm with its pages, for the tests of the pages: real SQLite file, real blobs, a real server when a browser asks.

Alice owns, Bob follows, Clara is a colleague who may only look on; Carol of Asiakas Oy is the customer, Mallory is nobody.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import event, insert, select, update

from mailcrm import triage
from mailcrm.address import address_key
from mailcrm.config import from_mapping
from mailcrm.crm import activities, leads, writing
from mailcrm.crm.chatter import NewMessage, add_message
from mailcrm.crm.desk import Desk
from mailcrm.crm.passwords import password_hash
from mailcrm.crm.stages import all_stages, seed_stages
from mailcrm.ingest.spool import Spool
from mailcrm.mail import Door, Envelope
from mailcrm.notify.gathering import posting
from mailcrm.pipeline import Places, Worker, write_buried
from mailcrm.reader import reader
from mailcrm.rules import rules_of
from mailcrm.store import keyring, tables
from mailcrm.store.blobs import Blobs
from mailcrm.store.engine import Session, Store, insert_row
from mailcrm.web.app import build
from mailcrm.web.site import routes
from tests import daemon_house
from tests.web_server import running_web

DOMAIN = "crm.test"
SALES = f"sales@{DOMAIN}"
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
PASSWORD = "kevät kurki lentää"
HOSTILE = (
    "<script>document.title='owned'</script><style>body{background:url(https://evil.test/a.png)}</style>"
    '<form action="https://evil.test/"><input name="p"><button>Go</button></form>'
    '<img src="https://evil.test/pixel.gif" onerror="document.title=1"><svg onload="document.title=2"></svg>'
    '<img src="data:image/svg+xml,<svg onload=alert(1)>"><a href="javascript:document.title=3">link</a><p>Hello there</p>'
)


@dataclass
class Website:
    """The firm: its desk, its pages as an application, and the ids of what lies in it."""

    desk: Desk
    app: FastAPI
    worker: Worker
    url: str = ""
    ids: dict[str, int] = field(default_factory=dict)
    statements: list[str] = field(default_factory=list)
    browsers: list["Browser"] = field(default_factory=list)

    def client(self, who: str = "alice", *, locale: str = "") -> "Browser":
        """Somebody's browser, signed in; "" is not."""
        if locale:
            self.write(lambda s: s.execute(update(tables.user).values(locale=locale)))
        client = Browser(self)
        self.browsers.append(client)
        if who:
            client.sign_in(f"{who}@firma.test")
        return client

    def write(self, work: Callable[[Session], Any]) -> Any:
        return self.desk.store.write(work)

    def receive(self, raw: bytes, mail_from: str, to: str = SALES, *, ago: timedelta = timedelta()) -> int:
        """A mail comes in at the listener's spool and is placed by the real worker; returns its row."""
        return self.row_of(self.desk.spool.put(Envelope(mail_from, (to,), NOW - ago, Door.SMTP), raw))

    def row_of(self, spool_id: str) -> int:
        """Let the worker work; the row of this mail."""
        self.worker.run_batch()
        return int(self.rows(select(tables.inbound.c.id).where(tables.inbound.c.spool_id == spool_id))[0].id)

    def bury(self, raw: bytes, mail_from: str, *, ago: timedelta) -> int:
        """A mail that the worker gave up: the two steps it takes then."""
        spool_id = self.desk.spool.put(Envelope(mail_from, (SALES,), NOW - ago, Door.SMTP), raw)
        (entry,) = self.desk.spool.claim(1)
        self.write(lambda session: write_buried(session, spool_id, entry.envelope, "ValueError: no line ends", NOW))
        self.desk.spool.bury(entry, "ValueError: no line ends", "Traceback ...")
        return self.row_of(spool_id)

    def rows(self, statement: Any) -> list[Any]:
        with self.desk.store.read() as session:
            return list(session.execute(statement).all())


class Browser:
    """What the tests do with a page: read it, and send its forms."""

    def __init__(self, site: Website) -> None:
        self.site = site
        self.http = httpx.Client(base_url=site.url, follow_redirects=False, timeout=60)

    def get(self, path: str) -> str:
        answer = self.http.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:2000])
        return answer.text

    def status(self, path: str) -> int:
        return self.http.get(path).status_code

    def post(self, path: str, **fields: Any) -> Any:
        """Send a form as a page of ours would, with its token."""
        return self.http.post(path, data={"csrf": self.csrf(), **fields}, headers={"sec-fetch-site": "same-origin"})

    def csrf(self) -> str:
        """The token that this browser's pages carry."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.http.get("/settings").text)
        return found[1] if found else ""

    def sign_in(self, address: str, password: str = PASSWORD) -> Any:
        return self.http.post("/sign-in", data={"address": address, "password": password, "next": ""})


@contextmanager
def running_website(
    folder: Path, *, locale: str = "en", public_url: str = "", database: str = "", **web: Any
) -> Iterator[Website]:
    """The firm in ``folder``; on SQLite unless another database is given."""
    settings = {
        "company": {"name": "Firma", "locale": "en"},
        "mail": {"domains": [DOMAIN]},
        "storage": {"data_dir": ".", "database": database},
        "web": {"public_url": public_url, **web},
        "security": {"authserv_ids": ["mx.firma.test"]},
    }
    config = from_mapping(settings, folder)
    store = Store(config.database_url)
    spool = Spool(folder / "spool", "web", lambda: NOW)
    desk = Desk(
        config=config,
        store=store,
        blobs=Blobs(folder / "blobs"),
        keyring=keyring.load_or_make(folder / "keys.json"),
        spool=spool,
        now=lambda: NOW,
        wake=lambda: None,
    )
    tables.metadata.create_all(store.writer)
    places = Places(rules_of(config), desk.keyring, posting(config), desk.blobs)
    worker = Worker(store, spool, desk.blobs, places, desk.now, reader(0))
    site = Website(desk, build(desk, routes(desk, triage)), worker)
    site.write(lambda session: _fill(session, site, locale))
    _receive_mails(site)
    event.listen(store.reader, "before_cursor_execute", lambda *args: site.statements.append(args[2]))
    try:
        with running_web(site.app) as site.url:
            yield site
    finally:
        for browser in site.browsers:
            browser.http.close()
        spool.close()
        store.close()


# --- what lies in it ----------------------------------------------------------------------------------------------------


def _add(session: Session, table: Any, **values: Any) -> int:
    return insert_row(session, insert(table), values)


def _fill(session: Session, site: Website, locale: str) -> None:
    ids = site.ids
    seed_stages(session)
    ids |= {f"stage {stage.name_en}": stage.id for stage in all_stages(session)}
    hashed = password_hash(PASSWORD)
    for name, role in (("Alice Ahonen", "salesperson"), ("Bob Berg", "manager"), ("Clara Colleague", "colleague")):
        _add_user(session, ids, name, role, hashed, locale)
    ids["team"] = _add(session, tables.team, name="Myynti", rule="round_robin")
    _add(session, tables.alias, address=SALES, key=SALES, team_id=ids["team"], source="mail", tags=[])
    for who in ("alice", "bob"):
        session.execute(insert(tables.team_member).values(team_id=ids["team"], user_id=ids[who], takes_leads=True))
    _add_partners(session, ids)
    _add_leads(session, ids)
    _add_talk(session, site)


def _add_user(session: Session, ids: dict[str, int], name: str, role: str, hashed: str, locale: str) -> None:
    who = name.split()[0].lower()
    row = {"name": name, "role": role, "locale": locale, "password_hash": hashed, "created_at": NOW, "is_active": True}
    ids[who] = _add(session, tables.user, **row)
    address = f"{who}@firma.test"
    _add(session, tables.user_address, user_id=ids[who], address=address, key=address, is_primary=True)


def _add_partners(session: Session, ids: dict[str, int]) -> None:
    ids["company"] = _add(
        session, tables.partner, kind="company", name="Asiakas Oy", domain="asiakas.test", created_at=NOW
    )
    ids["carol"] = _add(
        session, tables.partner, kind="person", name="Carol Virtanen", company_id=ids["company"], relation="customer",
        owner_id=ids["alice"], created_at=NOW,
    )  # fmt: skip
    address = "carol@asiakas.test"
    _add(session, tables.partner_address, partner_id=ids["carol"], address=address, key=address, is_primary=True)


def _add_leads(session: Session, ids: dict[str, int]) -> None:
    made = {
        "lead": ("Laser cutting of 40 frames", "alice", 2, "12500.00", ("laser", "Tampere")),
        "second": ("Yearly service contract", "bob", 0, "4800.50", ()),
        "unowned": ("Pyydämme tarjousta 12 ovesta ja niiden asennuksesta kerrostaloon", None, 1, None, ("ovet",)),
    }
    for key, (title, owner, stars, revenue, tags) in made.items():
        new = leads.NewLead(
            title, ids["carol"], ids["company"], owner_id=ids[owner] if owner else None, team_id=ids["team"],
            base_subject=title, source="mail", tags=tags, priority=stars, expected_revenue=Decimal(revenue) if revenue else None,
            owner_reason="owner_of_partner" if owner else "owner_nobody",
        )  # fmt: skip
        ids[key] = leads.create_lead(session, new, None, NOW - timedelta(days=3))
        session.execute(
            update(tables.lead)
            .where(tables.lead.c.id == ids[key])
            .values(waiting_on="us", waiting_since=NOW - timedelta(hours=5))
        )
    for lead_key, due in (("lead", NOW.date() - timedelta(days=2)), ("second", NOW.date())):
        new_activity = activities.NewActivity("call", due, "Ask about the drawings")
        ids[f"activity {lead_key}"] = activities.schedule(session, ids[lead_key], new_activity, ids["alice"], NOW).id
    leads.follow(session, ids["lead"], ids["bob"], NOW)
    leads.set_fields(session, ids["lead"], {"expected_closing": date(2026, 12, 18)}, ids["alice"], NOW)


def _add_talk(session: Session, site: Website) -> None:
    ids, lead_id = site.ids, site.ids["lead"]
    text = "Hello,\n\ncould you quote 40 frames? Drawings are attached.\n"
    quote = "> On Monday you wrote\n> that you may have time."
    ids["mail"] = add_message(
        session,
        NewMessage(
            lead_id=lead_id, kind="email_in", author_kind="partner", author_partner_id=ids["carol"],
            author_name="Carol Virtanen", author_address="carol@asiakas.test", at=NOW - timedelta(days=3),
            created_at=NOW, subject="Laser cutting of 40 frames", text=text + quote, new_text=text,
            segments=[
                {"kind": "new", "text": text}, {"kind": "quote", "text": quote},
                {"kind": "signature", "text": "-- \nCarol Virtanen\nAsiakas Oy"},
            ],
            html=HOSTILE, message_id="lasers@asiakas.test", to=[{"name": "Sales", "address": "sales@crm.test"}], reason="alias",
        ),
    )  # fmt: skip
    ref = {"ref": "lasers@asiakas.test", "lead_id": lead_id, "message_id": ids["mail"], "kind": "received"}
    _add(session, tables.message_ref, **ref)
    content = b"%PDF-1.4 not really"
    digest = site.desk.blobs.put(content)
    ids["file"] = _add(
        session, tables.attachment, message_id=ids["mail"], sha256=digest, filename="frames öljy.html",
        content_type="text/html", size=len(content),
    )  # fmt: skip
    row = {"address": "carol@asiakas.test", "key": "carol@asiakas.test", "name": "Carol Virtanen"}
    _add(session, tables.participant, lead_id=lead_id, partner_id=ids["carol"], is_confirmed=True, **row)
    writing.write_note(session, lead_id, "Price list of last year holds. @Bob, can you look at it?", ids["alice"], NOW)
    sent = writing.write_to_customer(session, lead_id, "Thank you, the quote comes tomorrow.", ids["alice"], NOW)
    ids["outbox"] = _add_outbox(session, ids, sent.id, None, "customer_reply")
    session.execute(update(tables.message).where(tables.message.c.id == sent.id).values(outbox_id=ids["outbox"]))
    ids["notice"] = _add_outbox(session, ids, ids["mail"], ids["alice"], "message")


MAIL = (
    "From: Alice Ahonen via Firma <sales@crm.test>\r\nTo: carol@asiakas.test\r\nSubject: Re: Laser cutting\r\n"
    "Reply-To: rtoken@crm.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=x\r\n\r\n"
    "--x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nThank you, the quote comes tomorrow.\r\n"
    "--x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Thank you, the <b>quote</b> comes.</p>\r\n--x--\r\n"
)


def _add_outbox(session: Session, ids: dict[str, int], message_id: int, user_id: int | None, kind: str) -> int:
    outbox_id = _add(
        session, tables.outbox, kind=kind, dedupe_key=f"{kind} {message_id}", message_id=f"{kind}@crm.test",
        reply_nonce=b"0" * 16, lead_id=ids["lead"], message_row_id=message_id, user_id=user_id, params={},
        subject="Re: Laser cutting", bytes=MAIL.encode(), state="sent" if user_id else "queued", attempts=1,
        next_attempt_at=NOW + timedelta(minutes=4), created_at=NOW, sent_at=NOW,
    )  # fmt: skip
    address = "alice@firma.test" if user_id else "carol@asiakas.test"
    _add(
        session, tables.outbox_recipient, outbox_id=outbox_id, address=address, key=address_key(address), kind="to",
        state="sent" if user_id else "deferred", code="" if user_id else "4.2.2", text="" if user_id else "Mailbox full",
        at=NOW,
    )  # fmt: skip
    return outbox_id


def mail(from_: str, subject: str, text: str, *headers: tuple[str, str], to: str = SALES) -> bytes:
    """A customer's or a colleague's mail of this morning."""
    written = ("Date", "Mon, 23 Nov 2026 09:00:00 +0000")
    made = daemon_house.mail(from_, to, subject, text, headers=(written, *headers))
    return made.as_bytes()


def _receive_mails(site: Website) -> None:
    """One mail of each fate, through spool and worker."""
    carol, alice = "Carol Virtanen <carol@asiakas.test>", "Alice Ahonen <alice@firma.test>"
    bulk = (("List-Unsubscribe", "<mailto:off@shop.test>"), ("List-Id", "<offers.shop.test>"), ("Precedence", "bulk"))
    about = ("In-Reply-To", "<lasers@asiakas.test>")
    coming = {
        "done": (mail(carol, "Doors", "Do you make doors as well?"), SALES),
        "held": (mail(alice, "Re: Laser cutting", "Read me as I am.\nThe quote comes tomorrow.", about), SALES),
        "triage": (mail("Matti <matti@muualla.test>", "Pöytä", "Kysymys."), f"info7@{DOMAIN}"),
        "quiet": (mail("Shop <shop@shop.test>", "50 % off this week only", "Buy.", *bulk), SALES),
    }
    for ago, (state, (raw, to)) in enumerate(coming.items(), 1):
        writer = re.search(rb"<(.+?)>", raw)
        assert writer
        site.ids[f"inbound {state}"] = site.receive(raw, writer[1].decode(), to, ago=timedelta(minutes=ago))
    raw = mail("Minna <minna@uusi.test>", "A mail nobody could read", "Can you read me now?")
    site.ids["inbound buried"] = site.bury(raw, "minna@uusi.test", ago=timedelta(hours=5))
    states = site.rows(select(tables.inbound.c.state).order_by(tables.inbound.c.id))
    assert [row.state for row in states] == ["done", "held", "triage", "quiet", "buried"]
