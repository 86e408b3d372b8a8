"""Attacks on the pages and the API: every route there is, tried by somebody who may not, from elsewhere, and with hostile words."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import func, select
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from mailcrm.crm.api_keys import add_api_key, key_hash, new_key
from mailcrm.store import tables
from tests.website import DOMAIN, NOW, SALES, Website, mail, running_website

_SECRETS = (
    "Laser cutting",
    "Yearly service",
    "Pyydämme",
    "Asiakas Oy",
    "carol@asiakas.test",
    "price list",
    "40 frames",
    "Pöytä",
)
_OWN = ("/settings", "/settings/password", "/settings/calendar", "/settings/notices")  # what concerns only oneself
_FREE = {"/sign-in", "/sign-out", *_OWN, "/"}
_WITHOUT_FORM = {"/sign-in", "/unsubscribe/{token:str}"}  # nobody is signed in; the token is the secret (RFC 8058)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Website]:
    with running_website(tmp_path_factory.mktemp("attacked")) as made:
        yield made


def _routes(site: Website, method: str) -> list[str]:
    """The paths of all pages that answer the method."""
    mounted = next(r.app for r in site.app.router.routes if isinstance(r, Mount) and r.path == "" and r.name != "api")
    assert isinstance(mounted, Starlette)
    return [r.path for r in mounted.routes if isinstance(r, Route) and method in (r.methods or ())]


def _addressed(site: Website, path: str) -> list[str]:
    """The path with the number of everything that is there."""
    if "{" not in path:
        return [path]
    return sorted({re.sub(r"\{\w+(:int)?\}", str(number), path) for number in {*site.ids.values(), *range(1, 9)}})


def _state(site: Website) -> dict[str, Any]:
    """All rows of all tables but the sessions of the browsers, as far as they can be compared."""
    kept = [t for t in tables.metadata.sorted_tables if t.name not in ("web_session", "api_key")]
    return {t.name: sorted(map(repr, site.rows(select(t)))) for t in kept}


def _key(site: Website, who: str) -> dict[str, str]:
    key = new_key()
    site.write(lambda session: add_api_key(session, site.ids[who], "test", key_hash(key), None, NOW))
    return {"Authorization": f"Bearer {key}"}


def test_a_colleague_reads_nothing_they_were_not_called_to(site: Website) -> None:
    clara = site.client("clara")
    for path in _routes(site, "GET"):
        for address in _addressed(site, path):
            answer = clara.http.get(address)
            assert answer.status_code in (200, 303, 403, 404), address
            assert not [word for word in _SECRETS if word.lower() in answer.text.lower()], address


def test_a_colleague_changes_nothing_they_were_not_called_to(site: Website) -> None:
    clara, before = site.client("clara"), _state(site)
    fields = {"text": "words", "decision": "dismiss", "stage_id": "2", "owner_id": str(site.ids["clara"]), "follow": "yes",
              "title": "mine", "name": "mine", "due_on": "2026-12-01", "type": "call", "lead_id": "1",
              "email": "x@y.test"}  # fmt: skip
    for path in _routes(site, "POST"):
        if path in _FREE:
            continue
        for address in _addressed(site, path):
            answer = clara.post(address, **fields)
            assert answer.status_code in (403, 404, 422), (address, answer.status_code)
    assert _state(site) == before


def test_no_form_from_elsewhere_or_without_its_token_changes_anything(site: Website) -> None:
    alice, before = site.client("alice"), _state(site)
    token = alice.csrf()
    for path in _routes(site, "POST"):
        if path in _WITHOUT_FORM:
            continue
        for address in _addressed(site, path)[:3]:
            fields = {"text": "words", "decision": "dismiss"}
            assert alice.http.post(address, data=fields).status_code == 403, address
            assert alice.http.post(address, data={**fields, "csrf": "x" * len(token)}).status_code == 403, address
            for headers in (
                {"origin": "https://evil.test"},
                {"origin": "null"},
                {"sec-fetch-site": "cross-site"},
                {"sec-fetch-site": "same-site"},
            ):
                assert alice.http.post(address, data={**fields, "csrf": token}, headers=headers).status_code == 403, (
                    address
                )
    assert _state(site) == before


def test_reading_changes_nothing(site: Website) -> None:
    bob, key = site.client("bob"), _key(site, "bob")
    before = _state(site)
    for path in _routes(site, "GET"):
        for address in _addressed(site, path):
            assert bob.http.get(address).status_code in (200, 303, 404), address
    for name in (
        "leads",
        "activities",
        "partners",
        "inbound",
        "outbox",
        "users",
        "teams",
        "stages",
        "tags",
        "aliases",
        "leads/1",
        "leads/1/messages",
    ):
        assert bob.http.get(f"/api/v1/{name}", headers=key).status_code == 200, name
    assert _state(site) == before


def test_a_colleagues_key_sees_and_changes_nothing_they_were_not_called_to(site: Website) -> None:
    clara, key, before = site.client(""), _key(site, "clara"), _state(site)
    document = clara.http.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        if path.rpartition("/")[2] in ("users", "teams", "stages", "tags", "aliases"):
            continue
        for method in methods:
            for address in _addressed(site, re.sub(r"\{(\w+)\}", r"{\1:int}", path)):
                body = None if method in ("get", "delete") else {"text": "words"}
                answer = clara.http.request(method, address, headers=key, json=body)
                assert answer.status_code in (200, 403, 404, 422), (method, address, answer.status_code)
                assert method == "get" or answer.status_code != 200, address
                assert not [word for word in _SECRETS if word.lower() in answer.text.lower()], (method, address)
    assert _state(site) == before


def test_without_a_key_or_with_a_strange_one_nothing_is_told(site: Website) -> None:
    nobody = site.client("")
    for value in ("x", "Bearer", "Bearer x", "Bearer " + "x" * 5_000, "Basic YWxpY2U6eA==", "Bearer \xff"):
        answer = nobody.http.get("/api/v1/leads", headers=[(b"Authorization", value.encode("latin-1"))])
        assert answer.status_code == 401, value
    assert nobody.http.get("/api/v1/leads?key=x").status_code in (401, 422)


@pytest.mark.parametrize("number", ["0", "9223372036854775808", "9" * 4_000, "9" * 6_000])
def test_no_number_in_a_path_breaks_a_page(site: Website, number: str) -> None:
    alice, key = site.client("alice"), _key(site, "alice")
    for path in (
        "/leads/{}",
        "/messages/{}/html",
        "/attachments/{}",
        "/partners/{}",
        "/inbound/{}",
        "/inbound/{}/source",
        "/outbox/{}/html",
    ):
        assert alice.http.get(path.format(number)).status_code == 404
    for path in ("/api/v1/leads/{}", "/api/v1/attachments/{}"):
        assert alice.http.get(path.format(number), headers=key).status_code in (404, 422)


def test_hostile_words_of_a_mail_are_only_words_on_every_page(site: Website) -> None:
    hostile = "<script>alert(1)</script>'\"><img src=x onerror=alert(2)>{{7*7}}javascript:alert(3)"
    raw = mail("Mallory <mallory@evil.test>", "subject", f"{hostile}\n\n@Bob {hostile}", ("List-Id", hostile), to=SALES)
    raw = raw.replace(b"From: Mallory", f'From: "{hostile.replace(chr(34), chr(92) + chr(34))}"'.encode())
    raw = raw.replace(b"Subject: subject", f"Subject: {hostile}".encode()).replace(b"List-Id", b"X-Nothing")
    name = f'name="{hostile[:100]}.html"'
    part = f"--b\r\nContent-Type: text/html; {name}\r\nContent-Disposition: attachment\r\n\r\n{hostile}\r\n--b--\r\n"
    head, _, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    head = b"\n".join(line for line in head.split(b"\n") if not line.lower().startswith((b"content-", b"mime-")))
    made = (
        head
        + b"\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\n"
        + body
        + b"\n"
        + part.encode()
    )
    row = site.receive(made, "mallory@evil.test")
    inbound = site.rows(select(tables.inbound).where(tables.inbound.c.id == row))[0]
    assert inbound.lead_id
    newest = max(r.id for r in site.rows(select(tables.partner.c.id)))
    bob = site.client("bob")

    for path in (
        f"/inbound/{row}",
        f"/leads/{inbound.lead_id}",
        "/inbound",
        "/",
        "/partners",
        f"/partners/{newest}",
        "/outbox",
        "/activities",
    ):
        page = bob.get(path)
        assert "<script" not in page, path
        assert "<img src=x" not in page, path
        assert 'href="javascript' not in page, path
        assert ">49" not in page, path
    file_id = site.rows(select(func.max(tables.attachment.c.id)))[0][0]
    for path, headers in ((f"/attachments/{file_id}", {}), (f"/api/v1/attachments/{file_id}", _key(site, "bob"))):
        answer = bob.http.get(path, headers=headers)
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment")
        assert "sandbox" in answer.headers["content-security-policy"]


def test_a_mail_that_breaks_the_library_opens_on_its_page(site: Website) -> None:
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(1_500))
    raw = (
        b"From: mallory@evil.test\r\nTo: info8@"
        + DOMAIN.encode()
        + b"\r\nSubject: nested\r\nMessage-ID: <n@evil.test>\r\n"
        + nested
    )
    row = site.receive(raw, "mallory@evil.test", f"info8@{DOMAIN}")

    assert "nested" in site.client("bob").get(f"/inbound/{row}")


def test_an_unknown_user_and_a_wrong_password_read_the_same(site: Website) -> None:
    nobody = site.client("")
    known = nobody.sign_in("alice@firma.test", "wrong password")
    unknown = nobody.sign_in("nobody@firma.test", "wrong password")

    assert known.status_code == unknown.status_code == 422
    assert known.text.replace("alice@", "nobody@") == unknown.text


def test_a_cookie_given_before_sign_in_is_worth_nothing(site: Website) -> None:
    browser = site.client("")
    browser.http.cookies.set("mailcrm", "chosen-by-mallory")
    browser.sign_in("alice@firma.test")

    assert (
        "chosen-by-mallory" not in [c.value for c in browser.http.cookies.jar if c.domain] or browser.status("/") == 200
    )
    other = site.client("")
    other.http.cookies.set("mailcrm", "chosen-by-mallory")
    assert other.status("/") == 303


def test_files_of_the_house_are_for_its_user_only(site: Website) -> None:
    folder = site.desk.config.data_dir
    assert (folder / "keys.json").stat().st_mode & 0o077 == 0
    assert (folder / "spool").stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in (folder / "blobs").rglob("*"))
