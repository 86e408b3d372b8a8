"""A first mail of a person is acknowledged, where the firm wants that: at most once a period, and never to a machine.

An answer that nobody wrote does harm in three ways, and each has its own lock. It may meet another machine: only a mail that a
person wrote is acknowledged, one that came to an address of ours by name, from a mailbox that answers reach; it leaves with the
null reverse-path and says what it is (RFC 3834). It may go to somebody who never wrote: only mail with proof that its From's domain
sent it. And it may come twice: a row per address, written in the transaction that opens the lead.
"""

import re
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from mailcrm.address import address_key
from mailcrm.apply import Arrival
from mailcrm.crm.chatter import add_event
from mailcrm.mail import AuthorKind, Door, Event, MailKind, RouteKind
from mailcrm.rules import Rules
from mailcrm.store.engine import Session
from mailcrm.store.tables import acknowledgement, lead, partner, suppression
from mailcrm.store.upsert import insert_first
from mailcrm.threading.author import is_no_reply
from mailcrm.threading.domains import are_aligned

_DOORS = frozenset({Door.SMTP, Door.LMTP, Door.IMAP})
_FRESH = timedelta(days=1)  # a mailbox that is read for the first time holds years of mail
_MACHINES = re.compile(
    r"(?:mailer-daemon|postmaster|listserv|majordomo|root|daemon)\Z|owner-|.*-(?:request|owner|bounces?)\Z"
)


def acknowledged(
    session: Session, arrival: Arrival, events: tuple[Event, ...], rules: Rules, now: datetime
) -> tuple[Event, ...]:
    """The acknowledgement of the mail that opened a lead, if there is to be one; in the transaction that opened it."""
    opened = next((event for event in events if event.kind == "message_in" and event.is_new_lead), None)
    if opened is None or opened.lead_id is None or not may_acknowledge(arrival, rules, now):
        return ()
    key = address_key(arrival.facts.author.address.address)
    if not _is_due(session, key, rules.acknowledge_after, now):
        return ()
    language = _language_of(session, opened.lead_id, arrival, rules)
    add_event(session, opened.lead_id, "acknowledged", {"address": key, "language": language}, None, now)
    return (
        Event(
            "acknowledged",
            opened.lead_id,
            message_id=opened.message_id,
            inbound_id=opened.inbound_id,
            only_to_key=key,
            detail=language,
        ),
    )


def may_acknowledge(arrival: Arrival, rules: Rules, now: datetime) -> bool:
    """Whether nothing speaks against it in the mail, in how it came, and in what we know of its writer. Pure."""
    mail, verdict, facts, envelope = arrival.mail, arrival.verdict, arrival.facts, arrival.envelope
    author = facts.author
    is_wanted = bool(rules.acknowledge_after) and arrival.route.kind is RouteKind.NEW_LEAD and arrival.by is None
    is_human = verdict.kind is MailKind.HUMAN and not (verdict.is_machine or verdict.is_bulk or verdict.is_spam)
    is_allowed = not (verdict.asks_for_silence or mail.list_ids or mail.marker)
    is_person = author.kind is AuthorKind.OUTSIDER and not (
        author.is_form or verdict.form or mail.written_by or facts.is_own_author
    )
    is_fresh = mail.date is not None and now - mail.date < _FRESH and now - envelope.received_at < _FRESH
    is_to_us = any(rules.is_ours(one.address) for one in (*mail.to, *mail.cc))
    is_proven = facts.is_same_company_proven and not facts.is_disproven
    return (
        is_wanted
        and is_human
        and is_person
        and is_allowed
        and is_fresh
        and is_to_us
        and is_proven
        and envelope.door in _DOORS
        and _is_answerable(arrival)
    )


def _is_answerable(arrival: Arrival) -> bool:
    """Whether From, Reply-To and the return-path name one mailbox, or one house, and one where people are."""
    address = arrival.facts.author.address
    key = address_key(address.address)
    if not key or is_no_reply(key) or _MACHINES.match(key.partition("@")[0]):
        return False
    if any(address_key(one.address) != key for one in arrival.mail.reply_to):
        return False
    if arrival.envelope.source != "envelope":
        return True
    sender = arrival.envelope.mail_from.rpartition("@")[2].lower()
    return bool(sender) and are_aligned(sender, address.domain)


def _language_of(session: Session, lead_id: int, arrival: Arrival, rules: Rules) -> str:
    """The customer's own language, as known or as the mail is written in; English for one that we have no text in."""
    statement = select(partner.c.language).join(lead, lead.c.partner_id == partner.c.id).where(lead.c.id == lead_id)
    known = session.execute(statement).scalar() or arrival.mail.language or rules.locale
    return known if known in rules.acknowledge_languages else "en"


def _is_due(session: Session, key: str, after: timedelta, now: datetime) -> bool:
    """Whether this address has had none in the period; the row says so to everybody who asks later, or at the same time."""
    if session.execute(select(suppression.c.id).where(suppression.c.key == key)).first() is not None:
        return False
    session.execute(delete(acknowledgement).where(acknowledgement.c.at <= now - after))
    return insert_first(session, acknowledgement, {"key": key[:320], "at": now}) is not None
