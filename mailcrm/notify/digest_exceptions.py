"""What a manager should look at first: customers nobody answers, work of who is away, leads without owner or standing still.

A statement for each, asked for managers alone. Every lead is named with its owner and numbered with the other items, so that
it can be given to somebody by an answer; it stands under the first heading it fits.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, exists, func, literal_column, not_, or_, select

from mailcrm.i18n import format_date, format_datetime
from mailcrm.notify.digest_content import Asking, Item, Section, joined, shortened
from mailcrm.notify.digest_scope import their_leads
from mailcrm.store.tables import activity, lead, message, partner, stage, user
from mailcrm.workdays import worked

_AnyRow = Row[*tuple[Any, ...]]
_MOST = 8
_deputy = user.alias("deputy")
_quiet_since = func.coalesce(lead.c.last_message_at, lead.c.created_at)


def read_unanswered(asking: Asking) -> list[Section]:
    is_late = and_(lead.c.waiting_on == literal_column("'us'"), lead.c.waiting_since <= asking.unanswered_before)
    rows = _rows(asking, _leads().where(is_late, lead.c.owner_id != asking.reader.id, not_(_is_alone(asking))),
                 lead.c.waiting_since)  # fmt: skip
    words = asking.words

    def detail(row: _AnyRow) -> str:
        hours = int(worked(row.waiting_since, asking.now, asking.working).total_seconds() // 3600)
        age = words.ngettext("%(count)s working hour", "%(count)s working hours", hours) % {"count": hours}
        return joined(row.owner_name, words.gettext("waiting for %(age)s") % {"age": age}, _about(row))

    title = words.gettext("Customers nobody has answered")
    return _sections("unanswered", title, rows, detail, "/", is_late=True)


def read_left_alone(asking: Asking) -> list[Section]:
    """Work that waits for somebody who is away without a deputy who is here."""
    is_waiting = or_(
        lead.c.waiting_on == literal_column("'us'"),
        exists().where(
            activity.c.lead_id == lead.c.id, activity.c.done_at.is_(None), activity.c.due_on <= asking.today
        ),
    )
    rows = _rows(asking, _leads().where(_is_alone(asking), is_waiting), user.c.name, lead.c.waiting_since)
    words = asking.words

    def detail(row: _AnyRow) -> str:
        until = format_date((row.absent_until - timedelta(seconds=1)).date(), words.locale)
        said = words.gettext("%(name)s is away until %(day)s, nobody stands in") % {
            "name": row.owner_name,
            "day": until,
        }
        return joined(said, _about(row))

    return _sections("alone", words.gettext("Work of people who are away"), rows, detail, "/", is_late=True)


def read_unassigned(asking: Asking) -> list[Section]:
    rows = _rows(asking, _leads().where(lead.c.owner_id.is_(None)), lead.c.created_at)

    def detail(row: _AnyRow) -> str:
        return joined(_about(row), format_datetime(row.created_at, asking.words.locale, asking.reader.time_zone))

    title = asking.words.gettext("Leads nobody owns")
    return _sections("unassigned", title, rows, detail, "/?owner=none", kind="unowned")


def read_stalled(asking: Asking) -> list[Section]:
    """Nothing was written, changed or planned for so many days in an open stage, and it is the customer's turn or nobody's."""
    before = asking.now - timedelta(days=asking.rules.stalled_days)
    is_still = and_(
        stage.c.kind == "open",
        lead.c.owner_id.is_not(None),
        or_(lead.c.waiting_on.is_(None), lead.c.waiting_on != "us"),
        _quiet_since <= before,
        ~exists().where(message.c.lead_id == lead.c.id, message.c.at > before),
        ~exists().where(activity.c.lead_id == lead.c.id, activity.c.done_at.is_(None)),
    )
    rows = _rows(asking, _leads().where(is_still, not_(_is_alone(asking))), _quiet_since)
    words = asking.words

    def detail(row: _AnyRow) -> str:
        days = (asking.now - row.quiet_since).days
        age = words.ngettext("nothing for %(count)s day", "nothing for %(count)s days", days) % {"count": days}
        return joined(row.owner_name, age, row.name_fi if words.locale == "fi" else row.name_en, _about(row))

    return _sections("stalled", words.gettext("Leads that stand still"), rows, detail, "/")


def _leads() -> Select[Any]:
    return (
        select(lead.c.id, lead.c.title, lead.c.waiting_since, lead.c.created_at, user.c.name.label("owner_name"),
               user.c.absent_until, partner.c.name.label("partner_name"), stage.c.name_en, stage.c.name_fi,
               _quiet_since.label("quiet_since"), func.count().over().label("total"))
        .join(stage, stage.c.id == lead.c.stage_id)
        .outerjoin(user, user.c.id == lead.c.owner_id)
        .outerjoin(partner, partner.c.id == lead.c.partner_id)
        .where(lead.c.outcome.is_(None))
    )  # fmt: skip


def _is_alone(asking: Asking) -> ColumnElement[bool]:
    """The owner is away and no deputy of theirs is here."""
    is_here = or_(_deputy.c.absent_until.is_(None), _deputy.c.absent_until <= asking.now)
    stands_in = exists().where(_deputy.c.id == user.c.deputy_id, _deputy.c.is_active, is_here)
    return and_(user.c.absent_until.is_not(None), user.c.absent_until > asking.now, ~stands_in)


def _rows(asking: Asking, asked: Select[Any], *order: Any) -> Sequence[_AnyRow]:
    ordered = asked.where(their_leads(asking)).order_by(*order, lead.c.id).limit(_MOST)
    return asking.session.execute(ordered).all()


def _sections(
    key: str,
    title: str,
    rows: Sequence[_AnyRow],
    detail: Callable[[_AnyRow], str],
    path: str,
    *,
    is_late: bool = False,
    kind: str = "lead",
) -> list[Section]:
    if not rows:
        return []
    items = tuple(
        Item(shortened(row.partner_name or row.title), detail(row), f"/leads/{row.id}", kind, row.id, lead_id=row.id)
        for row in rows
    )
    return [Section(key, title, items, rows[0].total, path, is_late=is_late)]


def _about(row: _AnyRow) -> str:
    return shortened(row.title) if row.partner_name else ""
