"""One click in the mail client turns a user's digest off (RFC 8058), over a real socket; opening the address does not."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from mailcrm.address import read_unsubscribe, unsubscribe_token
from mailcrm.notify.letterhead import letterhead, unsubscribing
from mailcrm.store import tables
from tests.web_server import running_web
from tests.website import Website, running_website

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Website]:
    with running_website(tmp_path) as opened:
        yield opened


def how_often(site: Website) -> list[str]:
    asked = select(tables.user.c.digest).where(tables.user.c.id == site.ids["alice"])
    return [row.digest for row in site.rows(asked)]


def test_a_mail_client_turns_the_digest_off_without_signing_in_and_a_look_does_not(site: Website) -> None:
    ring = site.desk.keyring
    path = f"/unsubscribe/{unsubscribe_token(site.ids['alice'], ring.current_id, ring.current)}"
    forged = path[:-2] + ("a" if path[-2] != "a" else "b") + path[-1]  # of the last letter two bits are not used
    with running_web(site.app) as url, httpx.Client(base_url=url) as client:
        page = client.get(path)
        assert page.status_code == 200
        assert "<button" in page.text
        assert how_often(site) == ["daily"]
        for other in ("/unsubscribe/" + "a" * 26, forged, "/unsubscribe/x"):
            assert client.post(other, data=ONE_CLICK).status_code == 404
        assert how_often(site) == ["daily"]
        elsewhere = {"Sec-Fetch-Site": "cross-site", "Origin": "https://mail.example"}
        for _ in range(2):  # a client may repeat it
            answer = client.post(path, data=ONE_CLICK, headers=elsewhere, follow_redirects=False)
            assert answer.status_code == 200
            assert "/settings" in answer.text
        assert how_often(site) == ["off"]
    done = site.rows(select(tables.audit.c.object, tables.audit.c.user_id).where(tables.audit.c.verb == "unsubscribe"))
    assert {tuple(row) for row in done} == {(f"user {site.ids['alice']}", site.ids["alice"])}


def test_a_token_is_one_users_and_ends_with_its_key() -> None:
    token = unsubscribe_token(7, 3, b"k" * 32)
    assert read_unsubscribe(token, {3: b"k" * 32}) == 7
    assert read_unsubscribe(token, {3: b"x" * 32}) is None
    assert read_unsubscribe(token, {4: b"k" * 32}) is None
    assert unsubscribe_token(8, 3, b"k" * 32) != token


@pytest.mark.parametrize(("url", "has_fields"), [("https://page.firma.test", True), ("http://page.firma.test", False)])
def test_the_fields_are_there_only_where_the_page_has_https(site: Website, url: str, has_fields: bool) -> None:
    web = site.desk.config.web.model_copy(update={"public_url": url})
    head = letterhead(site.desk.config.model_copy(update={"web": web}), site.desk.keyring)
    fields = dict(unsubscribing(head, site.ids["alice"]))
    assert bool(fields) is has_fields
    if has_fields:
        assert fields["List-Unsubscribe"].startswith(f"<{url}/unsubscribe/")
        assert fields["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
