"""One request for a page: who asks, what they typed, and how to answer.

``Site.page(handler)`` makes a route of a plain function ``handler(visit) -> Response``: it finds the viewer, reads the form,
checks that it came from our own page, runs the handler in a thread and turns what it raises into a page in the viewer's language.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mailcrm.crm.desk import Desk
from mailcrm.crm.done import Done, NotFound, Refused
from mailcrm.crm.rights import Forbidden, Right, require, require_lead
from mailcrm.crm.suggestions import Planner
from mailcrm.i18n import LOCALES
from mailcrm.store.engine import Session
from mailcrm.web.guard import is_from_our_page, is_token, local_path
from mailcrm.web.rendering import Pages
from mailcrm.web.sign_in import Attempts, Viewer, viewer

_MOST_FIELDS = 200
_MOST_BYTES = 5_000_000


def _(msgid: str) -> str:
    return msgid


SAID: Mapping[str, str] = {
    "saved": _("Saved."),
    "moved": _("The lead was moved."),
    "sent": _("Your message is on its way to the customer."),
    "noted": _("Your note was saved. It stays inside."),
    "planned": _("The activity was planned."),
    "invited": _("The meeting is planned, and the invitation is on its way to the customer."),
    "done": _("The activity is done."),
    "cancelled": _("The activity was removed."),
    "split": _("The message is a lead of its own now."),
    "dropped": _("The mail was dropped. It does not leave."),
    "made": _("The lead was made."),
    "partner": _("The partner was added."),
    "read": _("Marked as read."),
    "decided": _("Done: the mail was dealt with."),
    "password": _("Your password was changed. Other browsers have been signed out."),
    "asked": _("A mail was sent there. The address is yours as soon as you have answered it."),
    "address": _("The address is yours now."),
    "signed_out": _("You are signed out."),
}


class Triage(Protocol):
    """What a person can decide about a received mail; ``by`` is the user's id. Each raises Refused when it cannot be."""

    def make_lead(self, desk: Desk, inbound_id: int, by: int) -> Done: ...
    def attach(self, desk: Desk, inbound_id: int, lead_id: int, by: int) -> Done: ...
    def send(self, desk: Desk, inbound_id: int, by: int) -> Done: ...
    def keep_as_note(self, desk: Desk, inbound_id: int, by: int) -> Done: ...
    def dismiss(self, desk: Desk, inbound_id: int, by: int) -> Done: ...
    def replay(self, desk: Desk, inbound_id: int, by: int) -> Done: ...


@dataclass(frozen=True)
class Site:
    """What all pages share. Without ``triage`` the pages only show received mail."""

    desk: Desk
    pages: Pages
    triage: Triage | None = None
    attempts: Attempts = field(default_factory=Attempts)

    @property
    def is_https(self) -> bool:
        return self.desk.config.public_url.startswith("https://")

    @property
    def cookie(self) -> str:
        return "__Host-mailcrm" if self.is_https else "mailcrm"

    def page(
        self, handler: "Handler", *, is_public: bool = False, is_for_programs: bool = False
    ) -> Callable[[Request], Awaitable[Response]]:
        """A route for ``handler``; only a public one is shown to somebody who is not signed in.

        One for programs takes forms from anywhere: what it may do is in its address.
        """

        async def endpoint(request: Request) -> Response:
            form = await _form(request) if request.method == "POST" else FormData()
            return await run_in_threadpool(self._answer, request, form, handler, is_public, is_for_programs)

        return endpoint

    def trouble(self, request: Request, status: int, text: str) -> Response:
        """A page that says what went wrong, outside of any handler."""
        return self._visit(request, FormData()).trouble(status, text)

    def unknown_visit(self, request: Request) -> "Visit":
        """A request of whom nobody can look up who it is."""
        return Visit(self, request, None, FormData(), self.desk.now())

    def _answer(
        self, request: Request, form: FormData, handler: "Handler", is_public: bool, is_for_programs: bool
    ) -> Response:
        visit = self._visit(request, form)
        if visit.viewer is None and not is_public:
            return visit.to_sign_in()
        if request.method == "POST" and not is_for_programs and not visit.is_own_form():
            return visit.trouble(403, _("This form is too old or came from elsewhere. Load the page again and repeat."))
        return visit.answer(handler)

    def _visit(self, request: Request, form: FormData) -> "Visit":
        now = self.desk.now()
        cookie = request.cookies.get(self.cookie, "")
        if not cookie:
            return Visit(self, request, None, form, now)
        with self.desk.store.read() as session:
            return Visit(self, request, viewer(session, cookie, now), form, now)


async def _form(request: Request) -> FormData:
    """The form; what is larger than any form of ours is refused before it is read."""
    length = request.headers.get("content-length", "")
    if not length.isdigit():
        raise HTTPException(411)
    if int(length) > _MOST_BYTES:
        raise HTTPException(413)
    return await request.form(max_files=0, max_fields=_MOST_FIELDS)


