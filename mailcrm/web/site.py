"""The pages as one application: routes, static files, error pages, security headers. ``routes(desk)`` builds it; nothing is global.

It is mounted beside the API, so that an unknown page answers a person and an unknown API path a program.
"""

import logging
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from mailcrm.crm.desk import Desk
from mailcrm.store.faults import in_a_line, is_away
from mailcrm.web.guard import SecurityHeaders
from mailcrm.web.pages import (
    activities,
    board,
    calendar,
    chatter,
    files,
    inbound,
    lead,
    making,
    outbox,
    partners,
    settings,
    signing,
    suggestions,
    unsubscribe,
)
from mailcrm.web.rendering import Pages, templates_folder
from mailcrm.web.visit import Handler, Site, Triage

log = logging.getLogger(__name__)


def _(msgid: str) -> str:
    return msgid


_TROUBLE = {
    400: _("The form could not be read."),
    404: _("There is no such page."),
    405: _("This page cannot be used like that."),
    411: _("The form could not be read."),
    413: _("That is too much for one form."),
    503: _("The database does not answer just now. Try again in a moment."),
    500: _("Something went wrong here, not with you. It has been noted; try again in a moment."),
}


def routes(desk: Desk, triage: Triage | None = None) -> list[BaseRoute]:
    """The pages as the last route of a larger application: whatever nothing else answers."""
    return [Mount("/", pages(desk, triage))]


def pages(desk: Desk, triage: Triage | None = None) -> Starlette:
    """All pages for people."""
    site = Site(desk, Pages(templates_folder()), triage)
    static = StaticFiles(directory=Path(__file__).parent / "static")

    async def trouble(request: Request, error: Exception) -> Response:
        code = error.status_code if isinstance(error, HTTPException) else 500
        return await run_in_threadpool(site.trouble, request, code, _TROUBLE.get(code, _TROUBLE[400]))

    async def database(request: Request, error: Exception) -> Response:
        if not is_away(error):
            raise error
        log.warning("%s %s: the database is away: %s", request.method, request.url.path, in_a_line(error))
        return await run_in_threadpool(site.unknown_visit(request).trouble, 503, _TROUBLE[503])

    return Starlette(
        routes=[*_routes(site), Mount("/static", static)],
        middleware=[Middleware(SecurityHeaders, is_https=site.is_https)],
        exception_handlers={HTTPException: trouble, SQLAlchemyError: database, 500: trouble},
    )


def _routes(site: Site) -> list[BaseRoute]:
    def get(path: str, handler: Handler, *, is_public: bool = False) -> Route:
        return Route(path, site.page(handler, is_public=is_public), methods=["GET"])

    def post(path: str, handler: Handler, *, is_public: bool = False) -> Route:
        return Route(path, site.page(handler, is_public=is_public), methods=["POST"])

    return [
        get("/sign-in", signing.form, is_public=True),
        post("/sign-in", signing.sign_in, is_public=True),
        post("/sign-out", signing.sign_out),
        get("/", board.board),
        get("/leads/new", making.lead_form),
        post("/leads", making.make_lead),
        get("/leads/{id:int}", lead.show),
        post("/leads/{id:int}/people/{person:int}/confirmed", lead.confirm_person),
        post("/messages/{id:int}/split", chatter.split),
        post("/outbox/{id:int}/dropped", outbox.drop),
        post("/leads/{id:int}/fields", lead.set_fields),
        post("/leads/{id:int}/stage", lead.move),
        post("/leads/{id:int}/owner", lead.assign),
        post("/leads/{id:int}/following", lead.set_following),
        post("/leads/{id:int}/messages", chatter.write_message),
        post("/leads/{id:int}/notes", chatter.write_note),
        post("/leads/{id:int}/mentions", chatter.read_mentions),
        post("/leads/{id:int}/activities", activities.schedule),
        get("/activities", activities.show),
        post("/activities/{id:int}/done", activities.complete),
        post("/activities/{id:int}/day", activities.reschedule),
        post("/activities/{id:int}/cancelled", activities.cancel),
        get("/messages/{id:int}/html", files.message_html),
        get("/attachments/{id:int}", files.attachment),
        get("/partners", partners.show_all),
        get("/partners/new", making.partner_form),
        post("/partners", making.make_partner),
        get("/partners/{id:int}", partners.show),
        post("/partners/{id:int}/fields", partners.set_fields),
        get("/inbound", inbound.show_all),
        get("/inbound/{id:int}", inbound.show),
        get("/inbound/{id:int}/source", files.inbound_source),
        post("/inbound/{id:int}/decision", inbound.decide),
        get("/outbox", outbox.show_all),
        get("/outbox/{id:int}", outbox.show),
        get("/outbox/{id:int}/html", files.outbox_html),
        get("/settings", settings.show),
        post("/settings", settings.save),
        get("/settings/suggestions", suggestions.show),
        post("/settings/suggestions", suggestions.save),
        post("/settings/suggestions/{id:int}/removed", suggestions.remove),
        post("/settings/calendar", settings.set_calendar),
        get("/calendar/{key:str}", calendar.feed, is_public=True),
        get("/unsubscribe/{token:str}", unsubscribe.ask, is_public=True),
        Route(
            "/unsubscribe/{token:str}",
            site.page(unsubscribe.turn_off, is_public=True, is_for_programs=True),
            methods=["POST"],
        ),
        post("/settings/notices", settings.set_notices),
        post("/settings/absence", settings.set_away),
        post("/settings/password", settings.set_password),
        post("/settings/addresses", settings.add_address),
        post("/settings/addresses/removed", settings.remove_address),
        get("/settings/addresses/{token}", settings.show_claim),
        post("/settings/addresses/{token}/confirmed", settings.confirm_claim),
    ]
