"""The first steps that many journeys share: Carol writes, Alice answers, a note is written; and what is asked of the end.

Every step goes through a socket. A step returns the mail that left because of it.
"""

import email
import email.policy
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from typing import Any

from sqlalchemy import select

from mailcrm.address import read_token
from mailcrm.crm.done import Done
from mailcrm.crm.partners import NewCompany, NewPerson, add_company, add_person
from mailcrm.store.engine import Session
from mailcrm.store.tables import inbound, lead, outbox, outbox_recipient, participant, partner, partner_address, user
from tests.daemon_house import SALES, House, address_in, answer, mail
from tests.smtp_peer import CaughtMail

ALICE = "Alice Aalto <alice@firma.test>"
BOB = "Bob Berg <bob@firma.test>"
DAVE = "Dave Dreyer <dave@acme.example>"
OTTO = "Otto Ojala <otto@firma.test>"
MONA = "Mona Mäki <mona@firma.test>"
CAROL = "Carol Customer <carol@acme.example>"
MALLORY = "Mallory <mallory@evil.example>"
ALICE_AT, BOB_AT, ERIN_AT, MONA_AT, OTTO_AT = (f"{n}@firma.test" for n in ("alice", "bob", "erin", "mona", "otto"))
CAROL_AT, DAVE_AT, MALLORY_AT = "carol@acme.example", "dave@acme.example", "mallory@evil.example"
STAFF = (ALICE_AT, BOB_AT, ERIN_AT, MONA_AT, OTTO_AT)


def carol_writes(
    house: House, subject: str = "Pump for our cellar", text: str = "What does a pump cost?"
) -> CaughtMail:
    """Carol's first mail opens a lead, and Alice, whose turn it is, gets the notice."""
    house.receive(mail(CAROL, SALES, subject, text))
    return house.notice(ALICE_AT)


def alice_answers(house: House, notice: CaughtMail, text: str = "A pump costs 500 euros.") -> CaughtMail:
    """Alice answers from her mail client, and Carol gets the answer."""
    before = len(house.to(CAROL_AT))
    house.staff(answer(notice, ALICE, text))
    assert len(house.to(CAROL_AT)) == before + 1
    return house.notice(CAROL_AT)


def in_conversation(house: House) -> tuple[CaughtMail, CaughtMail]:
    """A customer who wrote and was answered: Alice's notice and what Carol got."""
    notice = carol_writes(house)
    return notice, alice_answers(house, notice)


def known_person(house: House, address: str, owner: str | None = None, relation: str = "customer") -> int:
    """A person in the books before they write."""
    new = NewPerson(address.partition("@")[0].capitalize(), address, owner_id=_user(house, owner), relation=relation)
    return _written(house, lambda session: add_person(session, new, house.config.mail.domains, None, house.clock()))


def known_company(house: House, domain: str, owner: str | None = None) -> int:
    new = NewCompany(domain.partition(".")[0].capitalize(), domain, owner_id=_user(house, owner))
    return _written(house, lambda session: add_company(session, new, house.config.mail.domains, None, house.clock()))


def _user(house: House, name: str | None) -> int | None:
    return house.people[name] if name else None


def _written(house: House, verb: Callable[[Session], Done]) -> int:
    return house.base.store.write(verb).id


# --- addresses in what left ---------------------------------------------------------------------------------------------


def reply_address(caught: CaughtMail) -> str:
    return address_in(caught.parsed()["Reply-To"])


def note_address(notice: CaughtMail) -> str:
    """The note address that a notice offers beside its Reply-To."""
    reply_to = reply_address(notice)
    words = plain(notice).replace("<", " ").replace(">", " ").split()
    return next(word for word in words if read_token(word) and word != reply_to)


def plain(caught: CaughtMail) -> str:
    part = caught.parsed().get_body(("plain",))
    return str(part.get_content()) if part else ""


def everything(caught: CaughtMail) -> str:
    """All that a recipient can read: the header, every part decoded, every file name."""
    parts = [str(caught.parsed())]
    for part in caught.parsed().walk():
        parts.append(part.get_filename() or "")
        content = part.get_payload(decode=True)
        parts.append(content.decode("utf-8", "replace") if isinstance(content, bytes) else "")
    return "\n".join(parts)


def reread(made: EmailMessage | bytes) -> EmailMessage:
    """A copy of a mail, to be changed."""
    raw = made if isinstance(made, bytes) else made.as_bytes()
    return email.message_from_bytes(raw, policy=email.policy.default)


def without(made: EmailMessage, *headers: str) -> EmailMessage:
    """The mail as a client sends it that leaves these header fields out."""
    for name in headers:
        del made[name]
    return made


# --- what the database says ---------------------------------------------------------------------------------------------


def last_inbound(house: House) -> Any:
    return house.inbounds()[-1]


def outcome(house: House) -> tuple[str, str]:
    """Route and reason of the latest mail."""
    row = last_inbound(house)
    return row.route, row.reason


def owner_name(house: House, lead_id: int) -> str | None:
    statement = select(user.c.name).join(lead, lead.c.owner_id == user.c.id).where(lead.c.id == lead_id)
    name = house.one(statement)
    return None if name is None else str(name)


def kinds(house: House, lead_id: int) -> list[str]:
    return [row.kind for row in house.chatter(lead_id)]


def texts(house: House, lead_id: int, *wanted: str) -> list[str]:
    return [row.new_text.strip() for row in house.chatter(lead_id, *wanted)]


def notice_kinds(house: House) -> list[str]:
    """The kinds of all mails that left or wait, oldest first; what was skipped is not among them."""
    return [r.kind for r in house.read(select(outbox.c.kind).where(outbox.c.state != "dropped").order_by(outbox.c.id))]


def recipient_states(house: House, kind: str = "customer_reply") -> dict[str, str]:
    statement = (
        select(outbox_recipient.c.key, outbox_recipient.c.state)
        .join(outbox, outbox.c.id == outbox_recipient.c.outbox_id)
        .where(outbox.c.kind == kind)
    )
    return {row.key: row.state for row in house.read(statement)}


def participants(house: House, lead_id: int) -> dict[str, Any]:
    rows = house.read(select(participant).where(participant.c.lead_id == lead_id))
    return {row.key: row for row in rows}


def partner_named(house: House, address: str) -> Any:
    statement = (
        select(partner)
        .join(partner_address, partner_address.c.partner_id == partner.c.id)
        .where(partner_address.c.key == address)
    )
    return house.read(statement)[0]


def routes(house: House) -> list[str]:
    return [row.route for row in house.read(select(inbound.c.route).order_by(inbound.c.id))]


def sent_to_nobody_but(house: House, allowed: Sequence[str]) -> bool:
    """Whether every mail that left went to these addresses."""
    return {to for caught in house.sink.mails for to in caught.rcpt_to} <= set(allowed)
