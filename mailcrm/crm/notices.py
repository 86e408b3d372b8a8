"""Which notices a user wants and how they reach them: one verb for the page, the command line and commands by mail."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select, update

from mailcrm.crm.audit import record
from mailcrm.crm.done import Done, NotFound, Refused
from mailcrm.store.engine import Session
from mailcrm.store.tables import user
from mailcrm.wishes import ALLOWED, Level, Topic, level_of, with_level


def wishes_of(session: Session, user_id: int) -> dict[Topic, Level]:
    """How each topic reaches the user."""
    kept = _kept(session, user_id)
    return {topic: level_of(kept, topic) for topic in Topic}


def set_notices(session: Session, user_id: int, levels: Mapping[Topic, Level], by: int | None, now: datetime) -> Done:
    """Change how these topics reach the user; refused where that level is not possible."""
    kept = _kept(session, user_id)
    for topic, level in levels.items():
        if level not in ALLOWED[topic]:
            raise Refused(_WHY_NOT[topic])
        kept = with_level(kept, topic, level)
    session.execute(update(user).where(user.c.id == user_id).values(notices=kept))
    record(session, "set_notices", f"user {user_id}", by, now, {"notices": kept})
    return Done(user_id)


def as_far_as_possible(level: Level) -> dict[Topic, Level]:
    """Every topic at this level, or at the nearest that is possible for it."""
    return {topic: level if level in allowed else allowed[-1] for topic, allowed in ALLOWED.items()}


def _kept(session: Session, user_id: int) -> dict[str, str]:
    row = session.execute(select(user.c.notices).where(user.c.id == user_id).with_for_update()).first()
    if row is None:
        raise NotFound("There is no user %(id)s.", id=user_id)
    return dict(row.notices)


def _(msgid: str) -> str:
    """Marks a text for translation."""
    return msgid


_OF_A_CUSTOMER = _("A customer's mail cannot be switched off: choose the digest, or mute a lead.")
_WHY_NOT: Mapping[Topic, str] = {
    Topic.NEW: _OF_A_CUSTOMER,
    Topic.REPLY: _OF_A_CUSTOMER,
    Topic.MENTION: _("Who is mentioned is asked something: it cannot be switched off."),
    Topic.NOTE: _("This cannot be chosen."),
    Topic.SENT: _("This cannot be chosen."),
    Topic.REMINDER: _("A reminder comes at its time or not at all."),
    Topic.FAILURE: _("A mail of yours that did not arrive cannot wait for the digest or be switched off."),
    Topic.ABSENCE: _("This cannot be chosen."),
}
