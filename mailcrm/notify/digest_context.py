"""The second line of a digest's items: how the customer's last mail begins, else what is planned next. Two statements for all."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import BindParameter, bindparam, func, select

from mailcrm.i18n import format_date
from mailcrm.notify.cardtext import activity_name
from mailcrm.notify.digest_content import Asking, Item, Section, shortened
from mailcrm.store.prepared import Prepared
from mailcrm.store.tables import activity, lead, message

_LONGEST = 140  # characters of a customer's words
_PLANNED = frozenset({"waiting", "mention", "bounce", "outbox"})  # an activity is a next step itself


def with_context(asking: Asking, sections: Sequence[Section]) -> tuple[Section, ...]:
    """The sections, each item with its second line where there is something to say."""
    ids = sorted({item.lead_id for one in sections for item in one.items if item.lead_id is not None})
    ids = ids or [0]  # as many statements for who has nothing
    said, planned = _last_words(asking, ids), _next_steps(asking, ids)

    def filled(item: Item) -> Item:
        if item.context or item.lead_id is None:
            return item
        following = planned.get(item.lead_id, "") if item.kind in _PLANNED else ""
        return replace(item, context=said.get(item.lead_id, "") or following)

    return tuple(replace(one, items=tuple(map(filled, one.items))) for one in sections)


_newest = (
    select(message.c.id)
    .where(message.c.lead_id == lead.c.id, message.c.kind == "email_in", message.c.is_folded.is_(False))
    .order_by(message.c.at.desc(), message.c.id.desc())
    .limit(1)
    .correlate(lead)
    .scalar_subquery()
)
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_LAST_WORDS = Prepared(
    select(lead.c.id, func.substr(message.c.new_text, 1, 4 * _LONGEST).label("said"))
    .join(message, message.c.id == _newest)
    .where(lead.c.id.in_(_IDS))
)
_NEXT_STEPS = Prepared(
    select(activity.c.lead_id, activity.c.type, activity.c.summary, activity.c.due_on)
    .where(activity.c.lead_id.in_(_IDS), activity.c.done_at.is_(None))
    .order_by(activity.c.due_on.desc(), activity.c.id.desc())
)


def _last_words(asking: Asking, lead_ids: Sequence[int]) -> dict[int, str]:
    """The beginning of each customer's newest mail, in quotation marks."""
    rows = _LAST_WORDS.all(asking.session, {"ids": lead_ids})
    quoted = asking.words.gettext("“%(text)s”")
    return {row.id: quoted % {"text": shortened(row.said, _LONGEST)} for row in rows if row.said.strip()}


def _next_steps(asking: Asking, lead_ids: Sequence[int]) -> dict[int, str]:
    words = asking.words
    steps: dict[int, str] = {}
    for row in _NEXT_STEPS.all(asking.session, {"ids": lead_ids}):
        what = activity_name(row.type, words) + (f": {row.summary}" if row.summary else "")
        named = {"what": shortened(what), "day": format_date(row.due_on, words.locale)}
        steps[row.lead_id] = words.gettext("Next: %(what)s, %(day)s") % named
    return steps
