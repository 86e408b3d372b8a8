"""The pipeline of a manager's teams, and what it is likely to bring in which month: two grouped statements."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, func, select

from mailcrm.i18n import format_money
from mailcrm.notify.digest_content import Asking, Bar, Pipeline
from mailcrm.notify.digest_scope import their_leads
from mailcrm.store.tables import lead, stage

_AnyRow = Row[*tuple[Any, ...]]
_MONTHS = 6


def read_pipeline(asking: Asking) -> Pipeline | None:
    """Open leads and their value by stage, and the value weighted by probability by month of closing; None without open leads."""
    rows = asking.session.execute(
        select(stage.c.id, stage.c.name_en, stage.c.name_fi, lead.c.currency, func.count().label("leads"),
               func.sum(lead.c.expected_revenue).label("value"))
        .join(lead, lead.c.stage_id == stage.c.id)
        .where(lead.c.outcome.is_(None), stage.c.kind.in_(("open", "on_hold")), their_leads(asking))
        .group_by(stage.c.id, stage.c.name_en, stage.c.name_fi, stage.c.position, lead.c.currency)
        .order_by(stage.c.position, stage.c.id)
    ).all()  # fmt: skip
    if not rows:
        return None
    currency = _main_currency(rows)
    return Pipeline(_stages(asking, rows, currency), _forecast(asking, currency))


def _main_currency(rows: Iterable[_AnyRow]) -> str:
    """The one that most money is in: the picture shows it, the figures name the others too."""
    sums: dict[str, Decimal] = {}
    for row in rows:
        sums[row.currency] = sums.get(row.currency, Decimal()) + Decimal(str(row.value or 0))
    return max(sums, key=lambda one: (sums[one], one))


def _stages(asking: Asking, rows: Iterable[_AnyRow], currency: str) -> tuple[Bar, ...]:
    by_stage: dict[int, list[_AnyRow]] = {}
    for row in rows:
        by_stage.setdefault(row.id, []).append(row)
    return tuple(_bar(asking, of, currency) for of in by_stage.values())


def _bar(asking: Asking, rows: list[_AnyRow], currency: str) -> Bar:
    name = rows[0].name_fi if asking.words.locale == "fi" else rows[0].name_en
    amount = sum((_whole(row.value) for row in rows if row.currency == currency), 0)
    said = [_money(asking, _whole(row.value), row.currency) for row in rows if row.value]
    return Bar(name, sum(row.leads for row in rows), amount, " + ".join(said))


def _forecast(asking: Asking, currency: str) -> tuple[Bar, ...]:
    """Past closing days count for this month: nobody said that the money will not come; what has no day, or a far one, is last."""
    rows = asking.session.execute(
        select(lead.c.expected_closing, lead.c.currency, func.count().label("leads"),
               func.sum(lead.c.expected_revenue * lead.c.probability / 100).label("value"))
        .join(stage, stage.c.id == lead.c.stage_id)
        .where(lead.c.outcome.is_(None), lead.c.expected_revenue > 0, stage.c.kind.in_(("open", "on_hold")))
        .where(their_leads(asking))
        .group_by(lead.c.expected_closing, lead.c.currency)
    ).all()  # fmt: skip
    months = [_month_after(asking.today, n) for n in range(_MONTHS)]
    slots: dict[date | None, list[_AnyRow]] = {month: [] for month in (*months, None)}
    for row in rows:
        day = row.expected_closing
        month = max(day.replace(day=1), months[0]) if day else None
        slots[month if month in slots else None].append(row)
    return tuple(_month_bar(asking, month, of, currency) for month, of in slots.items() if month or of)


def _month_bar(asking: Asking, month: date | None, rows: list[_AnyRow], currency: str) -> Bar:
    name = f"{month.month}/{month.year}" if month else asking.words.gettext("later, or no day")
    sums: dict[str, int] = {}
    for row in rows:
        sums[row.currency] = sums.get(row.currency, 0) + _whole(row.value)
    said = [_money(asking, amount, one) for one, amount in sorted(sums.items()) if amount]
    return Bar(name, sum(row.leads for row in rows), sums.get(currency, 0), " + ".join(said))


def _month_after(day: date, months: int) -> date:
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def _whole(value: Any) -> int:
    return round(Decimal(str(value or 0)))


def _money(asking: Asking, amount: int, currency: str) -> str:
    return format_money(Decimal(amount), currency, asking.words.locale)
