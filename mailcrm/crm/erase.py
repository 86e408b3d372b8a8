"""Erasing a partner: what identifies the person goes, what counts stays.

Gone: names, addresses, every text, subject, attachment and raw mail of their messages and of the conversations on their leads,
the bytes of our mails that quote them, what was planned and noted about them. Stays: leads with stage, values, source, outcome
and times, so that statistics do not change. Files of attachments have no row any more and go with the daily collection of blobs.

Left to other rules: mail of theirs still in the spool or buried (``[retention] buried_days``), and backups.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, func, or_, select, update

from mailcrm.address import address_key
from mailcrm.crm.audit import record
from mailcrm.crm.done import Done, NotFound
from mailcrm.notify.bundles import drop_empty_lists, part_again
from mailcrm.store.engine import Session
from mailcrm.store.tables import (
    acknowledgement,
    activity,
    attachment,
    command_run,
    inbound,
    inbound_copy,
    lead,
    meeting,
    message,
    message_ref,
    outbox,
    outbox_recipient,
    participant,
    partner,
    partner_address,
    raw,
    stage_change,
    suppression,
)

ERASED = "—"
_CHUNK = 500  # ids in one IN list: SQLite takes 32,766 parameters, PostgreSQL 65,535


def erase(session: Session, partner_id: int, by: int | None, now: datetime) -> Done:
    """Erase a person or company for good; doing it twice finishes what came in between."""
    known = session.execute(select(partner.c.id).where(partner.c.id == partner_id).with_for_update()).first()
    if known is None:
        raise NotFound("There is no partner %(id)s.", id=partner_id)
    keys = _keys(session, partner_id)
    leads = _ids(session, lead, lead.c.partner_id == partner_id)
    messages = _message_ids(session, partner_id, keys, leads)
    inbounds = _inbound_ids(session, keys, leads, messages)
    counts = {"leads": len(leads), "messages": len(messages), "inbound": len(inbounds)}
    _erase_outbox(session, keys, leads, messages, now)
    _erase_raw(session, messages, inbounds)
    _erase_messages(session, messages)
    _erase_from_lists(session, partner_id, keys)
    _erase_inbound(session, inbounds)
    _erase_leads(session, leads)
    _erase_person(session, partner_id, keys, now)
    record(session, "erase", f"partner {partner_id}", by, now, counts)
    return Done(partner_id)


# --- what is theirs -----------------------------------------------------------------------------------------------------


def _keys(session: Session, partner_id: int) -> list[str]:
    """Every address known to be theirs: their own, and those they were seen with as a participant."""
    own = select(partner_address.c.key).where(partner_address.c.partner_id == partner_id)
    seen = select(participant.c.key).where(participant.c.partner_id == partner_id)
    return list(session.execute(own.union(seen)).scalars())


def _ids(session: Session, table: Table, condition: ColumnElement[bool]) -> list[int]:
    return list(session.execute(select(table.c.id).where(condition)).scalars())


def _message_ids(session: Session, partner_id: int, keys: list[str], leads: list[int]) -> list[int]:
    theirs = or_(message.c.author_partner_id == partner_id, func.lower(message.c.author_address).in_(keys))
    found = set(_ids(session, message, theirs))
    for some in _chunks(leads):
        found.update(_ids(session, message, message.c.lead_id.in_(some)))
    return sorted(found)


def _inbound_ids(session: Session, keys: list[str], leads: list[int], messages: list[int]) -> list[int]:
    found = set(_ids(session, inbound, inbound.c.from_key.in_(keys)))
    for some in _chunks(leads):
        found.update(_ids(session, inbound, inbound.c.lead_id.in_(some)))
    for some in _chunks(messages):
        found.update(_ids(session, inbound, inbound.c.message_row_id.in_(some)))
    return sorted(found)


def _chunks(ids: list[int]) -> list[list[int]]:
    return [ids[n : n + _CHUNK] for n in range(0, len(ids), _CHUNK)]


# --- how it goes --------------------------------------------------------------------------------------------------------


def _erase_outbox(session: Session, keys: list[str], leads: list[int], messages: list[int], now: datetime) -> None:
    _erase_from_gathered(session, leads, messages, now)
    for column, ids in ((outbox.c.lead_id, leads), (outbox.c.message_row_id, messages)):
        for some in _chunks(ids):
            mine = update(outbox).where(column.in_(some))
            session.execute(mine.where(outbox.c.state.in_(("queued", "held"))).values(state="dropped"))
            session.execute(mine.values(bytes=None, subject="", params={}))
    gone = {"address": "", "name": "", "key": "", "text": ""}
    session.execute(update(outbox_recipient).where(outbox_recipient.c.key.in_(keys)).values(gone))
    for some in _chunks(leads):  # a Reply-To they once gave need not be among the keys
        outside = select(outbox.c.id).where(outbox.c.lead_id.in_(some), outbox.c.user_id.is_(None))
        session.execute(update(outbox_recipient).where(outbox_recipient.c.outbox_id.in_(outside)).values(gone))


def _erase_from_gathered(session: Session, leads: list[int], messages: list[int], now: datetime) -> None:
    """Mails that told of theirs along with others' lose their bytes; those that have not left are made again without it."""
    for column, ids in ((outbox.c.lead_id, leads), (outbox.c.message_row_id, messages)):
        for some in _chunks(ids):
            for waiting in _ids(session, outbox, column.in_(some) & (outbox.c.state == "queued")):
                part_again(session, waiting, now)  # others' leave by themselves
            went_along = column.in_(some), outbox.c.carried_by.is_not(None)
            told_by = list(session.execute(select(outbox.c.carried_by).where(*went_along).distinct()).scalars())
            session.execute(update(outbox).where(*went_along).values(carried_by=None))
            for one in _chunks(told_by):
                session.execute(update(outbox).where(outbox.c.id.in_(one)).values(bytes=None, subject=""))
                drop_empty_lists(session, one)


