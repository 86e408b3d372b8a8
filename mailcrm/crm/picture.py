"""What can be changed about a lead, as one value; the difference of two of them is what commands did, and its inverse.

Values are as JSON keeps them, so that a picture can be compared with one that was stored.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import bindparam, select

from mailcrm.store.engine import Session
from mailcrm.store.prepared import Prepared
from mailcrm.store.tables import activity, follower, lead, lead_tag, tag

STAGE_FIELDS = ("stage_id", "previous_stage_id", "outcome", "closed_at", "on_hold_until", "lost_reason")
OWNER_FIELDS = ("owner_id", "owner_reason")
OTHER_FIELDS = ("priority", "expected_revenue", "currency", "probability", "expected_closing", "title")
FIELDS = (*STAGE_FIELDS, *OWNER_FIELDS, *OTHER_FIELDS)
ACTIVITY_FIELDS = ("user_id", "type", "summary", "due_on", "due_at", "done_at", "done_by_id", "feedback")

Values = Mapping[str, Any]
Step = dict[str, Any]

_LEAD = Prepared(select(*(lead.c[name] for name in FIELDS)).where(lead.c.id == bindparam("lead")))
_TAGS = Prepared(
    select(tag.c.name).join(lead_tag, lead_tag.c.tag_id == tag.c.id).where(lead_tag.c.lead_id == bindparam("lead"))
)
_FOLLOWERS = Prepared(select(follower.c.user_id).where(follower.c.lead_id == bindparam("lead")))
_ACTIVITIES = Prepared(
    select(activity.c.id, *(activity.c[name] for name in ACTIVITY_FIELDS)).where(
        activity.c.lead_id == bindparam("lead")
    )
)


@dataclass(frozen=True, slots=True)
class Picture:
    """A lead's fields, tags, followers and activities."""

    fields: Values
    tags: frozenset[str]
    followers: frozenset[int]
    activities: Mapping[int, Values]


def picture(session: Session, lead_id: int) -> Picture:
    """The lead as it is now."""
    binds = {"lead": lead_id}
    row = _LEAD.one(session, binds)
    return Picture(
        plain(row._asdict()),
        frozenset(_TAGS.column(session, binds)),
        frozenset(_FOLLOWERS.column(session, binds)),
        {r.id: plain({name: getattr(r, name) for name in ACTIVITY_FIELDS}) for r in _ACTIVITIES.all(session, binds)},
    )


def plain(values: Values) -> dict[str, Any]:
    """As JSON keeps them."""
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value.quantize(Decimal("0.01")))
    return value


def steps(lead_id: int, before: Picture, after: Picture) -> list[Step]:
    """What changed from one to the other, in the order in which it is taken back."""
    found = list(_field_steps(lead_id, before.fields, after.fields))
    if before.tags != after.tags:
        added, removed = sorted(after.tags - before.tags), sorted(before.tags - after.tags)
        found.append({"do": "tags", "lead": lead_id, "added": added, "removed": removed})
    if before.followers != after.followers:
        came, went = sorted(after.followers - before.followers), sorted(before.followers - after.followers)
        found.append({"do": "followers", "lead": lead_id, "added": came, "removed": went})
    for number, now in after.activities.items():
        was = before.activities.get(number)
        if was != now:
            found.append({"do": "activity", "lead": lead_id, "id": number, "before": was, "after": now})
    return found


def _field_steps(lead_id: int, before: Values, after: Values) -> Iterable[Step]:
    """Fields that belong together go back together; ``key`` is the one that says whether somebody changed it since."""
    groups = (("stage_id", STAGE_FIELDS), ("owner_id", OWNER_FIELDS), *((name, (name,)) for name in OTHER_FIELDS))
    for key, names in groups:
        if any(before[name] != after[name] for name in names):
            was = {name: before[name] for name in names}
            now = {name: after[name] for name in names}
            yield {"do": "fields", "lead": lead_id, "key": key, "before": was, "after": now}
