"""My settings: language, time zone, digest, working days, notices, absence, addresses, password."""

import secrets
from datetime import date, datetime
from functools import partial

from starlette.responses import Response

from mailcrm.address import address_key
from mailcrm.crm import notices, people
from mailcrm.crm.absence import come_back, go_away, last_day
from mailcrm.crm.api_keys import key_hash
from mailcrm.crm.claims import claim_address, claimed_by_token, confirm_address, open_claims, withdraw_claim
from mailcrm.crm.done import Done, NotFound, Refused
from mailcrm.crm.passwords import is_right, password_hash
from mailcrm.i18n import country_name
from mailcrm.store.engine import Session
from mailcrm.web.board_reads import possible_owners, read_settings
from mailcrm.web.pages.signing import set_cookie
from mailcrm.web.sign_in import open_session
from mailcrm.web.typed import day, whole_number
from mailcrm.web.visit import Visit
from mailcrm.wishes import ALLOWED, Level, Topic, level_of

DAYS = "1234567"
_AS_THE_HOUSE = "house"
_COUNTRIES = ("FI", "SE", "NO", "DK", "EE", "LV", "LT", "DE", "PL", "NL", "GB", "US")


def show(visit: Visit) -> Response:
    return _page(visit)


def _page(visit: Visit, form: str = "", refused: Refused | None = None, calendar_url: str = "") -> Response:
    with visit.desk.store.read() as session:
        mine = read_settings(session, visit.me.id)
        addresses = people.addresses_of(session, visit.me.id)
        claims = open_claims(session, visit.me.id, visit.now)
        colleagues = [one for one in possible_owners(session) if one[0] != visit.me.id]
    until = mine["absent_until"]
    away_until = last_day(until, mine["time_zone"]) if until and until > visit.now else None
    typed = {
        name: visit.text(name)
        for name in ("name", "locale", "time_zone", "digest", "digest_day", "digest_at", "holidays", "receipts")
        if name in visit.form
    }
    if refused and form == "settings":
        typed["working_days"] = _days(visit)
    return visit.show(
        "settings.html",
        422 if refused else 200,
        mine=mine,
        form=form,
        refused=refused,
        typed=typed,
        days=DAYS,
        countries=_countries(visit.locale, mine["holidays"]),
        house_holidays=visit.desk.config.digest.holidays,
        colleagues=colleagues,
        away_until=away_until,
        addresses=addresses,
        claims=claims,
        calendar_url=calendar_url,
        allowed={topic.value: tuple(map(str, levels)) for topic, levels in ALLOWED.items()},
        levels={topic.value: str(_chosen(visit, topic) or level_of(mine["notices"], topic)) for topic in Topic},
        notify=visit.desk.config.notify,
    )


def _chosen(visit: Visit, topic: Topic) -> str:
    """What was typed just now, so that a refused form keeps it."""
    return visit.text(f"notices_{topic.value}") if f"notices_{topic.value}" in visit.form else ""


def set_notices(visit: Visit) -> Response:
    """Which notices come at once, gathered, in the digest or not at all."""
    me = visit.me.id
    try:
        wanted = {topic: _level(chosen) for topic in Topic if (chosen := _chosen(visit, topic))}
        visit.perform(lambda session, now: notices.set_notices(session, me, wanted, me, now))
    except Refused as e:
        return _page(visit, "notices", e)
    return visit.to("/settings", "saved")


def _level(chosen: str) -> Level:
    try:
        return Level(chosen)
    except ValueError as e:
        raise Refused("This cannot be chosen.") from e


def save(visit: Visit) -> Response:
    me = visit.me.id
    changes: dict[str, str | None] = {
        "name": " ".join(visit.text("name").split())[:200],
        "locale": visit.text("locale"),
        "time_zone": visit.text("time_zone").strip(),
        "digest_at": visit.text("digest_at"),
        "working_days": _days(visit),
        "receipts": visit.text("receipts") or "all",
    }
    changes |= {name: visit.text(name) for name in ("digest", "digest_day") if name in visit.form}
    if "holidays" in visit.form:
        chosen = visit.text("holidays")
        changes["holidays"] = None if chosen == _AS_THE_HOUSE else chosen
    try:
        visit.perform(lambda session, now: people.set_user_fields(session, me, changes, me, now))
    except Refused as e:
        return _page(visit, "settings", e)
    return visit.to("/settings", "saved")


