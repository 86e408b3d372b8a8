"""The web application: the API, its OpenAPI document, and whatever routes the pages bring."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from starlette.routing import BaseRoute
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from mailcrm.crm.desk import Desk
from mailcrm.web.api.application import PREFIX, api, openapi_document


def build(desk: Desk, pages: Sequence[BaseRoute] = ()) -> FastAPI:
    """Compose the application. Sync routes run in a thread each, since they wait for the database; that costs about 0.1 ms."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=desk.config.web.trusted_proxies)
    app.state.desk = desk
    inner = api(desk)

    @app.get("/openapi.json", include_in_schema=False)
    def openapi() -> dict[str, Any]:
        return openapi_document(inner)

    app.mount(PREFIX, inner)
    app.router.routes.extend(pages)
    return app
