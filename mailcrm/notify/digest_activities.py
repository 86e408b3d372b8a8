"""The activities of a digest: overdue, today, coming; one statement.

Overdue ones stand in the order of the lead's expected value times the days they are late; a lead without a value counts as 1, so
that those with a value come first, and among the others the longest overdue. Currencies are compared as plain numbers.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Date, and_, bindparam, case, func, select

from mailcrm.i18n import format_clock, format_date, format_money
from mailcrm.notify.cardtext import activity_name
from mailcrm.notify.digest_content import Asking, Item, Section, joined, section, shortened
from mailcrm.store.prepared import Prepared
from mailcrm.store.tables import UTCDateTime, activity, lead, partner

COMING_DAYS = 7
_MOST = 15
_MOST_COMING = 8
_WITHOUT_VALUE = 1


def _statement(days_late: ColumnElement[Any]) -> Prepared:
    today = bindparam("today", type_=Date())
    is_late, is_today = activity.c.due_on < today, activity.c.due_on == today
    when = case((is_late, "overdue"), (is_today, "today"), else_="coming")
    worth = case((is_late, func.coalesce(func.nullif(lead.c.expected_revenue, 0), _WITHOUT_VALUE) * days_late), else_=0)
    at = func.coalesce(activity.c.due_at, bindparam("now", type_=UTCDateTime()))
    is_mine = and_(activity.c.user_id == bindparam("user"), activity.c.done_at.is_(None))
    mine = (
        select(
            activity.c.id,
            activity.c.lead_id,
            activity.c.type,
            activity.c.summary,
            activity.c.due_on,
            activity.c.due_at,
            lead.c.title,
            lead.c.partner_id,
            lead.c.expected_revenue,
            lead.c.currency,
            when.label("part"),
            func.count().over(partition_by=when).label("total"),
            func.row_number()
            .over(partition_by=when, order_by=(worth.desc(), activity.c.due_on, at, activity.c.id))
            .label("position"),
        )
        .join(lead, lead.c.id == activity.c.lead_id)
        .where(is_mine, activity.c.due_on <= bindparam("until", type_=Date()))
        .subquery()
    )
    asked = select(mine, partner.c.name.label("partner_name")).outerjoin(partner, partner.c.id == mine.c.partner_id)
    return Prepared(asked.where(mine.c.position <= _MOST).order_by(mine.c.position))


# The two databases count the days between two dates differently.
_TODAY: BindParameter[Any] = bindparam("today", type_=Date())
_ACTIVITIES = {
    "sqlite": _statement(func.julianday(_TODAY) - func.julianday(activity.c.due_on)),
    "postgresql": _statement(_TODAY - activity.c.due_on),
}


def read_activities(asking: Asking) -> list[Section]:
    """What the reader has planned up to a week from now, in three sections."""
    until = asking.today + timedelta(days=COMING_DAYS)
    binds = {"user": asking.reader.id, "today": asking.today, "until": until, "now": asking.now}
    rows = _ACTIVITIES[asking.session.dialect.name].all(asking.session, binds)
    _ = asking.words.gettext
    parts = {part: [row for row in rows if row.part == part] for part in ("overdue", "today", "coming")}

    def item(row: Any) -> Item:
        return _item(asking, row)

    return [
        section("overdue", _("Overdue"), parts["overdue"], item, "/activities", most=_MOST, is_late=True),
        section("today", _("Today"), parts["today"], item, "/activities", most=_MOST),
        section("coming", _("Coming"), parts["coming"], item, "/activities", most=_MOST_COMING),
    ]


def _item(asking: Asking, row: Any) -> Item:
    words = asking.words
    days = (asking.today - row.due_on).days
    what = activity_name(row.type, words) + (f": {row.summary}" if row.summary else "")
    late = words.ngettext("%(count)s day late", "%(count)s days late", days) % {"count": days} if days > 0 else ""
    day = format_date(row.due_on, words.locale) if days else ""
    at = format_clock(row.due_at, words.locale, asking.reader.time_zone) if row.due_at else ""
    worth = format_money(row.expected_revenue, row.currency, words.locale) if row.expected_revenue else ""
    title = f"{what} – {row.partner_name}" if row.partner_name else what
    detail = joined(late, joined(day, at), shortened(row.title, 80), worth)
    return Item(shortened(title), detail, f"/leads/{row.lead_id}", "activity", row.id, lead_id=row.lead_id)
