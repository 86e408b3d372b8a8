"""The API as an application of its own, mounted at /api/v1: its errors are JSON whatever the pages do with theirs."""

from typing import Any

from fastapi import FastAPI

from mailcrm import __version__
from mailcrm.crm.desk import Desk
from mailcrm.web.api import activity_routes, lead_routes, mail_routes, partner_routes, setting_routes
from mailcrm.web.api.errors import ANSWERS, add_handlers

PREFIX = "/api/v1"


def api(desk: Desk) -> FastAPI:
    app = FastAPI(
        title="mailcrm",
        version=__version__,
        summary="Leads, their conversations, and what happened to each mail.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        responses=ANSWERS,
        redirect_slashes=False,
    )
    app.state.desk = desk
    add_handlers(app)
    for routes in (lead_routes, activity_routes, partner_routes, mail_routes, setting_routes):
        app.include_router(routes.router)
    return app


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the full path of each route; made at the first call, which takes 0.3 s."""
    document = app.openapi()
    return {**document, "paths": {f"{PREFIX}{path}": item for path, item in document["paths"].items()}}
