"""Mail that waits for the reader, came back, or was put aside; a statement for each section.

States stand in the statements as they are written in the conditions of the indexes: SQLite uses them only so.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import BindParameter, bindparam, exists, func, literal_column, or_, select

from mailcrm import reasons
from mailcrm.found_words import undelivered_words
from mailcrm.i18n import format_datetime
from mailcrm.mail import NoticeKind
from mailcrm.notify.digest_content import Asking, Item, Section, joined, lead_name, section, shortened
from mailcrm.notify.digest_people import READER, TOTAL
from mailcrm.store.prepared import Prepared
from mailcrm.store.tables import UTCDateTime, inbound, lead, outbox, outbox_recipient, partner, partner_address

_MOST = 8
_FEW = 5
_BOUNCED_DAYS = 7
_ASIDE_DAYS = 3
_SINCE: BindParameter[Any] = bindparam("since", type_=UTCDateTime())


_HELD = Prepared(
        select(inbound.c.id, inbound.c.subject, inbound.c.received_at, inbound.c.from_name, inbound.c.from_address,
               inbound.c.reason, TOTAL)
        .outerjoin(lead, lead.c.id == inbound.c.lead_id)
        .where(
            inbound.c.state == "held",
            or_(inbound.c.author_user_id == READER, lead.c.owner_id == READER),
        )
        .order_by(inbound.c.received_at.desc(), inbound.c.id.desc())
        .limit(_MOST)
    )  # fmt: skip


def read_held(asking: Asking) -> list[Section]:
    """Received mail that the reader decides about: their own, and what came on their leads."""
    rows = _HELD.all(asking.session, {"reader": asking.reader.id})

    def item(row: Any) -> Item:
        why = reasons.words(reasons.REASONS, row.reason)
        return _received(asking, row, asking.words.gettext(why) if why else "")

    title = asking.words.gettext("Held mail: decide what becomes of it")
    return [section("held", title, rows, item, "/inbound?state=held", most=_MOST)]


def _since(asking: Asking, days: int) -> dict[str, Any]:
    return {"reader": asking.reader.id, "since": asking.now - timedelta(days=days)}


def _received(asking: Asking, row: Any, context: str = "") -> Item:
    at = format_datetime(row.received_at, asking.words.locale, asking.reader.time_zone)
    subject = shortened(row.subject) or asking.words.gettext("(no subject)")
    who = shortened(row.from_name or row.from_address, 80)
    return Item(subject, joined(who, at), f"/inbound/{row.id}", "inbound", row.id, context=context)


_KEPT = Prepared(
        select(outbox.c.id, outbox.c.params, outbox.c.lead_id, lead.c.title, partner.c.name.label("partner_name"), TOTAL)
        .join(lead, lead.c.id == outbox.c.lead_id)
        .outerjoin(partner, partner.c.id == lead.c.partner_id)
        .where(outbox.c.state == literal_column("'held'"), outbox.c.actor_user_id == READER)
        .order_by(outbox.c.id.desc())
        .limit(_FEW)
    )  # fmt: skip


def read_kept(asking: Asking) -> list[Section]:
    """The reader's mails to customers that were kept back at the last look."""
    rows = _KEPT.all(asking.session, {"reader": asking.reader.id})

    def item(row: Any) -> Item:
        what, colon, which = str(row.params.get("held", "")).partition(": ")  # as ``leak`` words it
        why = shortened(asking.words.gettext(what) + colon + which) if what else ""
        return Item(lead_name(row), why, f"/outbox/{row.id}", "outbox", row.id, lead_id=row.lead_id)

    title = asking.words.gettext("Your mails kept back")
    return [section("held_out", title, rows, item, "/outbox?state=held", most=_FEW)]


