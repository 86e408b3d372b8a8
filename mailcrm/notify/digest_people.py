"""Who waits for the reader: colleagues who mentioned them, customers, leads that nothing is planned for, leads nobody owns.

A statement for each. A customer's waiting is counted in the reader's own working hours.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import BindParameter, bindparam, exists, func, literal_column, or_, select

from mailcrm.i18n import Translator, format_datetime, format_money
from mailcrm.notify.digest_content import Asking, Item, Section, joined, lead_name, section, shortened
from mailcrm.store.prepared import Prepared
from mailcrm.store.tables import UTCDateTime, activity, lead, mention, message, partner, stage, team_member, user
from mailcrm.workdays import worked

READER: BindParameter[Any] = bindparam("reader")
TOTAL = func.count().over().label("total")
_MOST = 8
_MOST_WAITING = 12


_answer = message.alias("answer")
_is_answered = exists().where(
    _answer.c.lead_id == mention.c.lead_id,
    _answer.c.author_user_id == READER,
    _answer.c.kind != "event",
    _answer.c.at >= mention.c.created_at,
)
_MENTIONS = Prepared(
        select(mention.c.id, mention.c.lead_id, mention.c.created_at, message.c.author_name,
               func.substr(message.c.new_text, 1, 400).label("said"), user.c.name.label("by_name"), lead.c.title,
               partner.c.name.label("partner_name"), TOTAL)
        .join(message, message.c.id == mention.c.message_id)
        .join(lead, lead.c.id == mention.c.lead_id)
        .outerjoin(partner, partner.c.id == lead.c.partner_id)
        .outerjoin(user, user.c.id == message.c.author_user_id)
        .where(mention.c.user_id == READER, mention.c.read_at.is_(None), ~_is_answered)
        .order_by(mention.c.id.desc())
        .limit(_MOST)
    )  # fmt: skip


def read_mentions(asking: Asking) -> list[Section]:
    """Mentions that the reader has neither marked as read nor answered on the lead."""
    rows = _MENTIONS.all(asking.session, {"reader": asking.reader.id})
    title = asking.words.gettext("You were mentioned")
    return [section("mentions", title, rows, _mention_item, "/", most=_MOST)]


def _mention_item(row: Any) -> Item:
    said = shortened(f"{row.by_name or row.author_name}: {row.said}", 140)
    return Item(said, lead_name(row), f"/leads/{row.lead_id}", "mention", row.id, lead_id=row.lead_id)


_WAITING = Prepared(
        select(lead.c.id, lead.c.title, lead.c.waiting_since, partner.c.name.label("partner_name"), TOTAL)
        .outerjoin(partner, partner.c.id == lead.c.partner_id)
        .where(
            lead.c.owner_id == READER,
            lead.c.outcome.is_(None),
            lead.c.waiting_on == literal_column("'us'"),  # as the index has it
            lead.c.waiting_since <= bindparam("before", type_=UTCDateTime()),
        )
        .order_by(lead.c.waiting_since, lead.c.id)
        .limit(_MOST_WAITING)
    )  # fmt: skip


def read_waiting(asking: Asking) -> list[Section]:
    """Customers who wait longer than the house allows, the longest first."""
    rows = _WAITING.all(asking.session, {"reader": asking.reader.id, "before": asking.unanswered_before})

    def item(row: Any) -> Item:
        span = worked(row.waiting_since, asking.now, asking.working)
        age = asking.words.gettext("waiting for %(age)s") % {"age": _hours(span, asking.words)}
        name = shortened(row.partner_name or row.title)
        detail = joined(age, shortened(row.title) if row.partner_name else "")
        return Item(name, detail, f"/leads/{row.id}", "waiting", row.id, lead_id=row.id)

    title, path = asking.words.gettext("Customers waiting for your answer"), f"/?owner={asking.reader.id}"
    return [section("waiting", title, rows, item, path, most=_MOST_WAITING, is_late=True)]


def _hours(span: timedelta, words: Translator) -> str:
    hours = int(span.total_seconds() // 3600)
    return words.ngettext("%(count)s working hour", "%(count)s working hours", hours) % {"count": hours}


_planned = exists().where(activity.c.lead_id == lead.c.id, activity.c.done_at.is_(None))
_touched = func.coalesce(lead.c.last_message_at, lead.c.created_at)
_IDLE = Prepared(
        select(lead.c.id, lead.c.title, lead.c.expected_revenue, lead.c.currency, stage.c.name_en, stage.c.name_fi,
               partner.c.name.label("partner_name"), TOTAL)
        .join(stage, stage.c.id == lead.c.stage_id)
        .outerjoin(partner, partner.c.id == lead.c.partner_id)
        .where(
            lead.c.owner_id == READER,
            lead.c.outcome.is_(None),
            stage.c.kind == "open",
            or_(lead.c.waiting_on.is_(None), lead.c.waiting_on != "us"),
            ~_planned,
        )
        .order_by(func.coalesce(lead.c.expected_revenue, 0).desc(), _touched, lead.c.id)
        .limit(_MOST)
    )  # fmt: skip


def read_idle(asking: Asking) -> list[Section]:
    """The reader's open leads with nothing planned and nobody waiting: the most valuable first, then the longest untouched."""
    rows = _IDLE.all(asking.session, {"reader": asking.reader.id})

    def item(row: Any) -> Item:
        locale = asking.words.locale
        worth = format_money(row.expected_revenue, row.currency, locale) if row.expected_revenue else ""
        name = shortened(row.partner_name or row.title)
        of = shortened(row.title, 80) if row.partner_name else ""
        detail = joined(of, row.name_fi if locale == "fi" else row.name_en, worth)
        return Item(name, detail, f"/leads/{row.id}", "idle", row.id, lead_id=row.id)

    title, path = asking.words.gettext("Leads with nothing planned"), f"/?owner={asking.reader.id}&next=none"
    return [section("idle", title, rows, item, path, most=_MOST)]


_my_teams = select(team_member.c.team_id).where(team_member.c.user_id == READER)
_UNOWNED = Prepared(
        select(lead.c.id, lead.c.title, lead.c.created_at, partner.c.name.label("partner_name"), TOTAL)
        .outerjoin(partner, partner.c.id == lead.c.partner_id)
        .where(lead.c.owner_id.is_(None), lead.c.outcome.is_(None), lead.c.team_id.in_(_my_teams))
        .order_by(lead.c.created_at.desc(), lead.c.id.desc())
        .limit(_MOST)
    )  # fmt: skip


def read_unowned(asking: Asking) -> list[Section]:
    """New leads of the reader's teams that nobody has taken yet; a manager's stand among the exceptions."""
    if asking.reader.is_manager:
        return []
    rows = _UNOWNED.all(asking.session, {"reader": asking.reader.id})

    def item(row: Any) -> Item:
        at = format_datetime(row.created_at, asking.words.locale, asking.reader.time_zone)
        detail = joined(shortened(row.title) if row.partner_name else "", at)
        return Item(
            shortened(row.partner_name or row.title), detail, f"/leads/{row.id}", "unowned", row.id, lead_id=row.id
        )

    title = asking.words.gettext("New leads nobody owns")
    return [section("unassigned", title, rows, item, "/?owner=none", most=_MOST)]