def _erase_raw(session: Session, messages: list[int], inbounds: list[int]) -> None:
    raw_ids: set[int] = set()
    for table, ids in ((message, messages), (inbound, inbounds)):
        for some in _chunks(ids):
            has_raw = table.c.id.in_(some) & table.c.raw_id.is_not(None)
            raw_ids.update(session.execute(select(table.c.raw_id).where(has_raw)).scalars())
            session.execute(update(table).where(table.c.id.in_(some)).values(raw_id=None))
    for some in _chunks(sorted(raw_ids)):
        for table in (message, inbound):
            session.execute(update(table).where(table.c.raw_id.in_(some)).values(raw_id=None))
        session.execute(delete(raw).where(raw.c.id.in_(some)))


def _erase_messages(session: Session, messages: list[int]) -> None:
    texts: dict[str, Any] = dict.fromkeys(
        ("subject", "text", "new_text", "html", "letter_html", "date_written", "reason_detail"), ""
    )
    texts |= {"segments": [], "to": [], "cc": [], "reference_ids": [], "message_id": ""}
    for some in _chunks(messages):
        these = message.c.id.in_(some)
        session.execute(delete(attachment).where(attachment.c.message_id.in_(some)))
        received = message_ref.c.kind != "ours"
        session.execute(delete(message_ref).where(message_ref.c.message_id.in_(some), received))
        session.execute(update(message).where(these).values(texts))
        not_staff = message.c.author_kind == "partner"
        session.execute(update(message).where(these, not_staff).values(author_name=ERASED, author_address=""))
        told = message.c.event.in_(("fields", "stage", "activity_scheduled", "activity_done", "activity_rescheduled",
                                    "activity_given", "activity_cancelled", "meeting_answered", "meeting_cancelled",
                                    "meeting_moved", "meeting_place", "meeting_of_series", "meeting_not_changed",
                                    "partner_filled", "acknowledged"))  # fmt: skip
        session.execute(update(message).where(these, told).values(event_data={}))


def _erase_from_lists(session: Session, partner_id: int, keys: list[str]) -> None:
    """Take them out of To and Cc of the mails on other people's leads."""
    theirs = (participant.c.partner_id == partner_id) | participant.c.key.in_(keys)
    elsewhere = message.c.lead_id.in_(select(participant.c.lead_id).where(theirs))
    for row in session.execute(select(message.c.id, message.c.to, message.c.cc).where(elsewhere)).all():
        kept = {
            name: [one for one in getattr(row, name) if address_key(one.get("address", "")) not in keys]
            for name in ("to", "cc")
        }
        if kept != {"to": row.to, "cc": row.cc}:
            session.execute(update(message).where(message.c.id == row.id).values(kept))


def _erase_inbound(session: Session, inbounds: list[int]) -> None:
    texts: dict[str, Any] = dict.fromkeys(("subject", "message_id", "verdict_detail", "reason_detail", "mail_from"), "")
    texts |= {"rcpt_to": [], "defects": [], "findings": {}}
    writer = dict.fromkeys(("from_name", "from_address", "from_key", "from_domain", "author_proof"), "")
    copy = {"mail_from": "", "rcpt_to": [], "author_proof": ""}
    for some in _chunks(inbounds):
        these = inbound.c.id.in_(some)
        session.execute(update(inbound).where(these).values(texts))
        session.execute(update(inbound).where(these, inbound.c.author_user_id.is_(None)).values(**writer, auth=None))
        session.execute(update(inbound_copy).where(inbound_copy.c.inbound_id.in_(some)).values(copy))


def _erase_leads(session: Session, leads: list[int]) -> None:
    for some in _chunks(leads):
        names = {"title": ERASED, "base_subject": "", "reply_to": "", "lost_reason": ""}
        nobody_waits = {"waiting_on": None, "waiting_since": None}
        session.execute(update(lead).where(lead.c.id.in_(some)).values(**names, **nobody_waits))
        session.execute(update(stage_change).where(stage_change.c.lead_id.in_(some)).values(reason=""))
        session.execute(update(activity).where(activity.c.lead_id.in_(some)).values(summary="", feedback=""))
        planned = select(activity.c.id).where(activity.c.lead_id.in_(some))
        session.execute(delete(meeting).where(meeting.c.activity_id.in_(planned)))
        session.execute(delete(participant).where(participant.c.lead_id.in_(some)))
        session.execute(delete(command_run).where(command_run.c.lead_id.in_(some)))
        received = message_ref.c.kind != "ours"
        session.execute(delete(message_ref).where(message_ref.c.lead_id.in_(some), received))


def _erase_person(session: Session, partner_id: int, keys: list[str], now: datetime) -> None:
    theirs = (participant.c.partner_id == partner_id) | participant.c.key.in_(keys)
    session.execute(delete(participant).where(theirs))
    session.execute(delete(partner_address).where(partner_address.c.partner_id == partner_id))
    session.execute(delete(suppression).where(suppression.c.key.in_(keys)))
    session.execute(delete(acknowledgement).where(acknowledgement.c.key.in_(keys)))
    gone: dict[str, Any] = {"name": ERASED, "name_key": "", "phone": "", "domain": None, "language": "", "industry": ""}
    gone |= {"revenue": None, "erased_at": now}
    session.execute(update(partner).where(partner.c.id == partner_id).values(gone))
