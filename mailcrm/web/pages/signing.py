"""Signing in and out."""

from starlette.responses import Response

from mailcrm.address import address_key
from mailcrm.crm.done import Refused
from mailcrm.web.guard import local_path
from mailcrm.web.sign_in import close_session, open_session, user_with_password
from mailcrm.web.visit import Visit


def form(visit: Visit) -> Response:
    """The form; who is signed in already goes on to where they wanted."""
    if visit.viewer is not None:
        return visit.to(visit.query("next") or "/")
    return visit.show("sign_in.html", next=visit.query("next"), address="")


def sign_in(visit: Visit) -> Response:
    address, next_ = visit.text("address").strip(), visit.text("next")
    account = address_key(address) or address[:320]
    peer = visit.request.client.host if visit.request.client else ""
    attempts = visit.site.attempts
    if not attempts.is_open(account, peer, visit.now):
        return _again(visit, 429, Refused("Too many attempts. Wait a quarter of an hour, then try again."))
    user_id = user_with_password(visit.desk.store, address, visit.text("password"))
    if user_id is None:
        attempts.failed(account, peer, visit.now)
        return _again(visit, 422, Refused("Address or password is wrong."))
    answer = visit.to(next_ or "/")
    _set_cookie(visit, answer, user_id)
    return answer


def _again(visit: Visit, status: int, refused: Refused) -> Response:
    return visit.show("sign_in.html", status, next=visit.text("next"), address=visit.text("address"), refused=refused)


def _set_cookie(visit: Visit, answer: Response, user_id: int) -> None:
    """A new session, and with it a new cookie: one given to the browser before sign-in is worth nothing."""
    days = visit.desk.config.web.session_days
    value = visit.desk.store.write(lambda session: open_session(session, user_id, visit.now, days))
    set_cookie(visit, answer, value)


def set_cookie(visit: Visit, answer: Response, value: str) -> None:
    """The session cookie, as narrow as it can be."""
    age = visit.desk.config.web.session_days * 86400
    answer.set_cookie(
        visit.site.cookie, value, max_age=age, path="/", secure=visit.site.is_https, httponly=True, samesite="lax"
    )


def sign_out(visit: Visit) -> Response:
    session_id = visit.me.session_id
    visit.desk.store.write(lambda session: close_session(session, session_id))
    answer = visit.to(local_path("/sign-in"), "signed_out")
    answer.delete_cookie(visit.site.cookie, path="/", secure=visit.site.is_https, httponly=True, samesite="lax")
    return answer
