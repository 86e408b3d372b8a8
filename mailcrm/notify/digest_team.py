"""The team's table in a manager's digest: five statements, however large the team."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, and_, case, func, select

from mailcrm.i18n import Translator, format_money
from mailcrm.notify.digest_content import Asking, TeamLine
from mailcrm.notify.digest_scope import members, since
from mailcrm.store.tables import activity, lead, user

_AnyRow = Row[*tuple[Any, ...]]


def read_team(asking: Asking) -> tuple[TeamLine, ...]:
    """Each salesperson of the manager's teams: open leads, overdue activities, customers waiting, value, won and lost since."""
    of_team = members(asking)
    is_waiting = and_(lead.c.waiting_on == "us", lead.c.waiting_since <= asking.unanswered_before)
    rows = asking.session.execute(
        select(user.c.id, user.c.name, lead.c.currency, func.count(lead.c.id).label("open"),
               func.count(case((is_waiting, 1))).label("waiting"), func.sum(lead.c.expected_revenue).label("value"))
        .join(user, user.c.id == lead.c.owner_id)
        .where(lead.c.outcome.is_(None), user.c.id.in_(of_team))
        .group_by(user.c.id, user.c.name, lead.c.currency)
        .order_by(user.c.name)
    ).all()  # fmt: skip
    late = asking.session.execute(
        select(activity.c.user_id, func.count().label("late"))
        .where(activity.c.done_at.is_(None), activity.c.due_on < asking.today, activity.c.user_id.in_(of_team))
        .group_by(activity.c.user_id)
    )
    overdue: dict[int, int] = {row.user_id: row.late for row in late}
    everybody = asking.session.execute(
        select(user.c.id, user.c.name).where(user.c.id.in_(of_team), user.c.is_active).order_by(user.c.name)
    ).all()
    closed = asking.session.execute(
        select(lead.c.owner_id, lead.c.outcome, func.count().label("leads"))
        .where(lead.c.owner_id.in_(of_team), lead.c.closed_at > since(asking), lead.c.outcome.in_(("won", "lost")))
        .group_by(lead.c.owner_id, lead.c.outcome)
    )
    ended = {(row.owner_id, row.outcome): row.leads for row in closed}
    lines = [
        (one.id, replace(
            _team_line(one, [r for r in rows if r.id == one.id], overdue, asking.words),
            won=ended.get((one.id, "won"), 0),
            lost=ended.get((one.id, "lost"), 0),
        ))
        for one in everybody
    ]  # fmt: skip
    return tuple(line for user_id, line in lines if line.open or line.overdue or user_id != asking.reader.id)


def _team_line(person: _AnyRow, rows: Sequence[_AnyRow], overdue: Mapping[int, int], words: Translator) -> TeamLine:
    values = [format_money(Decimal(round(row.value)), row.currency, words.locale) for row in rows if row.value]
    return TeamLine(
        name=person.name,
        path=f"/?owner={person.id}",
        open=sum(row.open for row in rows),
        overdue=overdue.get(person.id, 0),
        waiting=sum(row.waiting for row in rows),
        value=" + ".join(values),
    )
