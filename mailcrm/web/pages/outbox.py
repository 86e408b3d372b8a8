"""Leaving mail: the state at each recipient, the next attempt, and the mail itself."""

from datetime import datetime

from starlette.responses import Response

from mailcrm.crm import leaving
from mailcrm.crm.done import Done, NotFound
from mailcrm.crm.rights import Right, require
from mailcrm.store.engine import Session
from mailcrm.web.mail_reads import (
    PAGE,
    read_outbox,
    read_outbox_list,
    read_recipients,
    stored_mail,
    visible_outbox,
)
from mailcrm.web.visit import Visit

STATES = ("queued", "sent", "partly", "failed", "held", "dropped")


def show_all(visit: Visit) -> Response:
    visit.require(Right.SEE_MAIL)
    state = visit.query("state") if visit.query("state") in STATES else ""
    kind, text, page = visit.query("kind"), visit.query("q").strip()[:200], visit.page_number()
    with visit.desk.store.read() as session:
        found = read_outbox_list(session, state, kind, text, visible_outbox(visit.me.actor), page)
        recipients = read_recipients(session, [row["id"] for row in found])
    return visit.show(
        "outbox_list.html", mails=found[:PAGE], has_more=len(found) > PAGE, page=page, state=state, kind=kind, text=text,
        states=STATES, recipients=recipients,
    )  # fmt: skip


def show(visit: Visit) -> Response:
    visit.require(Right.SEE_MAIL)
    outbox_id = visit.number("id")
    with visit.desk.store.read() as session:
        found = read_outbox(session, outbox_id, visible_outbox(visit.me.actor))
        recipients = read_recipients(session, [outbox_id])
    if found is None:
        raise NotFound("There is no mail %(id)s.", id=outbox_id)
    stored = stored_mail(found["bytes"]) if found["bytes"] is not None else None
    return visit.show(
        "outbox.html", mail=found, recipients=recipients.get(outbox_id, []), stored=stored,
        held=found["params"].get("held", ""), may_drop=visit.me.may(Right.CHANGE_LEADS),
    )  # fmt: skip


def drop(visit: Visit) -> Response:
    """A mail that was held back shall not leave. There is no way to send it as it is."""
    visit.require(Right.SEE_MAIL)
    outbox_id, actor = visit.number("id"), visit.me.actor

    def verb(session: Session, now: datetime) -> Done:
        if read_outbox(session, outbox_id, visible_outbox(actor)) is None:
            raise NotFound("There is no mail %(id)s.", id=outbox_id)
        require(actor, Right.CHANGE_LEADS)
        return leaving.drop(session, outbox_id, actor.id, now)

    visit.perform(verb)
    return visit.to(f"/outbox/{outbox_id}", "dropped")