@dataclass(frozen=True)
class Visit:
    """One request. ``me`` may be None on public pages only."""

    site: Site
    request: Request
    viewer: Viewer | None
    form: FormData
    now: datetime

    @property
    def me(self) -> Viewer:
        if self.viewer is None:
            raise Forbidden(_("Your role does not allow this."))
        return self.viewer

    @property
    def planner(self) -> Planner:
        """Whose working days count when something is planned here."""
        return Planner(self.me.id, self.desk.config.digest.holidays)

    def require(self, right: Right) -> None:
        """Forbidden unless the viewer's role gives the right."""
        require(self.me.actor, right)

    @property
    def desk(self) -> Desk:
        return self.site.desk

    @property
    def locale(self) -> str:
        """The viewer's language; before sign-in the browser's first one that we speak, else the company's."""
        if self.viewer is not None:
            return self.viewer.locale
        asked = (
            part.split(";")[0].strip()[:2].lower()
            for part in self.request.headers.get("accept-language", "").split(",")
        )
        return next((locale for locale in asked if locale in LOCALES), self.desk.config.company.locale)

    @property
    def zone(self) -> ZoneInfo:
        return self.viewer.zone if self.viewer else ZoneInfo(self.desk.config.company.time_zone)

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()

    # --- what was asked ---

    def text(self, name: str) -> str:
        """A field of the form as typed; "" when it is missing."""
        value = self.form.get(name, "")
        return value if isinstance(value, str) else ""

    def fields(self) -> dict[str, str]:
        """Everything that was typed, to be shown again after a refusal."""
        return {name: value for name, value in self.form.items() if isinstance(value, str) and name != "csrf"}

    def query(self, name: str) -> str:
        return self.request.query_params.get(name, "").replace("\x00", "")

    def number(self, name: str) -> int:
        """A whole number in the path; its route allows nothing else. Beyond what a row id can be it is an id nobody has."""
        value = int(self.request.path_params[name])
        return value if value < 2**63 else 0

    def is_own_form(self) -> bool:
        if not is_from_our_page(self.request.headers, self.request.headers.get("host", "")):
            return False
        return self.viewer is None or is_token(self.form.get("csrf"), self.viewer.csrf)

    def page_number(self) -> int:
        """Which page of a list is asked for; 1 when it is not a sensible number."""
        asked = self.query("page")
        return max(1, int(asked)) if asked.isascii() and asked.isdigit() and len(asked) < 5 else 1

    # --- doing ---

    def perform(self, verb: Callable[[Session, datetime], Done]) -> int:
        return self.desk.perform(verb)

    def perform_on_lead(self, lead_id: int, right: Right, verb: Callable[[Session, int, datetime], Done]) -> int:
        """A verb on a lead the viewer may see, in one transaction with the question whether they may.

        It is given the lead's number as it is now: the lead may have been dissolved into another while its page was open.
        """
        actor = self.me.actor

        def checked(session: Session, now: datetime) -> Done:
            present_id = require_lead(session, actor, lead_id)
            require(actor, right)
            return verb(session, present_id, now)

        return self.desk.perform(checked)

    # --- answering ---

    def answer(self, handler: "Handler") -> Response:
        """What the handler answers, or a page that says why not."""
        try:
            return handler(self)
        except NotFound as e:
            return self.trouble(404, e.text, **e.data)
        except Forbidden as e:
            return self.trouble(403, e.text, **e.data)
        except Refused as e:
            return self.trouble(422, e.text, **e.data)

    def show(self, template: str, status: int = 200, **context: Any) -> Response:
        """The template as a page."""
        base = {
            "me": self.viewer,
            "now": self.now,
            "today": self.today,
            "zone": self.zone,
            "locale": self.locale,
            "csrf": self.viewer.csrf if self.viewer else "",
            "path": self.request.url.path,
            "company": self.desk.config.company,
            "said": SAID.get(self.query("said"), ""),
            "Right": Right,
            "refused": None,
        }
        return HTMLResponse(self.site.pages.html(self.locale, template, base | context), status)

    def trouble(self, status: int, text: str, **data: object) -> Response:
        return self.show("trouble.html", status, code=status, text=text, data=data)

    def to(self, path: str, said: str = "", anchor: str = "") -> Response:
        """After a change: see the page (303), with a sentence that says what happened."""
        query = f"{'&' if '?' in path else '?'}{urlencode({'said': said})}" if said else ""
        return RedirectResponse(local_path(path) + query + (f"#{anchor}" if anchor else ""), 303)

    def to_sign_in(self) -> Response:
        path = self.request.url.path
        if self.request.method == "GET" and self.request.url.query:
            path += f"?{self.request.url.query}"
        if self.request.method != "GET":
            path = "/"
        return RedirectResponse(f"/sign-in?next={quote(path, safe='')}" if path != "/" else "/sign-in", 303)


Handler = Callable[[Visit], Response]
