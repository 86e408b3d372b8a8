"""What stands before every page: headers that forbid scripts and framing, and the check that a form came from our own page.

Two locks on every change: the browser's word about where the request comes from (Sec-Fetch-Site, else Origin), and a token
that only our own pages hold.
"""

import hmac
from collections.abc import MutableMapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; script-src 'none'; frame-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
# A mail's HTML: no script, no form, nothing from the network, no way out of its frame; its own inline styles only.
MAIL_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
FILE_POLICY = "sandbox; default-src 'none'; frame-ancestors 'none'"

_ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
}


_LONGEST_PATH = 2_000


class SecurityHeaders:
    """Adds the headers to every answer that does not bring its own; pages are never kept by a cache."""

    def __init__(self, app: ASGIApp, *, is_https: bool) -> None:
        self._app = app
        self._fixed = dict(_ALWAYS)
        if is_https:
            self._fixed["strict-transport-security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        if len(scope["path"]) > _LONGEST_PATH:  # a number of 5,000 digits is no page, and reading it raises
            await Response(status_code=404)(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add(message)
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _add(self, message: MutableMapping[str, object]) -> None:
        headers = MutableHeaders(scope=message)
        for name, value in self._fixed.items():
            headers.setdefault(name, value)
        headers.setdefault("content-security-policy", PAGE_POLICY)
        headers.setdefault("cache-control", "no-store")


def is_from_our_page(headers: Headers, host: str) -> bool:
    """Whether the browser says that the request comes from a page of ours; a client that says nothing is judged by its token."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == host


def is_token(given: object, expected: str) -> bool:
    """Compare the form's token in constant time."""
    return isinstance(given, str) and hmac.compare_digest(given.encode(), expected.encode())


def local_path(path: str) -> str:
    """``path`` if it leads to a page of ours, else the board: a redirect never leaves the house."""
    is_local = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if is_local else "/"
