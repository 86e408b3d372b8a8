"""The digest's section of notices that its reader wants there and not at once: what has come since the digest before."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Row, func, select

from mailcrm.i18n import Translator, format_datetime
from mailcrm.mail import NoticeKind
from mailcrm.notify.digest_content import Asking, Item, Section
from mailcrm.notify.gathering import IN_DIGEST
from mailcrm.store.tables import digest, lead, message, outbox, partner, user

_AnyRow = Row[*tuple[Any, ...]]
_MOST = 20
_OVERLAP = timedelta(
    minutes=1
)  # of what was being written while the digest before was read: told twice rather than never
_LOOK_BACK = timedelta(days=30)
_LONGEST = 160


def read_notices(asking: Asking) -> list[Section]:
    """The newest first; one statement."""
    before = (
        select(func.max(digest.c.created_at))
        .where(digest.c.user_id == asking.reader.id, digest.c.state.in_(("sent", "empty")))
        .scalar_subquery()
    )
    rows = asking.session.execute(
        select(outbox.c.id, outbox.c.kind, outbox.c.lead_id, outbox.c.created_at, outbox.c.params, lead.c.title,
               partner.c.name.label("partner_name"), message.c.new_text, message.c.author_name,
               user.c.name.label("by_name"), before.label("before"))
        .outerjoin(lead, lead.c.id == outbox.c.lead_id)
        .outerjoin(partner, partner.c.id == lead.c.partner_id)
        .outerjoin(message, message.c.id == outbox.c.message_row_id)
        .outerjoin(user, user.c.id == outbox.c.actor_user_id)
        .where(
            outbox.c.user_id == asking.reader.id,
            outbox.c.state == "dropped",
            outbox.c.created_at > asking.now - _LOOK_BACK,
            outbox.c.params["skipped"].as_string() == IN_DIGEST,
        )
        .order_by(outbox.c.created_at.desc(), outbox.c.id.desc())
    ).all()  # fmt: skip
    fresh = [row for row in rows if row.before is None or row.created_at > row.before - _OVERLAP]
    items = tuple(_item(asking, row) for row in fresh[:_MOST])
    title = asking.words.gettext("What you want in the digest")
    return [Section("notices", title, items, len(fresh), "/")]


def _item(asking: Asking, row: _AnyRow) -> Item:
    at = format_datetime(row.created_at, asking.words.locale, asking.reader.time_zone)
    name = f"{row.partner_name}: {row.title}" if row.partner_name else row.title or ""
    said = " ".join((row.new_text or "").split())
    short = said if len(said) <= _LONGEST else f"{said[: _LONGEST - 1]}…"
    detail = " · ".join(part for part in (at, _what(row, asking.words), short) if part)
    return Item(
        name or _what(row, asking.words),
        detail,
        f"/leads/{row.lead_id}" if row.lead_id else "/",
        "lead",
        row.lead_id or 0,
    )


def _what(row: _AnyRow, words: Translator) -> str:
    _ = words.gettext
    named = {"name": row.by_name or row.author_name or ""}
    match row.kind:
        case NoticeKind.MESSAGE:
            return _("%(name)s wrote") % {"name": row.author_name or row.partner_name or ""}
        case NoticeKind.NOTE:
            return _("a note by %(name)s") % named
        case NoticeKind.SENT:
            return _("%(name)s answered") % named
        case NoticeKind.ASSIGNED:
            return _("the lead is yours")
        case NoticeKind.ABSENCE:
            return _("%(name)s is away") % named
    return ""
