"""What a digest says: reads each section in one statement and words it in the reader's language.

Every count comes with names and links. A section shows at most ``_MOST`` items and says how many more there are; empty ones are
left out. Items are numbered through, so that an answer can name them.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, case, exists, func, or_, select

from mailcrm.i18n import Translator, format_date, format_datetime, translator
from mailcrm.notify.cardtext import activity_name
from mailcrm.notify.digest_content import Asking, Content, Item, ReaderOf, Rules, Section
from mailcrm.notify.digest_team import read_team
from mailcrm.store.engine import Session
from mailcrm.store.tables import (
    activity,
    inbound,
    lead,
    mention,
    message,
    outbox,
    partner,
    partner_address,
    team_member,
    user,
)

_AnyRow = Row[*tuple[Any, ...]]
_MOST = 20


def read_content(session: Session, reader: ReaderOf, now: datetime, rules: Rules) -> Content:
    """Everything this reader should see now."""
    asking = Asking(session, reader, now, rules, translator(reader.locale))
    found = [section for read in _SECTIONS for section in read(asking) if section.items]
    team = read_team(asking) if reader.is_manager else ()
    return Content(_subject(asking, found), _numbered(asking, found), team)


def _subject(asking: Asking, sections: Sequence[Section]) -> str:
    """The date and the two counts that matter most; the numbers of the day, not of the lead."""
    words = asking.words
    counts = {section.key: section.total for section in sections}
    day = format_date(asking.today, words.locale)
    said = [words.gettext("Your day %(date)s") % {"date": day}]
    if counts.get("overdue"):
        said.append(words.gettext("%(count)s overdue") % {"count": counts["overdue"]})
    if counts.get("waiting"):
        said.append(words.ngettext("%(count)s customer waits", "%(count)s customers wait", counts["waiting"])
                    % {"count": counts["waiting"]})  # fmt: skip
    return " · ".join(said)


def _numbered(asking: Asking, sections: Sequence[Section]) -> tuple[Section, ...]:
    number = 0
    done = []
    for section in sections:
        items = []
        for item in section.items:
            number += 1
            items.append(replace(item, number=number))
        left = section.total - len(items)
        more = (
            asking.words.ngettext("and %(count)s more", "and %(count)s more", left) % {"count": left}
            if left > 0
            else ""
        )
        done.append(replace(section, items=tuple(items), more=more))
    return tuple(done)


# --- activities ---------------------------------------------------------------------------------------------------------


def _activities(asking: Asking) -> list[Section]:
    is_late = case((activity.c.due_on < asking.today, 1), else_=0)
    first = (activity.c.due_on, activity.c.due_at, activity.c.id)
    mine = (
        select(
            activity,
            func.count().over(partition_by=is_late).label("total"),
            func.row_number().over(partition_by=is_late, order_by=first).label("position"),
        )
        .where(activity.c.user_id == asking.reader.id, activity.c.done_at.is_(None), activity.c.due_on <= asking.today)
        .subquery()
    )
    rows = asking.session.execute(
        select(mine, lead.c.title, partner.c.name.label("partner_name"))
        .join(lead, lead.c.id == mine.c.lead_id)
        .outerjoin(partner, partner.c.id == lead.c.partner_id)
        .where(mine.c.position <= _MOST)
        .order_by(mine.c.due_on, mine.c.position)
    ).all()
    _ = asking.words.gettext
    late = [row for row in rows if row.due_on < asking.today]
    today = [row for row in rows if row.due_on >= asking.today]
    return [
        _section(asking, "overdue", _("Overdue"), late, _activity_item, "/activities", is_late=True),
        _section(asking, "today", _("Today"), today, _activity_item, "/activities"),
    ]


def _activity_item(asking: Asking, row: _AnyRow) -> Item:
    words = asking.words
    days = (asking.today - row.due_on).days
    at = format_datetime(row.due_at, words.locale, asking.reader.time_zone) if row.due_at else ""
    late = words.ngettext("%(count)s day late", "%(count)s days late", days) % {"count": days} if days else ""
    what = activity_name(row.type, words) + (f": {row.summary}" if row.summary else "")
    details = (late, at or (format_date(row.due_on, words.locale) if days else ""), row.title)
    return Item(_who(row, what), _joined(*details), f"/leads/{row.lead_id}", "activity", row.id)


def _who(row: _AnyRow, what: str) -> str:
    return f"{what} – {row.partner_name}" if row.partner_name else what


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def _section(
    asking: Asking,
    key: str,
    title: str,
    rows: Sequence[_AnyRow],
    item: Callable[[Asking, _AnyRow], Item],
    path: str,
    *,
    is_late: bool = False,
) -> Section:
    items = tuple(item(asking, row) for row in rows[:_MOST])
    return Section(key, title, items, rows[0].total if rows else 0, path, is_late=is_late)


# --- people -------------------------------------------------------------------------------------------------------------

_TOTAL = func.count().over().label("total")


def _mentions(asking: Asking) -> list[Section]:
    rows = asking.session.execute(
        select(mention.c.id, mention.c.lead_id, mention.c.created_at, message.c.author_name, message.c.new_text,
               user.c.name.label("by_name"), lead.c.title, partner.c.name.label("partner_name"), _TOTAL)
        .join(message, message.c.id == mention.c.message_id)
        .join(lead, lead.c.id == mention.c.lead_id)
        .outerjoin(partner, partner.c.id == lead.c.partner_id)
        .outerjoin(user, user.c.id == message.c.author_user_id)
        .where(mention.c.user_id == asking.reader.id, mention.c.read_at.is_(None))
        .order_by(mention.c.id.desc())
        .limit(_MOST)
    ).all()  # fmt: skip
    title = asking.words.gettext("You were mentioned")
    return [_section(asking, "mentions", title, rows, _mention_item, "/")]


def _mention_item(asking: Asking, row: _AnyRow) -> Item:
    said = " ".join(row.new_text.split())
    short = said if len(said) <= 120 else said[:119] + "…"
    return Item(
        f"{row.by_name or row.author_name}: {short}", _lead_name(row), f"/leads/{row.lead_id}", "mention", row.id
    )


def _lead_name(row: _AnyRow) -> str:
    return f"{row.partner_name}: {row.title}" if row.partner_name else str(row.title)


def _waiting(asking: Asking) -> list[Section]:
    rows = asking.session.execute(
        select(lead.c.id, lead.c.title, lead.c.waiting_since, partner.c.name.label("partner_name"), _TOTAL)
        .outerjoin(partner, partner.c.id == lead.c.partner_id)
        .where(
            lead.c.owner_id == asking.reader.id,
            lead.c.outcome.is_(None),
            lead.c.waiting_on == "us",
            lead.c.waiting_since <= asking.unanswered_before,
        )
        .order_by(lead.c.waiting_since, lead.c.id)
        .limit(_MOST)
    ).all()
    title = asking.words.gettext("Customers waiting for your answer")
    return [_section(asking, "waiting", title, rows, _waiting_item, f"/?owner={asking.reader.id}", is_late=True)]


def _waiting_item(asking: Asking, row: _AnyRow) -> Item:
    age = asking.words.gettext("waiting for %(age)s") % {"age": _age(asking.now - row.waiting_since, asking.words)}
    return Item(row.partner_name or row.title, _joined(age, row.title), f"/leads/{row.id}", "waiting", row.id)


def _age(span: timedelta, words: Translator) -> str:
    hours = int(span.total_seconds() // 3600)
    if hours < 48:
        return words.ngettext("%(count)s hour", "%(count)s hours", hours) % {"count": hours}
    return words.ngettext("%(count)s day", "%(count)s days", hours // 24) % {"count": hours // 24}


# --- mail ---------------------------------------------------------------------------------------------------------------


def _held(asking: Asking) -> list[Section]:
    _ = asking.words.gettext
    reader = asking.reader
    held_in = asking.session.execute(
        select(
            inbound.c.id, inbound.c.subject, inbound.c.received_at, inbound.c.from_name, inbound.c.from_address, _TOTAL
        )
        .outerjoin(lead, lead.c.id == inbound.c.lead_id)
        .where(inbound.c.state == "held", or_(inbound.c.author_user_id == reader.id, lead.c.owner_id == reader.id))
        .order_by(inbound.c.received_at.desc(), inbound.c.id.desc())
        .limit(_MOST)
    ).all()
    held_out = asking.session.execute(
        select(outbox.c.id, lead.c.title, partner.c.name.label("partner_name"), _TOTAL)
        .join(lead, lead.c.id == outbox.c.lead_id)
        .outerjoin(partner, partner.c.id == lead.c.partner_id)
        .where(outbox.c.state == "held", outbox.c.actor_user_id == reader.id)
        .order_by(outbox.c.id.desc())
        .limit(_MOST)
    ).all()
    return [
        _section(asking, "held", _("Held mail: decide what becomes of it"), held_in, _mail_item, "/inbound?state=held"),
        _section(asking, "held_out", _("Your mails kept back"), held_out, _kept_item, "/outbox?state=held"),
    ]


def _mail_item(asking: Asking, row: _AnyRow) -> Item:
    at = format_datetime(row.received_at, asking.words.locale, asking.reader.time_zone)
    subject = row.subject or asking.words.gettext("(no subject)")
    return Item(subject, _joined(row.from_name or row.from_address, at), f"/inbound/{row.id}", "inbound", row.id)


def _kept_item(asking: Asking, row: _AnyRow) -> Item:
    return Item(_lead_name(row), "", f"/outbox/{row.id}", "outbox", row.id)


def _put_aside(asking: Asking) -> list[Section]:
    """Newsletters and spam verdicts from partners of this owner: kept from their leads, but not from their eyes."""
    since = asking.now - timedelta(days=3)
    rows = asking.session.execute(
        select(
            inbound.c.id, inbound.c.subject, inbound.c.received_at, inbound.c.from_name, inbound.c.from_address, _TOTAL
        )
        .join(partner_address, partner_address.c.key == inbound.c.from_key)
        .join(partner, partner.c.id == partner_address.c.partner_id)
        .where(inbound.c.state == "quiet", inbound.c.received_at > since, partner.c.owner_id == asking.reader.id)
        .order_by(inbound.c.received_at.desc())
        .limit(_MOST)
    ).all()
    title = asking.words.gettext("Put aside from your customers, as newsletters or spam")
    return [_section(asking, "put_aside", title, rows, _mail_item, "/inbound?state=quiet")]


def _unassigned(asking: Asking) -> list[Section]:
    mine = exists().where(team_member.c.team_id == lead.c.team_id, team_member.c.user_id == asking.reader.id)
    rows = asking.session.execute(
        select(lead.c.id, lead.c.title, lead.c.created_at, partner.c.name.label("partner_name"), _TOTAL)
        .outerjoin(partner, partner.c.id == lead.c.partner_id)
        .where(lead.c.owner_id.is_(None), lead.c.outcome.is_(None), mine)
        .order_by(lead.c.created_at.desc(), lead.c.id.desc())
        .limit(_MOST)
    ).all()
    title = asking.words.gettext("New leads nobody owns")
    return [_section(asking, "unassigned", title, rows, _unassigned_item, "/?owner=none")]


def _unassigned_item(asking: Asking, row: _AnyRow) -> Item:
    at = format_datetime(row.created_at, asking.words.locale, asking.reader.time_zone)
    return Item(row.partner_name or row.title, _joined(row.title, at), f"/leads/{row.id}", "unowned", row.id)


def _unplaced(asking: Asking) -> list[Section]:
    """For managers: mail that found no lead, and how much was put aside since yesterday."""
    if not asking.reader.is_manager:
        return []
    words = asking.words
    since = asking.now - timedelta(days=1)
    is_listed = or_(inbound.c.state == "triage", and_(inbound.c.state == "quiet", inbound.c.received_at > since))
    rows = asking.session.execute(
        select(inbound.c.id, inbound.c.state, inbound.c.subject, inbound.c.received_at, inbound.c.from_name,
               inbound.c.from_address, func.count().over(partition_by=inbound.c.state).label("total"))
        .where(is_listed)
        .order_by(inbound.c.state.desc(), inbound.c.id.desc())
        .limit(200)
    ).all()  # fmt: skip
    triage = [row for row in rows if row.state == "triage"]
    quiet = [row for row in rows if row.state == "quiet"]
    titles = (words.gettext("Mail that found no lead"), words.gettext("Put aside since yesterday"))
    return [
        _few(_section(asking, "triage", titles[0], triage, _mail_item, "/inbound?state=triage")),
        _few(_section(asking, "quiet", titles[1], quiet, _mail_item, "/inbound?state=quiet")),
    ]


def _few(section: Section) -> Section:
    return replace(section, items=section.items[:5])


_SECTIONS = (_activities, _mentions, _waiting, _held, _put_aside, _unassigned, _unplaced)
