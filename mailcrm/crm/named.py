"""Users and stages by the names people call them; what fits two is refused with both names."""

from sqlalchemy import select

from mailcrm.address import address_key
from mailcrm.crm.chatter import Named
from mailcrm.crm.done import Refused
from mailcrm.crm.stages import Stage, all_stages
from mailcrm.store.engine import Session
from mailcrm.store.tables import user, user_address


def user_named(session: Session, name: str) -> Named:
    """The active user with this name, first name or address; Refused if there is none, or more than one."""
    if "@" in name:
        return _by_address(session, name)
    people = [Named(*row) for row in session.execute(select(user.c.id, user.c.name).where(user.c.is_active))]
    wanted = name.casefold().split()
    whole = [one for one in people if one.name.casefold().split() == wanted]
    parts = [one for one in people if set(wanted) <= set(one.name.casefold().split())]
    begins = [one for one in people if one.name.casefold().startswith(" ".join(wanted))]
    found = whole or parts or begins
    if not found:
        raise Refused("Nobody here is called %(name)s.", name=name[:100])
    if len(found) > 1:
        names = ", ".join(sorted(one.name for one in found)[:5])
        raise Refused("%(name)s may be %(names)s.", name=name[:100], names=names)
    return found[0]


def _by_address(session: Session, address: str) -> Named:
    key = address_key(address.strip("<>"))
    asked = select(user.c.id, user.c.name).join(user_address, user_address.c.user_id == user.c.id)
    row = session.execute(asked.where(user_address.c.key == key, user.c.is_active)).first()
    if row is None:
        raise Refused("Nobody here is called %(name)s.", name=address[:100])
    return Named(*row)


def stage_named(session: Session, name: str) -> Stage:
    """The stage with this name in either language, or the only one that begins with it."""
    stages = all_stages(session)
    wanted = " ".join(name.split()).casefold()
    whole = [s for s in stages if wanted in (s.name_en.casefold(), s.name_fi.casefold())]
    begins = [s for s in stages if s.name_en.casefold().startswith(wanted) or s.name_fi.casefold().startswith(wanted)]
    found = whole or begins
    if not found:
        raise Refused("There is no stage %(name)s.", name=name[:100])
    if len(found) > 1:
        raise Refused("%(name)s may be %(names)s.", name=name[:100], names=", ".join(s.name_en for s in found[:5]))
    return found[0]