def _countries(locale: str, mine: str | None) -> list[tuple[str, str]]:
    """The countries to choose from, by name, and the reader's own if it is none of them; ``user digest`` takes any."""
    codes = {*_COUNTRIES, *([mine] if mine else [])}
    return sorted(((code, country_name(code, locale)) for code in codes), key=lambda one: one[1])


def _days(visit: Visit) -> str:
    return "".join(day for day in DAYS if day in visit.form.getlist("working_days"))


def set_calendar(visit: Visit) -> Response:
    """A new address for the calendar feed, shown this once; or none any more."""
    me = visit.me.id
    key = "" if visit.text("end") else secrets.token_urlsafe(24)
    hash_ = key_hash(key) if key else None
    visit.perform(lambda session, now: people.set_calendar_key(session, me, hash_, me, now))
    return (
        _page(visit, calendar_url=f"{visit.desk.config.public_url}/calendar/{key}.ics")
        if key
        else visit.to("/settings", "saved")
    )


def set_away(visit: Visit) -> Response:
    """Away until a day, or here again."""
    me = visit.me.id
    try:
        if visit.text("back"):
            visit.perform(lambda session, now: come_back(session, me, me, now))
        else:
            until, deputy = day(visit.text("until")), whole_number(visit.text("deputy_id"))
            if until is None:
                raise Refused("Until which day? Give the last day away.")
            visit.perform(partial(_go_away, me, until, deputy))
    except Refused as e:
        return _page(visit, "away", e)
    return visit.to("/settings", "saved")


def _go_away(me: int, until: date, deputy: int | None, session: Session, now: datetime) -> Done:
    if deputy is None:
        people.set_user_fields(session, me, {"deputy_id": None}, me, now)
    return go_away(session, me, until, me, now, deputy)


def add_address(visit: Visit) -> Response:
    """Ask one more address whether it is mine."""
    me, typed, mail = visit.me.id, visit.text("address"), visit.desk.config.mail
    try:
        visit.perform(lambda session, now: claim_address(session, me, typed, mail, me, now))
    except Refused as e:
        return _page(visit, "addresses", e)
    return visit.to("/settings", "asked")


def remove_address(visit: Visit) -> Response:
    """Take an address away, or the question about one."""
    me, typed = visit.me.id, visit.text("address")
    try:
        visit.perform(partial(_remove_address, me, typed))
    except Refused as e:
        return _page(visit, "addresses", e)
    return visit.to("/settings", "saved")


def _remove_address(me: int, typed: str, session: Session, now: datetime) -> Done:
    try:
        return withdraw_claim(session, me, typed, me, now)
    except NotFound:
        return people.remove_address(session, me, typed, me, now)


def show_claim(visit: Visit) -> Response:
    """The question that a mail to the address leads to; looking at it changes nothing."""
    return visit.show("address.html", address=_claimed(visit), token=visit.request.path_params["token"])


def confirm_claim(visit: Visit) -> Response:
    me, key = visit.me.id, address_key(_claimed(visit))
    visit.perform(lambda session, now: confirm_address(session, me, key, me, now))
    return visit.to("/settings", "address")


def _claimed(visit: Visit) -> str:
    token = visit.request.path_params["token"]
    with visit.desk.store.read() as session:
        return claimed_by_token(session, token, visit.me.id, visit.desk.keyring.keys)


def set_password(visit: Visit) -> Response:
    """A new password ends every session; this browser gets a new one."""
    me = visit.me.id
    with visit.desk.store.read() as session:
        stored = read_settings(session, me)["password_hash"]
    try:
        if not is_right(visit.text("old"), stored):
            raise Refused("The present password is wrong.")
        if visit.text("new") != visit.text("again"):
            raise Refused("The two new passwords differ.")
        hashed = password_hash(visit.text("new"))
    except Refused as e:
        return _page(visit, "password", e)
    value = _store(visit, me, hashed)
    answer = visit.to("/settings", "password")
    set_cookie(visit, answer, value)
    return answer


def _store(visit: Visit, me: int, hashed: str) -> str:
    """The new hash and a new session in one transaction; returns the cookie's value."""
    values: list[str] = []

    def verb(session: Session, now: datetime) -> Done:
        done = people.set_password(session, me, hashed, me, now)
        values.append(open_session(session, me, now, visit.desk.config.web.session_days))
        return done

    visit.perform(verb)
    return values[-1]
