"""What people make by hand: a lead that no mail brought, a person or a company."""

from datetime import datetime

from starlette.responses import Response

from mailcrm.crm import by_hand, partners
from mailcrm.crm.done import Done, NotFound, Refused
from mailcrm.crm.leads import NewLead
from mailcrm.crm.rights import Forbidden, Right, require, visible_partners
from mailcrm.store.engine import Session
from mailcrm.web import typed
from mailcrm.web.board_reads import possible_owners, team_names
from mailcrm.web.partner_reads import read_companies, read_partner
from mailcrm.web.visit import Visit
from mailcrm.web.wording import RELATIONS


def lead_form(visit: Visit) -> Response:
    """The form; ``?partner=`` names a customer we know."""
    asked = visit.query("partner")
    return _lead_page(visit, {"partner_id": asked if asked.isascii() and asked.isdigit() and len(asked) < 13 else ""})


def _lead_page(visit: Visit, filled: dict[str, str], refused: Refused | None = None) -> Response:
    visit.require(Right.CHANGE_LEADS)
    partner_id = int(filled.get("partner_id") or 0)
    with visit.desk.store.read() as session:
        known = read_partner(session, partner_id, visible_partners(visit.me.actor)) if partner_id else None
        owners, teams = possible_owners(session), team_names(session)
    return visit.show(
        "lead_new.html", 422 if refused else 200, partner=known, owners=owners, teams=teams, typed=filled,
        refused=refused,
    )  # fmt: skip


def make_lead(visit: Visit) -> Response:
    try:
        lead_id = _make_lead(visit)
    except (NotFound, Forbidden):
        raise
    except Refused as e:
        return _lead_page(visit, visit.fields(), e)
    return visit.to(f"/leads/{lead_id}", "made")


def _make_lead(visit: Visit) -> int:
    actor, config = visit.me.actor, visit.desk.config
    new = NewLead(
        title=" ".join(visit.text("title").split()),
        partner_id=None,
        owner_id=typed.whole_number(visit.text("owner_id")),
        team_id=typed.whole_number(visit.text("team_id")),
        source=visit.text("source").strip()[:100],
        tags=typed.names(visit.text("tags")),
        currency=config.company.currency,
        expected_revenue=typed.amount(visit.text("expected_revenue")),
    )
    customer = by_hand.Customer(
        typed.whole_number(visit.text("partner_id")), visit.text("address").strip(), visit.text("name")
    )

    def verb(session: Session, now: datetime) -> Done:
        require(actor, Right.CHANGE_LEADS)
        return by_hand.add_lead(session, new, customer, config.mail.domains, actor.id, now)

    return visit.perform(verb)


def partner_form(visit: Visit) -> Response:
    return _partner_page(visit, {"kind": visit.query("kind")})


def _partner_page(visit: Visit, filled: dict[str, str], refused: Refused | None = None) -> Response:
    visit.require(Right.CHANGE_LEADS)
    with visit.desk.store.read() as session:
        owners, companies = possible_owners(session), read_companies(session)
    return visit.show(
        "partner_new.html", 422 if refused else 200, owners=owners, companies=companies, relations=RELATIONS,
        typed=filled, is_company=filled.get("kind") == "company", refused=refused,
    )  # fmt: skip


def make_partner(visit: Visit) -> Response:
    try:
        partner_id = _make_partner(visit)
    except (NotFound, Forbidden):
        raise
    except Refused as e:
        return _partner_page(visit, visit.fields(), e)
    return visit.to(f"/partners/{partner_id}", "partner")


def _make_partner(visit: Visit) -> int:
    actor, domains = visit.me.actor, visit.desk.config.mail.domains
    owner_id, company_id = (typed.whole_number(visit.text(name)) for name in ("owner_id", "company_id"))
    name, relation, language = visit.text("name"), visit.text("relation"), visit.text("language").strip().lower()

    def verb(session: Session, now: datetime) -> Done:
        require(actor, Right.CHANGE_LEADS)
        if visit.text("kind") == "company":
            company = partners.NewCompany(name, visit.text("domain").strip(), owner_id, relation, language)
            return partners.add_company(session, company, domains, actor.id, now)
        person = partners.NewPerson(name, visit.text("address"), company_id, owner_id, relation, language)
        return partners.add_person(session, person, domains, actor.id, now)

    return visit.perform(verb)
