"""Things as a caller names them: a stage by id, name or kind, a user by id or address, a team by id or name.

Each raises Refused when there is no such thing, so that a misspelt filter is not an empty list.
"""

from sqlalchemy import select

from mailcrm.address import address_key
from mailcrm.crm.done import Refused
from mailcrm.crm.stages import all_stages
from mailcrm.crm.teams import team_by_name
from mailcrm.store.engine import Session
from mailcrm.store.tables import team, user, user_address


def stages_named(session: Session, named: str | int) -> list[int]:
    """Ids of the stages with this id, this name in either language, or else this kind."""
    stages = all_stages(session)
    wanted = str(named).strip().casefold()
    for found in (
        [s.id for s in stages if str(s.id) == wanted],
        [s.id for s in stages if wanted in (s.name_en.casefold(), s.name_fi.casefold())],
        [s.id for s in stages if s.kind == wanted],
    ):
        if found:
            return found
    raise Refused("There is no stage %(name)s.", name=named)


def stage_named(session: Session, named: str | int) -> int:
    """The one stage meant."""
    found = stages_named(session, named)
    if len(found) > 1:
        raise Refused("%(name)s names several stages.", name=named)
    return found[0]


def user_named(session: Session, named: str | int) -> int:
    """The user with this id or address, active or not."""
    text = str(named).strip()
    if text.isascii() and text.isdigit() and len(text) < 19:
        asked = select(user.c.id).where(user.c.id == int(text))
    else:
        asked = select(user_address.c.user_id).where(user_address.c.key == address_key(text))
    found = session.execute(asked).scalar_one_or_none()
    if found is None:
        raise Refused("There is no user %(name)s.", name=named)
    return int(found)


def team_named(session: Session, named: str | int) -> int:
    """The team with this id or name."""
    text = str(named).strip()
    found = team_by_name(session, text)
    if found is None and text.isascii() and text.isdigit() and len(text) < 19:
        found = session.execute(select(team.c.id).where(team.c.id == int(text))).scalar_one_or_none()
    if found is None:
        raise Refused("There is no team %(name)s.", name=named)
    return int(found)
