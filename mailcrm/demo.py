"""Sample people, partners and leads for trying mailcrm out; and a peer that catches outgoing mail. All addresses are invented.

``fill`` is idempotent: a folder that was filled before keeps what happened in it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as SmtpSession
from sqlalchemy import func, select, update

from mailcrm.config import Mail
from mailcrm.crm.activities import NewActivity, schedule
from mailcrm.crm.chatter import NewMessage, add_message
from mailcrm.crm.leads import NewLead, create_lead, move_to_stage, set_fields
from mailcrm.crm.partners import NewCompany, NewPerson, add_company, add_person
from mailcrm.crm.people import NewUser, add_user
from mailcrm.crm.stages import all_stages
from mailcrm.crm.teams import NewAlias, add_alias, add_member, add_team
from mailcrm.store.engine import Session
from mailcrm.store.tables import lead, user
from mailcrm.threading.lookup import aliases_of, partner_of

DOMAIN = "crm.kataja.test"
HOUSE = "kataja.test"
PASSWORD = "demo-password"

_USERS = (
    # name, local part, role, locale, team
    ("Maria Manner", "maria", "manager", "fi", "Myynti"),
    ("Aino Virtanen", "aino", "salesperson", "fi", "Myynti"),
    ("Ben Carter", "ben", "salesperson", "en", "Export"),
    ("Clara Jensen", "clara", "salesperson", "en", "Export"),
)
_ALIASES = (
    # local part, team, source, medium, campaign, tags
    ("myynti", "Myynti", "sähköposti", "email", "", ("kotimaa",)),
    ("sales", "Export", "email", "email", "", ("export",)),
    ("tarjous", "Myynti", "kotisivut", "web", "kevät 2027", ("tarjouspyyntö",)),
    ("fair", "Export", "Nordic Fair", "event", "autumn fair", ("fair", "export")),
)


@dataclass(frozen=True, slots=True)
class _Contact:
    name: str
    address: str
    company: str
    owner: str  # local part of a user, "" nobody
    relation: str
    language: str


_CONTACTS = (
    _Contact("Carol Smith", "carol@acme.example", "Acme Tools", "ben", "customer", "en"),
    _Contact("Dave Jones", "dave@acme.example", "Acme Tools", "", "prospect", "en"),
    _Contact("Eero Lehto", "eero.lehto@lehtopuu.example", "Lehtopuu Oy", "aino", "customer", "fi"),
    _Contact("Ingrid Berg", "ingrid@bergab.example", "Berg AB", "clara", "prospect", "en"),
    _Contact("Tuula Niemi", "tuula.niemi@niemenkone.example", "Niemen Kone Oy", "", "former", "fi"),
    _Contact("Sam Supply", "sam@supplies.example", "Supplies Ltd", "", "supplier", "en"),
)
_COMPANY_OWNERS = {"Acme Tools": "ben"}


@dataclass(frozen=True, slots=True)
class _SampleLead:
    title: str
    contact: str
    owner: str
    alias: str
    stage: int  # position
    revenue: int
    stars: int
    days_old: int
    activity: str  # "type:days:text" or ""
    text: str


_LEADS = (
    _SampleLead(
        title="Tarjouspyyntö: 40 työpöytää",
        contact="eero.lehto@lehtopuu.example",
        owner="aino",
        alias="tarjous",
        stage=4,
        revenue=18400,
        stars=2,
        days_old=9,
        activity="quote:-1:Tarjous pöydistä",
        text="Hei,\n\ntarvitsemme 40 säädettävää työpöytää uuteen toimistoon maaliskuuksi.\n"
        "Voisitteko lähettää tarjouksen?\n\nTerveisin\nEero Lehto",
    ),
    _SampleLead(
        title="Huoltosopimuksen jatko",
        contact="tuula.niemi@niemenkone.example",
        owner="",
        alias="myynti",
        stage=0,
        revenue=3200,
        stars=1,
        days_old=1,
        activity="",
        text="Moi,\n\nolisimme kiinnostuneita jatkamaan huoltosopimusta. Mitä se maksaisi ensi vuonna?\n\nTuula",
    ),
    _SampleLead(
        title="Forty-foot racking for the new hall",
        contact="carol@acme.example",
        owner="ben",
        alias="sales",
        stage=3,
        revenue=52000,
        stars=3,
        days_old=20,
        activity="meeting:2:Site visit",
        text="Hello,\n\nwe are planning a new hall and need racking for about 2,000 pallets.\n"
        "Could someone visit us?\n\nRegards\nCarol",
    ),
    _SampleLead(
        title="Spare parts price list",
        contact="dave@acme.example",
        owner="ben",
        alias="sales",
        stage=2,
        revenue=900,
        stars=0,
        days_old=5,
        activity="call:0:Ask which machines they have",
        text="Hi,\n\nplease send the current price list for spare parts.\n\nDave",
    ),
    _SampleLead(
        title="Fair follow-up: conveyor belts",
        contact="ingrid@bergab.example",
        owner="clara",
        alias="fair",
        stage=5,
        revenue=27500,
        stars=1,
        days_old=14,
        activity="mail:4:Ask about the quote",
        text="Hi Clara,\n\nnice to meet you at the fair. As agreed: three belts, 12 metres each.\n\nBest\nIngrid",
    ),
)


def fill(session: Session, mail: Mail, password_hash: str, now: datetime) -> bool:
    """Write the sample data into an empty database; False if there was something already."""
    if session.execute(select(func.count()).select_from(user)).scalar_one():
        return False
    users = _fill_people(session, mail, password_hash, now)
    partners = _fill_partners(session, mail, users, now)
    for sample in _LEADS:
        _fill_lead(session, sample, users, partners, now)
    return True


def _fill_people(session: Session, mail: Mail, password_hash: str, now: datetime) -> dict[str, int]:
    teams: dict[str, int] = {}
    users: dict[str, int] = {}
    for name, local, role, locale, team_name in _USERS:
        new = NewUser(name=name, address=f"{local}@{HOUSE}", role=role, locale=locale, password_hash=password_hash)
        users[local] = add_user(session, new, mail, None, now).id
        if team_name not in teams:
            teams[team_name] = add_team(session, team_name, "round_robin", None, now).id
        add_member(session, teams[team_name], users[local], role == "salesperson", None, now)
    for local, team_name, source, medium, campaign, tags in _ALIASES:
        address = f"{local}@{mail.domains[0]}"
        new_alias = NewAlias(
            address=address, team_id=teams[team_name], source=source, medium=medium, campaign=campaign, tags=tags
        )
        add_alias(session, new_alias, None, now)
    return users


def _fill_partners(session: Session, mail: Mail, users: dict[str, int], now: datetime) -> dict[str, int]:
    companies: dict[str, int] = {}
    partners: dict[str, int] = {}
    for contact in _CONTACTS:
        if contact.company not in companies:
            owner = users.get(_COMPANY_OWNERS.get(contact.company, ""))
            company = NewCompany(name=contact.company, domain=contact.address.partition("@")[2], owner_id=owner)
            companies[contact.company] = add_company(session, company, mail.domains, None, now).id
        person = NewPerson(
            name=contact.name,
            address=contact.address,
            company_id=companies[contact.company],
            owner_id=users.get(contact.owner),
            relation=contact.relation,
            language=contact.language,
        )
        partners[contact.address] = add_person(session, person, mail.domains, None, now).id
    return partners


def _fill_lead(
    session: Session, sample: _SampleLead, users: dict[str, int], partners: dict[str, int], now: datetime
) -> None:
    at = now - timedelta(days=sample.days_old)
    found = aliases_of(session, [f"{sample.alias}@{DOMAIN}"])[0]
    known = partner_of(session, sample.contact)
    new = NewLead(
        title=sample.title,
        base_subject=sample.title,
        partner_id=partners[sample.contact],
        company_id=known.company_id if known else None,
        owner_id=users.get(sample.owner),
        owner_reason="by_hand" if sample.owner else "owner_nobody",
        team_id=found.team_id,
        source=found.source,
        medium=found.medium,
        campaign=found.campaign,
        tags=found.tags,
        alias_key=found.key,
    )
    lead_id = create_lead(session, new, None, at)
    contact = next(c for c in _CONTACTS if c.address == sample.contact)
    add_message(session, _first_mail(lead_id, sample, contact, partners[sample.contact], found.key, at))
    waiting = {"last_message_at": at, "waiting_on": "us", "waiting_since": at}
    session.execute(update(lead).where(lead.c.id == lead_id).values(waiting))
    stage = all_stages(session)[sample.stage]
    move_to_stage(session, lead_id, stage.id, users.get(sample.owner), at)
    values = {
        "expected_revenue": Decimal(sample.revenue),
        "priority": sample.stars,
        "probability": 10 * (sample.stage + 1),
    }
    set_fields(session, lead_id, values, users.get(sample.owner), at)
    if sample.activity and sample.owner:
        type_, days, text = sample.activity.split(":")
        due = _working_day(now.date() + timedelta(days=int(days)))
        planned = NewActivity(type=type_, due_on=due, summary=text, user_id=users[sample.owner])
        schedule(session, lead_id, planned, users[sample.owner], at)


def _first_mail(
    lead_id: int, sample: _SampleLead, contact: _Contact, partner_id: int, alias_key: str, at: datetime
) -> NewMessage:
    return NewMessage(
        lead_id=lead_id,
        kind="email_in",
        author_kind="partner",
        author_partner_id=partner_id,
        author_name=contact.name,
        author_address=contact.address,
        at=at,
        created_at=at,
        subject=sample.title,
        text=sample.text,
        new_text=sample.text,
        segments=[{"kind": "new", "text": sample.text}],
        to=[{"name": "", "address": alias_key}],
        reason="alias",
        reason_detail=alias_key,
    )


def _working_day(day: date) -> date:
    return day + timedelta(days=(0, 0, 0, 0, 0, 2, 1)[day.weekday()])


# --- the peer that catches outgoing mail --------------------------------------------------------------------------------


class _Catcher:
    """Accepts every mail and forgets it: the outbox keeps the bytes that left and the page shows them."""

    async def handle_DATA(self, server: SMTP, session: SmtpSession, envelope: Envelope) -> str:  # noqa: N802 -- aiosmtpd's name
        return "250 2.0.0 caught by the development relay; nothing left this machine"


@asynccontextmanager
async def development_relay(host: str, port: int) -> AsyncIterator[tuple[str, int]]:
    """Listen while inside; yields where."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(_Catcher(), hostname="development-relay.test", data_size_limit=100 * 2**20, loop=loop), host, port
    )
    try:
        name, number, *_ = server.sockets[0].getsockname()
        yield str(name), int(number)
    finally:
        server.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(server.wait_closed(), 5)
