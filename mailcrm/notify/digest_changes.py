"""What changed in a manager's teams since their last digest: new leads, won and lost ones, moved ones, other values.

Read from the history, three statements: a lead moved forth and back has not moved, one whose value was changed twice is told once.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, func, literal_column, select

from mailcrm.i18n import format_money
from mailcrm.notify.digest_content import Asking, Change, ChangeLine, lead_name, shortened
from mailcrm.notify.digest_scope import since, their_leads
from mailcrm.store.tables import lead, message, partner, stage, stage_change

_AnyRow = Row[*tuple[Any, ...]]
_MOST = 6  # named of each kind
_MOST_ROWS = 2_000
_LONGEST = 80
_LEAD = (lead.c.id, lead.c.title, lead.c.expected_revenue, lead.c.currency, partner.c.name.label("partner_name"))


def read_changes(asking: Asking) -> tuple[ChangeLine, ...]:
    """A line for each kind of change that there was."""
    began = since(asking)
    moves = _moves(asking, began)
    _ = asking.words.gettext
    lines = [
        _new(asking, began),
        _line("won", _("Won"), [_worth(asking, row) for _from, to, row in moves if to.kind == "won"]),
        _line("lost", _("Lost"), [_lost(asking, row) for _from, to, row in moves if to.kind == "lost"]),
        _line("moved", _("Moved"), [_moved(asking, *one) for one in moves if one[1].kind not in ("won", "lost")]),
        _line("value", _("Another value"), _values(asking, began)),
    ]
    return tuple(line for line in lines if line.count)


def _line(key: str, title: str, changes: Sequence[Change], count: int | None = None) -> ChangeLine:
    return ChangeLine(key, title, len(changes) if count is None else count, tuple(changes[:_MOST]))


def _new(asking: Asking, began: datetime) -> ChangeLine:
    rows = asking.session.execute(
        select(*_LEAD, func.count().over().label("total"))
        .outerjoin(partner, partner.c.id == lead.c.partner_id)
        .where(lead.c.created_at > began, lead.c.created_at <= asking.now, their_leads(asking))
        .order_by(lead.c.created_at.desc(), lead.c.id.desc())
        .limit(_MOST)
    ).all()
    changes = [_worth(asking, row) for row in rows]
    return _line("new", asking.words.gettext("New leads"), changes, rows[0].total if rows else 0)


def _moves(asking: Asking, began: datetime) -> list[tuple[Any, Any, _AnyRow]]:
    """First and last stage of each lead that is in another one than before, and the lead; a new lead's first stage is no move."""
    stages = {row.id: row for row in asking.session.execute(select(stage))}
    rows = asking.session.execute(
        select(*_LEAD, lead.c.lost_reason, stage_change.c.from_stage_id, stage_change.c.to_stage_id)
        .join(lead, lead.c.id == stage_change.c.lead_id)
        .outerjoin(partner, partner.c.id == lead.c.partner_id)
        .where(stage_change.c.at > began, stage_change.c.at <= asking.now, lead.c.created_at <= began)
        .where(stage_change.c.undone_at.is_(None), stage_change.c.from_stage_id.is_not(None), their_leads(asking))
        .order_by(stage_change.c.at, stage_change.c.id)
        .limit(_MOST_ROWS)
    ).all()
    ends = [(of[0].from_stage_id, of[-1].to_stage_id, of[-1]) for of in _by_lead(rows)]
    return [(stages[first], stages[last], row) for first, last, row in reversed(ends) if first != last]


def _by_lead(rows: Iterable[_AnyRow]) -> list[list[_AnyRow]]:
    found: dict[int, list[_AnyRow]] = {}
    for row in rows:
        found.setdefault(row.id, []).append(row)
    return list(found.values())


def _values(asking: Asking, began: datetime) -> list[Change]:
    rows = asking.session.execute(
        select(*_LEAD, message.c.event_data)
        .join(message, message.c.lead_id == lead.c.id)
        .outerjoin(partner, partner.c.id == lead.c.partner_id)
        .where(
            message.c.at > began,
            message.c.at <= asking.now,
            message.c.event == literal_column("'fields'"),
            their_leads(asking),
        )
        .order_by(message.c.at, message.c.id)
        .limit(_MOST_ROWS)
    ).all()
    told = [row for row in rows if "expected_revenue" in row.event_data]
    changes = []
    for of in reversed(_by_lead(told)):
        before, after = of[0].event_data["expected_revenue"][0], of[-1].event_data["expected_revenue"][1]
        if before != after:
            said = " → ".join(_money(asking, value, of[-1].currency) for value in (before, after))
            changes.append(_change(of[-1], said))
    return changes


def _money(asking: Asking, value: Any, currency: str) -> str:
    return "–" if value is None else format_money(Decimal(str(value)), currency, asking.words.locale)


def _worth(asking: Asking, row: _AnyRow) -> Change:
    return _change(row, _money(asking, row.expected_revenue, row.currency) if row.expected_revenue else "")


def _lost(asking: Asking, row: _AnyRow) -> Change:
    return _change(
        row, " · ".join(part for part in (_worth(asking, row).detail, shortened(row.lost_reason, _LONGEST)) if part)
    )


def _moved(asking: Asking, first: Any, last: Any, row: _AnyRow) -> Change:
    is_finnish = asking.words.locale == "fi"
    return _change(row, " → ".join(one.name_fi if is_finnish else one.name_en for one in (first, last)))


def _change(row: _AnyRow, detail: str) -> Change:
    return Change(lead_name(row), detail, f"/leads/{row.id}")