_later = outbox.alias("later")
_is_sent_again = exists().where(
    _later.c.lead_id == outbox.c.lead_id, _later.c.kind == NoticeKind.CUSTOMER_REPLY.value, _later.c.id > outbox.c.id
)
_is_mine = or_(outbox.c.actor_user_id == READER, lead.c.owner_id == READER)
_BOUNCED = Prepared(
        select(outbox.c.id, outbox.c.lead_id, lead.c.title, partner.c.name.label("partner_name"),
               outbox_recipient.c.address, outbox_recipient.c.code, outbox_recipient.c.text, TOTAL)
        .join(outbox, outbox.c.id == outbox_recipient.c.outbox_id)
        .join(lead, lead.c.id == outbox.c.lead_id)
        .outerjoin(partner, partner.c.id == lead.c.partner_id)
        .where(
            outbox_recipient.c.state.in_((literal_column("'failed'"), literal_column("'bounced'"))),
            outbox_recipient.c.at > _SINCE,
            outbox.c.kind == NoticeKind.CUSTOMER_REPLY.value,
            _is_mine,
            ~_is_sent_again,
        )
        .order_by(outbox_recipient.c.at.desc(), outbox_recipient.c.id.desc())
        .limit(_MOST)
    )  # fmt: skip


def read_bounced(asking: Asking) -> list[Section]:
    """Mails of the reader to customers that did not arrive in the last days, unless another one was sent since."""
    rows = _BOUNCED.all(asking.session, _since(asking, _BOUNCED_DAYS))

    def item(row: Any) -> Item:
        why = undelivered_words(row.code, row.text, asking.words.gettext) or f"{row.code} {row.text}"
        detail = shortened(f"{row.address}: {why}", 160)
        return Item(lead_name(row), detail, f"/leads/{row.lead_id}", "bounce", row.id, lead_id=row.lead_id)

    title = asking.words.gettext("Mails that did not arrive")
    return [section("bounced", title, rows, item, "/outbox?state=failed", most=_MOST, is_late=True)]


_PUT_ASIDE = Prepared(
        select(inbound.c.id, inbound.c.subject, inbound.c.received_at, inbound.c.from_name, inbound.c.from_address, TOTAL)
        .join(partner_address, partner_address.c.key == inbound.c.from_key)
        .join(partner, partner.c.id == partner_address.c.partner_id)
        .where(
            inbound.c.state == "quiet",
            inbound.c.received_at > _SINCE,
            partner.c.owner_id == READER,
        )
        .order_by(inbound.c.received_at.desc(), inbound.c.id.desc())
        .limit(_FEW)
    )  # fmt: skip


def read_put_aside(asking: Asking) -> list[Section]:
    """Newsletters and spam verdicts from partners of this owner: kept from their leads, but not from their eyes."""
    rows = _PUT_ASIDE.all(asking.session, _since(asking, _ASIDE_DAYS))
    title = asking.words.gettext("Put aside from your customers, as newsletters or spam")
    return [section("put_aside", title, rows, lambda row: _received(asking, row), "/inbound?state=quiet", most=_FEW)]


_TRIAGE = Prepared(
        select(inbound.c.id, inbound.c.subject, inbound.c.received_at, inbound.c.from_name, inbound.c.from_address, TOTAL)
        .where(inbound.c.state == "triage")
        .order_by(inbound.c.received_at.desc(), inbound.c.id.desc())
        .limit(_FEW)
    )  # fmt: skip


def read_triage(asking: Asking) -> list[Section]:
    """For managers: mail that found no lead."""
    if not asking.reader.is_manager:
        return []
    rows = _TRIAGE.all(asking.session)
    title = asking.words.gettext("Mail that found no lead")
    return [section("triage", title, rows, lambda row: _received(asking, row), "/inbound?state=triage", most=_FEW)]


_QUIET = Prepared(
    select(func.count()).select_from(inbound).where(inbound.c.state == "quiet", inbound.c.received_at > _SINCE)
)


def quiet_line(asking: Asking) -> str:
    """How much was put on the quiet list since yesterday; "" for none, and for who may not see it."""
    if asking.reader.role == "colleague":
        return ""
    count = _QUIET.scalar(asking.session, {"since": asking.now - timedelta(days=1)})
    said = asking.words.ngettext(
        "%(count)s mail was put on the quiet list since yesterday", "%(count)s mails were put on the quiet list since yesterday",
        count,
    )  # fmt: skip
    return said % {"count": count} if count else ""
