"""Partners: the list and the page of one."""

from datetime import datetime

from starlette.responses import Response

from mailcrm.crm import partners
from mailcrm.crm.done import Done, NotFound, Refused
from mailcrm.crm.rights import Forbidden, Right, require, visible_leads, visible_partners
from mailcrm.crm.stages import all_stages
from mailcrm.store.engine import Session
from mailcrm.web import typed
from mailcrm.web.board_reads import possible_owners
from mailcrm.web.partner_reads import (
    PAGE,
    read_addresses,
    read_leads,
    read_mails,
    read_partner,
    read_partners,
    read_people,
)
from mailcrm.web.visit import Visit
from mailcrm.web.wording import RELATIONS


def show_all(visit: Visit) -> Response:
    text, kind, page = visit.query("q").strip()[:200], visit.query("kind"), visit.page_number()
    with visit.desk.store.read() as session:
        found = read_partners(session, text, kind, visible_partners(visit.me.actor), page)
    return visit.show(
        "partners.html", partners=found[:PAGE], has_more=len(found) > PAGE, page=page, text=text, kind=kind,
        relations=RELATIONS,
    )  # fmt: skip


def show(visit: Visit) -> Response:
    return _page(visit, visit.number("id"))


def _page(visit: Visit, partner_id: int, refused: Refused | None = None) -> Response:
    actor = visit.me.actor
    with visit.desk.store.read() as session:
        found = read_partner(session, partner_id, visible_partners(actor))
        if found is None:
            raise NotFound("There is no partner %(id)s.", id=partner_id)
        seen = visible_leads(actor)
        context = {
            "addresses": read_addresses(session, partner_id),
            "people": read_people(session, partner_id),
            "leads": read_leads(session, partner_id, seen),
            "mails": read_mails(session, partner_id, seen),
            "stages": {stage.id: stage for stage in all_stages(session)},
            "owners": possible_owners(session),
        }
    return visit.show(
        "partner.html", 422 if refused else 200, partner=found, relations=RELATIONS, refused=refused,
        typed=dict(visit.form) if refused else {}, may_change=visit.me.may(Right.CHANGE_LEADS), **context,
    )  # fmt: skip


def set_fields(visit: Visit) -> Response:
    partner_id, actor = visit.number("id"), visit.me.actor
    try:
        changes = {
            "name": visit.text("name"),
            "relation": visit.text("relation"),
            "owner_id": typed.whole_number(visit.text("owner_id")),
            "language": visit.text("language").strip().lower(),
            "industry": visit.text("industry").strip()[:100],
            "revenue": typed.amount(visit.text("revenue")),
            "phone": " ".join(visit.text("phone").split()),
        }

        def verb(session: Session, now: datetime) -> Done:
            if read_partner(session, partner_id, visible_partners(actor)) is None:
                raise NotFound("There is no partner %(id)s.", id=partner_id)
            require(actor, Right.CHANGE_LEADS)
            return partners.set_fields(session, partner_id, changes, actor.id, now)

        visit.perform(verb)
    except (NotFound, Forbidden):
        raise
    except Refused as e:
        return _page(visit, partner_id, e)
    return visit.to(f"/partners/{partner_id}", "saved")
