"""Received mail: what happened to each and why, and what a person decides where no rule did."""

from sqlalchemy import RowMapping
from starlette.responses import Response

from mailcrm.crm.done import NotFound, Refused
from mailcrm.crm.rights import Forbidden, Right
from mailcrm.findings import findings_of
from mailcrm.mail import Address, AuthResults
from mailcrm.web import typed
from mailcrm.web.choices import choices, is_anothers
from mailcrm.web.mail_reads import (
    PAGE,
    STATES,
    raw_bytes,
    read_copies,
    read_inbound,
    read_inbound_list,
    state_counts,
    stored_mail,
)
from mailcrm.web.visit import Visit


def show_all(visit: Visit) -> Response:
    visit.require(Right.SEE_MAIL)
    state = visit.query("state") if visit.query("state") in STATES else ""
    text, page = visit.query("q").strip()[:200], visit.page_number()
    with visit.desk.store.read() as session:
        found = read_inbound_list(session, state, text, page)
        counts = state_counts(session)
    return visit.show(
        "inbound_list.html", mails=found[:PAGE], has_more=len(found) > PAGE, page=page, state=state, text=text,
        counts=counts, total=sum(counts.values()), choices={row["id"]: _choices(visit, row) for row in found},
    )  # fmt: skip


def _choices(visit: Visit, mail: RowMapping) -> tuple[str, ...]:
    return choices(mail, visit.me.actor) if visit.site.triage is not None else ()


def show(visit: Visit) -> Response:
    return _page(visit, visit.number("id"))


def _page(visit: Visit, inbound_id: int, refused: Refused | None = None) -> Response:
    visit.require(Right.SEE_MAIL)
    with visit.desk.store.read() as session:
        found = read_inbound(session, inbound_id)
        copies = read_copies(session, inbound_id)
    if found is None:
        raise NotFound("There is no mail %(id)s.", id=inbound_id)
    content = raw_bytes(found, visit.desk.blobs)
    believed = AuthResults.from_row(found["auth"]) if found["auth"] else None
    return visit.show(
        "inbound.html", 422 if refused else 200, mail=found, copies=copies, choices=_choices(visit, found),
        is_anothers=is_anothers(found, visit.me.actor), auth=believed, stored=stored_mail(content) if content is not None else None,
        refused=refused, lead_id=visit.text("lead_id"), found=findings_of(found["findings"]),
        writer=Address(found["from_name"], found["from_address"]),
    )  # fmt: skip


def decide(visit: Visit) -> Response:
    """One of the decisions a person can take about a mail."""
    visit.require(Right.SEE_MAIL)
    inbound_id = visit.number("id")
    try:
        _decide(visit, inbound_id)
    except (NotFound, Forbidden):
        raise
    except Refused as e:
        return _page(visit, inbound_id, e)
    return visit.to(visit.text("next") or _after(visit.text("decision"), inbound_id), "decided")


def _after(decision: str, inbound_id: int) -> str:
    """The mail's own page, unless it may be gone: what was buried and is not for us keeps no row."""
    return "/inbound" if decision == "dismiss" else f"/inbound/{inbound_id}"


_DECISIONS = ("make_lead", "send", "keep_as_note", "dismiss", "replay")


def _decide(visit: Visit, inbound_id: int) -> None:
    triage, decision, by = visit.site.triage, visit.text("decision"), visit.me.id
    if triage is None or decision not in (*_DECISIONS, "attach"):
        raise Refused("Choose what to do with the mail.")
    if decision == "attach":
        lead_id = typed.whole_number(visit.text("lead_id").strip().lstrip("#"))
        if lead_id is None:
            raise Refused("Say to which lead: its number.")
        triage.attach(visit.desk, inbound_id, lead_id, by)
    else:
        getattr(triage, decision)(visit.desk, inbound_id, by)
