"""Whom a colleague's forward or copy is about: the outside people it names, and what the database knows of them.

Asked only for the mail of a proven user who wrote without a token; a customer's mail costs nothing here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import BindParameter, bindparam, select

from mailcrm.address import address_key
from mailcrm.mail import About, Address, Author, ParsedMail, SegmentKind
from mailcrm.rules import Rules
from mailcrm.store.engine import Session
from mailcrm.store.prepared import Prepared
from mailcrm.store.tables import lead, message, message_ref, participant, partner_address, user_address
from mailcrm.subject import is_forward_subject
from mailcrm.threading.author import is_no_reply
from mailcrm.threading.domains import are_aligned, is_free_mail

_MOST_PEOPLE = 1_000  # named in one mail; nobody beyond them is taken for an outsider
_MOST_LEADS = 100
_KEYS: BindParameter[Any] = bindparam("keys", expanding=True)
_USERS = Prepared(select(user_address.c.key, user_address.c.user_id).where(user_address.c.key.in_(_KEYS)))
_PARTNERS = Prepared(
    select(partner_address.c.key, partner_address.c.partner_id).where(partner_address.c.key.in_(_KEYS))
)
_CARRIED = Prepared(
    select(message.c.lead_id)
    .join(message_ref, message_ref.c.message_id == message.c.id)
    .where(
        message_ref.c.ref.in_(bindparam("refs", expanding=True)),
        message_ref.c.kind.in_(("received", "ours", "learned")),
    )
    .order_by(message.c.id.desc())
)
_OPEN_LEADS = Prepared(
    select(lead.c.id, lead.c.base_subject)
    .where(lead.c.partner_id == bindparam("partner"), lead.c.outcome.is_(None))
    .order_by(lead.c.id.desc())
    .limit(_MOST_LEADS)
)
_OPEN_LEADS_OF_PERSON = Prepared(
    select(lead.c.id, lead.c.base_subject)
    .join(participant, participant.c.lead_id == lead.c.id)
    .where(participant.c.key == bindparam("key"), participant.c.is_confirmed, lead.c.outcome.is_(None))
    .order_by(lead.c.id.desc())
    .limit(_MOST_LEADS)
)


def about_of(session: Session, mail: ParsedMail, author: Author, outsiders: frozenset[str], rules: Rules) -> About:
    """Of a forward, who wrote what it holds; of any other mail, to whom it is addressed. ``outsiders`` are keys in To and Cc."""
    named = _unique(_named(mail))[:_MOST_PEOPLE]
    users = _users(session, named)
    outside = frozenset(
        key for one in named if (key := address_key(one.address)) not in users and not _is_ours(one, author, rules)
    )
    writers = tuple(one for one in _unique(_writers(mail)) if address_key(one.address) in outside)
    addressed = _addressed(mail, author, outsiders)
    is_a_forward = is_forward(mail, is_to_outsiders=bool(addressed))
    known = _partner_ids(session, writers if is_a_forward else addressed)
    about = About(
        is_forward=is_a_forward,
        writers=writers,
        addressed=addressed,
        outside=outside,
        user_ids=tuple(users.items()),
        partner_ids=known,
        person=_one_of(writers) if is_a_forward else _first_of(addressed, known),
        carried_lead_ids=_carried(session, mail),
    )
    return _with_leads(session, about, mail.base_subject)


# --- who is named -------------------------------------------------------------------------------------------------------


def is_forward(mail: ParsedMail, *, is_to_outsiders: bool) -> bool:
    """Whether the mail hands others' mails on to us. One written to somebody outside may quote a forward below."""
    if not mail.forwarded:
        return False
    if is_forward_subject(mail.subject):
        return True
    is_answer = mail.has_reply_prefix and bool(mail.in_reply_to)
    is_told = any(part.kind is SegmentKind.FORWARDED for part in mail.segments) and not is_answer
    return not is_to_outsiders and (is_told or any(level.sha256 for level in mail.forwarded))


def _named(mail: ParsedMail) -> Iterable[Address]:
    for level in mail.forwarded:
        yield from (level.from_,) if level.from_ else ()
        yield from (*level.to, *level.cc)


def _writers(mail: ParsedMail) -> list[Address]:
    return [level.from_ for level in mail.forwarded if level.from_ is not None and "@" in level.from_.address]


def _unique(people: Iterable[Address]) -> list[Address]:
    """Each address once, with a name if it has one anywhere."""
    found: dict[str, Address] = {}
    for one in people:
        key = address_key(one.address)
        if key and (key not in found or (one.name and not found[key].name)):
            found[key] = one
    return list(found.values())


def _is_ours(one: Address, author: Author, rules: Rules) -> bool:
    """An address of ours, or of the author's own company: a colleague may have no account here."""
    return rules.is_ours(one.address) or _is_colleagues(one, author)


def _is_colleagues(one: Address, author: Author) -> bool:
    domain = author.address.domain
    return not is_free_mail(domain) and are_aligned(one.domain, domain)


def _addressed(mail: ParsedMail, author: Author, outsiders: frozenset[str]) -> tuple[Address, ...]:
    """The outside people in the mail's own To and Cc who read their mail, in that order."""
    return tuple(
        one
        for one in _unique((*mail.to, *mail.cc))[:_MOST_PEOPLE]
        if address_key(one.address) in outsiders and not is_no_reply(one.address) and not _is_colleagues(one, author)
    )


def _one_of(writers: Sequence[Address]) -> Address | None:
    return writers[0] if len(writers) == 1 else None


def _first_of(addressed: Sequence[Address], known: tuple[tuple[str, int], ...]) -> Address | None:
    """The first whom we know, else the first."""
    keys = {key for key, _ in known}
    return next((one for one in addressed if address_key(one.address) in keys), next(iter(addressed), None))


# --- what is known of them ----------------------------------------------------------------------------------------------


def _users(session: Session, named: Sequence[Address]) -> dict[str, int]:
    keys = [address_key(one.address) for one in named]
    return {row.key: row.user_id for row in _USERS.all(session, {"keys": keys})} if keys else {}


def _partner_ids(session: Session, people: Sequence[Address]) -> tuple[tuple[str, int], ...]:
    keys = [address_key(one.address) for one in people]
    return tuple((row.key, row.partner_id) for row in _PARTNERS.all(session, {"keys": keys})) if keys else ()


def _carried(session: Session, mail: ParsedMail) -> tuple[int, ...]:
    refs = [level.message_id[:1000] for level in mail.forwarded if level.message_id]
    return tuple(dict.fromkeys(_CARRIED.column(session, {"refs": refs}))) if refs else ()


def _with_leads(session: Session, about: About, base_subject: str) -> About:
    """The person's own open leads, else those they take part in."""
    if about.person is None:
        return about
    key = address_key(about.person.address)
    partner_id = dict(about.partner_ids).get(key)
    found = _OPEN_LEADS.all(session, {"partner": partner_id}) if partner_id is not None else []
    found = found or _OPEN_LEADS_OF_PERSON.all(session, {"key": key})
    same = (row.id for row in found if base_subject and row.base_subject == base_subject[:500])
    return replace(about, subject_lead_id=next(same, None), latest_lead_id=found[0].id if found else None)
