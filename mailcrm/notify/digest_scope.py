"""What a manager's digest speaks of: the leads and people of their own teams, everything for an administrator; and since when."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, ScalarSelect, Select, select, true, union_all

from mailcrm.notify.digest_content import Asking
from mailcrm.store.tables import digest, lead, team_member

_LONGEST = timedelta(days=31)


def members(asking: Asking) -> Select[int]:
    """The ids of the users of the reader's teams."""
    everybody = select(team_member.c.user_id)
    return everybody if asking.reader.role == "admin" else everybody.where(team_member.c.team_id.in_(_teams(asking)))


def their_leads(asking: Asking) -> ColumnElement[bool]:
    """A condition on ``lead``: of the reader's teams, or of no team and owned by one of their people.

    By ids, found through the indexes of team and owner: an "or" makes SQLite look at the leads of the whole house.
    """
    if asking.reader.role == "admin":
        return true()
    one = lead.alias("their_lead")
    of_teams = select(one.c.id).where(one.c.team_id.in_(_teams(asking)))
    of_people = select(one.c.id).where(one.c.team_id.is_(None), one.c.owner_id.in_(members(asking)))
    return lead.c.id.in_(union_all(of_teams, of_people))


def since(asking: Asking) -> datetime:
    """When the reader's last digest was written that left; a day or a week ago where there was none, never over a month."""
    asked = (
        select(digest.c.created_at)
        .where(digest.c.user_id == asking.reader.id, digest.c.state == "sent")
        .order_by(digest.c.local_date.desc())
        .limit(1)
    )
    last = asking.session.execute(asked).scalar()
    usual = timedelta(days=7 if asking.reader.how_often == "weekly" else 1)
    return max(last or asking.now - usual, asking.now - _LONGEST)


def _teams(asking: Asking) -> ScalarSelect[int] | Select[int]:
    return select(team_member.c.team_id).where(team_member.c.user_id == asking.reader.id)
