"""The calendar feed: whoever has its address reads one user's open activities, and nothing else."""

from starlette.responses import Response

from mailcrm.crm.api_keys import key_hash
from mailcrm.crm.done import NotFound
from mailcrm.crm.rights import Actor, actors
from mailcrm.i18n import translator
from mailcrm.store.tables import user
from mailcrm.web.calendar_feed import calendar_of, read_planned
from mailcrm.web.visit import Visit


def feed(visit: Visit) -> Response:
    key = str(visit.request.path_params["key"]).removesuffix(".ics")
    with visit.desk.store.read() as session:
        found = session.execute(actors().where(user.c.calendar_key_hash == key_hash(key))).first()
        if found is None:
            raise NotFound("There is no such calendar.")
        who = Actor(*found)
        planned = read_planned(session, who, visit.now)
    body = calendar_of(
        planned, visit.desk.config.company.name, visit.desk.config.public_url, translator(who.locale), visit.now
    )
    return Response(body, media_type="text/calendar; charset=utf-8", headers={"cache-control": "private, max-age=300"})
