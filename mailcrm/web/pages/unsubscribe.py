"""Leaving the digest off with one click (RFC 8058): a mail client posts to the address in the mail, without signing in.

The address holds a signed token of one user that does nothing else. Looking at it changes nothing: scanners open every link.
"""

from datetime import datetime

from starlette.responses import Response

from mailcrm.address import read_unsubscribe
from mailcrm.crm.audit import record
from mailcrm.crm.done import Done, NotFound
from mailcrm.crm.people import set_digest
from mailcrm.crm.rights import actor
from mailcrm.store.engine import Session
from mailcrm.web.visit import Visit


def ask(visit: Visit) -> Response:
    _user_of(visit)
    return visit.show("unsubscribe.html", is_off=False)


def turn_off(visit: Visit) -> Response:
    """The digest of the token's user is off from now on, however often it is asked."""
    user_id = _user_of(visit)

    def verb(session: Session, now: datetime) -> Done:
        record(session, "unsubscribe", f"user {user_id}", user_id, now)
        return set_digest(session, user_id, "off", user_id, now)

    visit.perform(verb)
    return visit.show("unsubscribe.html", is_off=True)


def _user_of(visit: Visit) -> int:
    user_id = read_unsubscribe(visit.request.path_params["token"], visit.desk.keyring.keys)
    with visit.desk.store.read() as session:
        if user_id is None or actor(session, user_id) is None:
            raise NotFound("There is no such page.")
    return user_id
