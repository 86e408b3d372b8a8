"""The pages as a browser without JavaScript meets them: real database, real HTTP, forms as a person sends them."""

import ast
import html
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract
from sqlalchemy import select, update

from mailcrm import reasons
from mailcrm.address import sign_token
from mailcrm.crm.chatter import add_event
from mailcrm.i18n import translator
from mailcrm.mail import AuthorKind, Door, Intent, MailKind, NoticeKind, Reason, RouteKind
from mailcrm.store import tables
from mailcrm.web.sign_in import Attempts
from mailcrm.web.typed import amount, day, moment
from mailcrm.wishes import ALLOWED
from tests.website import MAIL, NOW, PASSWORD, Website, mail, running_website

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Website]:
    """On SQLite; a test that is marked ``on_both`` runs on PostgreSQL too."""
    is_postgres = getattr(request, "param", "sqlite") == "postgresql"
    url = request.getfixturevalue("postgres_url") if is_postgres else ""
    with running_website(tmp_path, database=url) as site:
        yield site


on_both = pytest.mark.parametrize("site", ["sqlite", "postgresql"], indirect=True)


def _every_page(site: Website) -> list[str]:
    i = site.ids
    fixed = ["/", "/activities", "/activities?whose=all", "/partners", "/inbound", "/outbox", "/settings"]
    states = [f"/inbound?state={state}" for state in ("held", "triage", "quiet", "buried", "dismissed", "done")]
    stages = [f"/?stage={i['stage New']}", f"/?unfold={i['stage Won']}", "/?owner=mine&q=frames", "/?owner=none"]
    one = [f"/leads/{i['lead']}", f"/leads/{i['unowned']}", f"/partners/{i['carol']}", f"/partners/{i['company']}"]
    mails = [f"/inbound/{i['inbound held']}", f"/inbound/{i['inbound buried']}", f"/outbox/{i['outbox']}"]
    fixed += ["/leads/new", f"/leads/new?partner={i['carol']}", "/partners/new", "/partners/new?kind=company"]
    return [*fixed, *states, *stages, *one, *mails]


# --- signing in ---------------------------------------------------------------------------------------------------------


@on_both
def test_every_page_asks_a_stranger_to_sign_in_and_then_goes_on_to_it(site: Website) -> None:
    stranger = site.client("")
    for path in _every_page(site):
        answer = stranger.http.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in")
    fields = {"address": "ALICE@firma.test", "password": PASSWORD, "next": "/partners?q=x"}
    answer = stranger.http.post("/sign-in", data=fields)
    assert answer.headers["location"] == "/partners?q=x"
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=lax" in answer.headers["set-cookie"]


@pytest.mark.parametrize("next_", ["https://evil.test/", "//evil.test/", "/\\evil.test", "javascript:alert(1)"])
def test_sign_in_never_leads_out_of_the_house(site: Website, next_: str) -> None:
    fields = {"address": "alice@firma.test", "password": PASSWORD, "next": next_}
    assert site.client("").http.post("/sign-in", data=fields).headers["location"] == "/"


def test_a_wrong_password_and_an_unknown_address_read_the_same(site: Website) -> None:
    stranger = site.client("")
    wrong, unknown = stranger.sign_in("alice@firma.test", "no"), stranger.sign_in("nobody@firma.test", "no")
    assert wrong.status_code == unknown.status_code == 422
    assert wrong.text.replace("alice@", "nobody@") == unknown.text


def test_a_deactivated_user_is_out_at_once(site: Website) -> None:
    alice = site.client()
    assert alice.status("/") == 200
    site.write(
        lambda s: s.execute(update(tables.user).where(tables.user.c.id == site.ids["alice"]).values(is_active=False))
    )
    assert alice.status("/") == 303


def test_after_many_wrong_passwords_even_the_right_one_waits(site: Website) -> None:
    stranger = site.client("")
    for _ in range(10):
        stranger.sign_in("alice@firma.test", "no")
    assert stranger.sign_in("alice@firma.test").status_code == 429
    assert stranger.sign_in("bob@firma.test").status_code == 303


def test_attempts_are_counted_per_network_and_forgotten_after_a_while() -> None:
    attempts = Attempts()
    for n in range(50):
        attempts.failed(f"user{n}", "2001:db8::1", NOW)
    assert not attempts.is_open("another", "2001:db8::2", NOW)
    assert attempts.is_open("another", "2001:db8:1::2", NOW)
    assert attempts.is_open("another", "2001:db8::2", NOW + timedelta(minutes=16))


def test_behind_a_proxy_each_network_is_counted_by_itself(site: Website) -> None:
    """The peer is the proxy; who asks stands in the header that it writes. What came before the proxy's own word is hearsay."""
    stranger = site.client("").http
    for n in range(50):
        fields = {"address": f"nobody{n}@firma.test", "password": "no"}
        stranger.post("/sign-in", data=fields, headers={"x-forwarded-for": f"192.0.2.{n}, 198.51.100.7"})
    right = {"address": "alice@firma.test", "password": PASSWORD}
    assert stranger.post("/sign-in", data=right, headers={"x-forwarded-for": "198.51.100.7"}).status_code == 429
    assert stranger.post("/sign-in", data=right, headers={"x-forwarded-for": "198.51.100.8"}).status_code == 303


def test_a_peer_that_is_no_proxy_of_ours_cannot_hide_behind_the_header(tmp_path: Path) -> None:
    with running_website(tmp_path, trusted_proxies=["192.0.2.0/24"]) as site:
        stranger = site.client("").http
        for n in range(50):
            fields = {"address": f"nobody{n}@firma.test", "password": "no"}
            stranger.post("/sign-in", data=fields, headers={"x-forwarded-for": f"198.51.100.{n}"})
        right = {"address": "alice@firma.test", "password": PASSWORD}
        assert stranger.post("/sign-in", data=right, headers={"x-forwarded-for": "203.0.113.1"}).status_code == 429


def test_signing_out_ends_the_session_on_the_server(site: Website) -> None:
    alice = site.client()
    assert alice.post("/sign-out").status_code == 303
    assert site.rows(select(tables.web_session)) == []
    assert alice.status("/") == 303


def test_the_cookie_is_secure_and_bound_to_the_host_behind_https(tmp_path: Path) -> None:
    with running_website(tmp_path, public_url="https://crm.firma.test") as site:
        cookie = site.client("").sign_in("alice@firma.test").headers["set-cookie"]
        assert cookie.startswith("__Host-mailcrm=")
        assert "Secure" in cookie
        assert site.client("").http.get("/sign-in").headers["strict-transport-security"]


# --- forms --------------------------------------------------------------------------------------------------------------


def _changes(site: Website) -> list[tuple[int, int]]:
    return [(row.id, row.stage_id) for row in site.rows(select(tables.lead.c.id, tables.lead.c.stage_id))]


def test_a_form_without_its_token_or_from_elsewhere_changes_nothing(site: Website) -> None:
    alice, before = site.client(), _changes(site)
    path, stage = f"/leads/{site.ids['lead']}/stage", {"stage_id": str(site.ids["stage Won"])}
    good = {**stage, "csrf": alice.csrf()}
    assert alice.http.post(path, data=stage).status_code == 403
    assert alice.http.post(path, data=good, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert alice.http.post(path, data=good, headers={"origin": "https://evil.test"}).status_code == 403
    assert _changes(site) == before
    assert alice.post(path, **stage).status_code == 303
    assert _changes(site) != before


@on_both
def test_get_changes_nothing_on_any_page(site: Website) -> None:
    alice = site.client()
    before = [site.rows(table.select()) for table in tables.metadata.sorted_tables]
    for path in _every_page(site):
        alice.get(path)
    assert [site.rows(table.select()) for table in tables.metadata.sorted_tables] == before


def test_a_form_that_is_too_large_or_has_a_file_is_refused_in_words(site: Website) -> None:
    alice = site.client()
    path = f"/leads/{site.ids['lead']}/notes"
    assert alice.post(path, text="x" * 6_000_000).status_code == 413
    answer = alice.http.post(path, data={"csrf": alice.csrf()}, files={"text": ("a", b"b")})
    assert answer.status_code == 400
    assert "The form could not be read" in answer.text


def test_every_answer_forbids_scripts_and_framing(site: Website) -> None:
    alice = site.client()
    for path in ("/", "/sign-in", "/nowhere", "/static/mailcrm.css", f"/leads/{site.ids['lead']}"):
        headers = alice.http.get(path).headers
        assert "script-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    page = alice.get(f"/leads/{site.ids['lead']}")
    assert not re.search(r"<script|<style| style=| on[a-z]+=", page)


# --- the board ----------------------------------------------------------------------------------------------------------


def test_the_board_shows_each_card_with_what_one_needs_to_know(site: Website) -> None:
    page = site.client().get("/")
    for shown in ("Laser cutting of 40 frames", "Carol Virtanen, Asiakas Oy", "€12,500", "Tampere", "Alice Ahonen"):
        assert shown in page
    assert "Late: 21 Nov 2026" in page
    assert "Waits for us, 5 h" in page
    for state, words in (("held", "held"), ("triage", "to sort"), ("quiet", "quiet"), ("buried", "buried")):
        assert f'href="/inbound?state={state}"><strong>1</strong> {words}' in page


@on_both
def test_the_board_is_filtered_by_owner_text_and_stage(site: Website) -> None:
    alice = site.client()
    assert "Yearly service" not in alice.get("/?owner=mine")
    assert "12 ovesta" in alice.get("/?owner=none")
    assert "Laser" not in alice.get("/?owner=none")
    assert "Laser" in alice.get("/?q=FRAMES")
    assert "Laser" not in alice.get(f"/?stage={site.ids['stage New']}")
    assert alice.status("/?owner=%27;drop&team=x&stage=99&page=-1&q=%00") == 200


def test_a_card_moves_by_the_select_and_the_board_stays_as_it_was(site: Website) -> None:
    alice = site.client()
    answer = alice.post(f"/leads/{site.ids['lead']}/stage", stage_id=site.ids["stage Quote sent"], next="/?owner=mine")
    assert answer.headers["location"] == "/?owner=mine&said=moved"
    assert (site.ids["lead"], site.ids["stage Quote sent"]) in _changes(site)


@on_both
def test_lost_asks_why_and_on_hold_asks_until_when(site: Website) -> None:
    alice, path = site.client(), f"/leads/{site.ids['lead']}/stage"
    asked = alice.post(path, stage_id=site.ids["stage Lost"])
    assert asked.status_code == 422
    assert 'name="reason"' in asked.text
    asked = alice.post(path, stage_id=site.ids["stage On hold"])
    assert 'name="hold_until"' in asked.text
    assert alice.post(path, stage_id=site.ids["stage On hold"], hold_until="23.11.2027").status_code == 303
    assert alice.post(path, stage_id=site.ids["stage Lost"], reason="Too dear").status_code == 303
    assert "Lost: Too dear" in alice.get(f"/leads/{site.ids['lead']}")


# --- the lead -----------------------------------------------------------------------------------------------------------


def test_the_lead_tells_mail_note_and_fact_apart_and_says_why_each_is_here(site: Website) -> None:
    page = site.client().get(f"/leads/{site.ids['lead']}")
    assert "From the customer" in page
    assert "To the customer" in page
    assert "Internal note" in page
    assert "Written to one of our sales addresses" in page
    assert "Moved from Assigned to Contacted because the first mail to the customer left" in page
    assert "Mailbox full" in page
    assert re.search(r"<summary>Quoted text</summary><div class=\"text\">&gt; On Monday", page)


def test_a_message_says_to_whom_it_goes_and_a_note_that_it_stays(site: Website) -> None:
    alice, lead_id = site.client(), site.ids["lead"]
    page = alice.get(f"/leads/{lead_id}")
    assert "Leaves the house, to:</strong> Carol Virtanen &lt;carol@asiakas.test&gt;" in page
    assert alice.post(f"/leads/{lead_id}/messages", text="Here is the quote").status_code == 303
    assert alice.post(f"/leads/{lead_id}/notes", text="@Bob margin is thin").status_code == 303
    kinds = {row.kind for row in site.rows(select(tables.outbox.c.kind).order_by(tables.outbox.c.id.desc()).limit(3))}
    assert {"customer_reply", "note"} <= kinds


@on_both
def test_a_refused_form_shows_everything_again(site: Website) -> None:
    alice, lead_id = site.client(), site.ids["lead"]
    fields = {
        "title": "New <title>",
        "probability": "10",
        "currency": "EUR",
        "expected_revenue": "much",
        "tags": "a, b",
    }
    answer = alice.post(f"/leads/{lead_id}/fields", **fields)
    assert answer.status_code == 422
    assert "much is not an amount." in answer.text
    assert 'value="New &lt;title&gt;"' in answer.text
    assert 'value="a, b"' in answer.text
    assert alice.post(f"/leads/{lead_id}/fields", **{**fields, "expected_revenue": "1 234,50"}).status_code == 303
    page = alice.get(f"/leads/{lead_id}")
    assert "€1,234.50" in page
    assert "New &lt;title&gt;" in page
    assert "Tags: +a, +b, −laser, −Tampere" in page


def test_an_answer_sent_to_a_reply_address_shows_the_people_it_went_to_and_not_that_address(site: Website) -> None:
    address = [{"name": "Reply to Carol (customer)", "address": "raaaaaaaaa@crm.firma.test"}]
    carried = select(tables.outbox.c.message_row_id).where(tables.outbox.c.id == site.ids["outbox"])
    change = update(tables.message).where(tables.message.c.id == carried.scalar_subquery()).values(to=address)
    site.desk.store.write(lambda session: session.execute(change))
    page = site.client().get(f"/leads/{site.ids['lead']}")
    assert "carol@asiakas.test: " in page
    assert "raaaaaaaaa@crm.firma.test" not in page


def test_a_lead_is_given_taken_and_followed(site: Website) -> None:
    alice, lead_id = site.client(), site.ids["unowned"]
    assert "Take it" in alice.get(f"/leads/{lead_id}")
    assert alice.post(f"/leads/{lead_id}/owner", owner_id=site.ids["alice"]).status_code == 303
    assert "Owner changed from nobody to Alice Ahonen" in alice.get(f"/leads/{lead_id}")
    assert "Take it" not in alice.get(f"/leads/{lead_id}")
    alice.post(f"/leads/{lead_id}/following", follow="yes")
    assert "Stop following" in alice.get(f"/leads/{lead_id}")
    alice.post(f"/leads/{lead_id}/following", follow="no")
    assert "Alice Ahonen no longer follows this lead" in alice.get(f"/leads/{lead_id}")
    assert alice.post(f"/leads/{lead_id}/owner", owner_id=site.ids["clara"]).status_code == 422


@on_both
def test_an_activity_is_planned_and_finished_with_what_came_of_it(site: Website) -> None:
    alice, lead_id = site.client(), site.ids["unowned"]
    alice.post(f"/leads/{lead_id}/activities", type="meeting", due_on="2026-11-20", summary="See the doors")
    assert (
        alice.get("/activities").index("See the doors")
        < alice.get("/activities").index("Ask about the drawings") + 9999
    )
    row = site.rows(select(tables.activity).where(tables.activity.c.summary == "See the doors"))[0]
    assert alice.post(f"/activities/{row.id}/done", feedback="They want oak").status_code == 303
    assert "Done: Meeting: See the doors: They want oak" in alice.get(f"/leads/{lead_id}")
    assert alice.post(f"/activities/{row.id}/done", feedback="again").status_code == 422
    assert alice.post(f"/leads/{lead_id}/activities", type="call", due_on="soon").status_code == 422


def test_an_activity_is_moved_to_another_day(site: Website) -> None:
    alice, path = site.client(), f"/activities/{site.ids['activity lead']}/day"
    assert alice.post(path, due_on="27.11.2026", next=f"/leads/{site.ids['lead']}").status_code == 303
    assert "Moved to another day: Call: Ask about the drawings" in alice.get(f"/leads/{site.ids['lead']}")
    assert "27 Nov 2026" in alice.get("/activities")
    assert alice.post(path, due_on="").status_code == 422
    assert site.client("clara").post(path, due_on="2026-11-30").status_code == 404


@on_both
def test_a_guessed_message_is_split_into_a_lead_of_its_own_once(site: Website) -> None:
    alice, lead_id = site.client(), site.ids["lead"]
    raw = mail("Carol Virtanen <carol@asiakas.test>", "Re: Laser cutting of 40 frames", "It is about chairs.")
    inbound_id = site.receive(raw, "carol@asiakas.test")
    assert "Placed by a guess" in alice.get(f"/leads/{lead_id}")
    row = site.rows(select(tables.message).where(tables.message.c.inbound_id == inbound_id))[0]
    assert (row.lead_id, row.is_guess) == (lead_id, True)
    assert site.client("clara").post(f"/messages/{row.id}/split").status_code == 404
    answer = alice.post(f"/messages/{row.id}/split")
    assert answer.status_code == 303
    assert alice.post(f"/messages/{row.id}/split").status_code == 422
    new_id = int(re.findall(r"/leads/(\d+)", answer.headers["location"])[0])
    new, old = alice.get(f"/leads/{new_id}"), alice.get(f"/leads/{lead_id}")
    assert "It is about chairs." in new
    assert "Placed by a guess" not in new
    assert f"A message was moved here from lead #{lead_id}" in new
    assert "It is about chairs." not in old
    assert f"A message was split off to lead #{new_id}" in old
    made = site.rows(select(tables.lead).where(tables.lead.c.id == new_id))[0]
    assert (made.partner_id, made.owner_id, made.team_id) == (site.ids["carol"], site.ids["alice"], site.ids["team"])
    assert "Waits for us" in new
    assert "Waits for them" in old
    assert site.rows(select(tables.inbound.c.lead_id).where(tables.inbound.c.id == inbound_id))[0].lead_id == new_id
    confirmed = select(tables.participant.c.is_confirmed).where(tables.participant.c.lead_id == new_id)
    assert [one.is_confirmed for one in site.rows(confirmed)] == [True]


@on_both
def test_a_new_person_is_confirmed_with_one_click(site: Website) -> None:
    alice, lead_id = site.client(), site.ids["lead"]
    reply = mail("Mallory <m@muualla.test>", "Re: Laser", "Send it to me.", ("References", "<lasers@asiakas.test>"))
    site.receive(reply, "m@muualla.test")
    page = alice.get(f"/leads/{lead_id}")
    assert "New person, not confirmed" in page
    path = re.findall(r'action="(/leads/\d+/people/\d+/confirmed)"', page)[0]
    assert site.client("clara").post(path).status_code == 404
    assert alice.post(path).status_code == 303
    assert alice.post(path).status_code == 303
    page = alice.get(f"/leads/{lead_id}")
    assert "ot confirmed</span>" not in page
    assert page.count("Mallory was confirmed as a person of this lead") == 1
    assert alice.post(f"/leads/{site.ids['second']}/people/{path.split('/')[4]}/confirmed").status_code == 404


@on_both
def test_what_was_broken_in_a_mail_is_said_in_the_readers_language(site: Website) -> None:
    held = site.ids["inbound held"]
    found = {"defects": ["no date field", "broken boundary", "mail-parser: ValueError"]}
    site.write(lambda s: s.execute(tables.inbound.update().where(tables.inbound.c.id == held).values(found)))
    page = site.client(locale="fi").get(f"/inbound/{held}")
    assert "päiväyskenttä puuttuu, osien raja on rikki, mail-parser: ValueError" in page


@on_both
def test_the_number_of_a_dissolved_lead_leads_on(site: Website) -> None:
    site.write(lambda s: s.execute(tables.moved_lead.insert().values(id=900, to_lead_id=site.ids["lead"], at=NOW)))
    answer = site.client().http.get("/leads/900")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/leads/{site.ids['lead']}")
    assert site.client("clara").http.get("/leads/900", follow_redirects=True).status_code == 404


@on_both
def test_what_is_typed_on_a_page_whose_lead_was_dissolved_lands_on_the_other_lead(site: Website) -> None:
    site.write(lambda s: s.execute(tables.moved_lead.insert().values(id=901, to_lead_id=site.ids["lead"], at=NOW)))
    alice = site.client()
    assert alice.post("/leads/901/notes", text="Ask them twice.").status_code == 303
    assert "Ask them twice." in alice.get(f"/leads/{site.ids['lead']}")
    assert site.client("clara").post("/leads/901/notes", text="x").status_code == 404


@on_both
def test_a_lead_is_made_by_hand_for_a_known_or_a_new_customer(site: Website) -> None:
    alice = site.client()
    assert "Carol Virtanen" in alice.get(f"/leads/new?partner={site.ids['carol']}")
    known = {"title": "By phone", "partner_id": site.ids["carol"], "owner_id": site.ids["alice"], "team_id": ""}
    made = alice.post("/leads", **known, expected_revenue="1 000", tags="phone, oak")
    page = alice.get(made.headers["location"])
    for shown in ("By phone", "Asiakas Oy", "€1,000", "oak"):
        assert shown in page
    new = {"title": "At the fair", "address": "sanna@messut.test", "name": "Sanna", "owner_id": ""}
    assert "Sanna" in alice.get(alice.post("/leads", **new).headers["location"])
    refused = alice.post("/leads", **{**new, "address": "sales@crm.test"})
    assert refused.status_code == 422
    assert 'value="At the fair"' in refused.text
    assert site.client("clara").status("/leads/new") == 403
    assert site.client("clara").post("/leads", **new).status_code == 403


@on_both
def test_a_person_and_a_company_are_added_by_hand_once(site: Website) -> None:
    alice = site.client()
    company = {"kind": "company", "name": "Uusi Oy", "domain": "uusi.test", "relation": "prospect", "owner_id": ""}
    assert "Uusi Oy" in alice.get(alice.post("/partners", **company).headers["location"])
    again = alice.post("/partners", **company)
    assert "There is a company with the domain uusi.test already." in again.text
    person = {"kind": "person", "name": "Ulla", "address": "ulla@uusi.test", "relation": "customer"}
    person |= {"company_id": str(site.ids["company"]), "owner_id": str(site.ids["alice"])}
    assert "Ulla" in alice.get(alice.post("/partners", **person).headers["location"])
    assert "is a partner's address" in html.unescape(alice.post("/partners", **person).text)
    assert site.client("clara").status("/partners/new") == 403


def test_an_unread_mention_is_shown_until_it_is_marked_as_read(site: Website) -> None:
    bob, path = site.client("bob"), f"/leads/{site.ids['lead']}"
    assert "You are mentioned here." in bob.get(path)
    bob.post(f"{path}/mentions")
    assert "You are mentioned here." not in bob.get(path)


def test_a_long_conversation_is_shown_page_by_page_without_a_gap(site: Website) -> None:
    lead_id = site.ids["lead"]
    fact = {"title": ["a", "b"]}
    site.write(lambda s: [add_event(s, lead_id, "fields", fact, site.ids["alice"], NOW) for _ in range(130)])
    alice, seen, path = site.client(), list[str](), f"/leads/{lead_id}"
    for _ in range(5):
        page = alice.get(path)
        seen += re.findall(r'id="entry-(\d+)"', page)
        older = re.search(r'href="\?(before=\d+)', page)
        if older is None:
            break
        path = f"/leads/{lead_id}?{older[1]}"
    everything = site.rows(select(tables.message.c.id).where(tables.message.c.lead_id == lead_id))
    assert sorted(map(int, seen)) == sorted(row.id for row in everything)


def test_unknown_events_are_named_and_do_not_break_the_page(site: Website) -> None:
    statement = update(tables.message).where(tables.message.c.event == "tags").values(event="sold_the_moon")
    site.write(lambda s: s.execute(statement))
    site.write(lambda s: s.execute(update(tables.message).where(tables.message.c.event == "stage").values(event="x_y")))
    assert "x y" in site.client().get(f"/leads/{site.ids['lead']}")


# --- hostile mail -------------------------------------------------------------------------------------------------------


def test_mail_html_is_served_under_a_policy_that_lets_it_do_nothing(site: Website) -> None:
    alice = site.client()
    answer = alice.http.get(f"/messages/{site.ids['mail']}/html")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "script-src" not in policy
    assert "onerror" not in alice.get(f"/leads/{site.ids['lead']}")


def test_an_attachment_is_always_a_download(site: Website) -> None:
    answer = site.client().http.get(f"/attachments/{site.ids['file']}")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.content == b"%PDF-1.4 not really"
    assert "sandbox" in answer.headers["content-security-policy"]


# --- received and sent mail ---------------------------------------------------------------------------------------------


def test_received_mail_says_what_happened_and_why(site: Website) -> None:
    alice = site.client()
    page = alice.get("/inbound")
    for shown in ("Opened a lead", "Written to one of our sales addresses", "Says to be a colleague, not proven"):
        assert shown in page
    assert "Pöytä" in page
    assert "Pöytä" not in alice.get("/inbound?state=held")
    page = alice.get(f"/inbound/{site.ids['inbound held']}")
    assert "Read me as I am." in page
    source = alice.http.get(f"/inbound/{site.ids['inbound held']}/source")
    assert source.headers["content-disposition"].startswith("attachment")
    assert source.content.endswith(b"The quote comes tomorrow.\n")


_OFFERED = {
    "held": {"send", "keep_as_note", "attach", "dismiss"},
    "triage": {"make_lead", "attach", "dismiss"},
    "quiet": {"make_lead", "attach", "dismiss"},
    "buried": {"replay", "dismiss"},
    "done": set(),
}


@pytest.mark.parametrize("state", _OFFERED)
def test_a_mail_offers_what_makes_sense_for_it_and_no_more(site: Website, state: str) -> None:
    alice = site.client()
    for path in (f"/inbound?state={state}", f"/inbound/{site.ids[f'inbound {state}']}"):
        assert set(re.findall(r'name="decision" value="(\w+)"', alice.get(path))) == _OFFERED[state]


def _decide(site: Website, state: str, decision: str, who: str = "alice", **more: str) -> httpx.Response:
    path = f"/inbound/{site.ids[f'inbound {state}']}/decision"
    answer: httpx.Response = site.client(who).post(path, decision=decision, next=f"/inbound?state={state}", **more)
    return answer


def _inbound(site: Website, state: str) -> Any:
    return site.rows(select(tables.inbound).where(tables.inbound.c.id == site.ids[f"inbound {state}"]))[0]


@on_both
@pytest.mark.parametrize("state", ["triage", "quiet"])
def test_a_strangers_mail_becomes_a_lead_once(site: Website, state: str) -> None:
    before = len(_changes(site))
    answer = _decide(site, state, "make_lead")
    assert answer.headers["location"] == f"/inbound?state={state}&said=decided"
    row = _inbound(site, state)
    assert (row.state, row.decided_by_id, row.is_new_lead) == ("done", site.ids["alice"], True)
    assert _decide(site, state, "make_lead").status_code == 422
    assert "This mail has been decided already." in _decide(site, state, "attach", lead_id="1").text
    assert len(_changes(site)) == before + 1


def test_a_mail_is_attached_to_a_lead_by_its_number_once(site: Website) -> None:
    assert _decide(site, "triage", "attach", lead_id="").status_code == 422
    assert "There is no lead 404." in _decide(site, "triage", "attach", lead_id="404").text
    assert _decide(site, "triage", "attach", lead_id=f"#{site.ids['lead']}").status_code == 303
    assert _decide(site, "triage", "attach", lead_id=str(site.ids["second"])).status_code == 422
    assert _inbound(site, "triage").lead_id == site.ids["lead"]
    assert "Kysymys." in site.client().get(f"/leads/{site.ids['lead']}")


@on_both
@pytest.mark.parametrize(("decision", "kind"), [("send", "email_out"), ("keep_as_note", "note")])
def test_held_staff_mail_is_sent_or_kept_by_its_writer_once(site: Website, decision: str, kind: str) -> None:
    assert _decide(site, "held", decision).status_code == 303
    assert _decide(site, "held", "send").status_code == 422
    assert _decide(site, "held", "keep_as_note").status_code == 422
    written = select(tables.message.c.kind, tables.message.c.lead_id)
    entries = site.rows(written.where(tables.message.c.inbound_id == site.ids["inbound held"]))
    assert [tuple(entry) for entry in entries] == [(kind, site.ids["lead"])]
    leaving = select(tables.outbox.c.id).where(
        tables.outbox.c.kind == "customer_reply",
        tables.outbox.c.message_row_id == _inbound(site, "held").message_row_id,
    )
    assert len(site.rows(leaving)) == (1 if decision == "send" else 0)


def test_only_its_writer_or_a_manager_decides_about_staff_mail(site: Website) -> None:
    site.write(
        lambda s: s.execute(update(tables.user).where(tables.user.c.name == "Bob Berg").values(role="salesperson"))
    )
    page = site.client("bob").get(f"/inbound/{site.ids['inbound held']}")
    assert "Alice Ahonen wrote it" in page
    assert 'name="decision"' not in page
    assert "or a manager, decides" in _decide(site, "held", "send", who="bob").text
    assert _inbound(site, "held").state == "held"
    site.write(lambda s: s.execute(update(tables.user).where(tables.user.c.name == "Bob Berg").values(role="manager")))
    assert _decide(site, "held", "send", who="bob").status_code == 303


def test_what_is_not_for_us_leaves_the_list_and_can_still_be_taken_up(site: Website) -> None:
    assert _decide(site, "triage", "dismiss").status_code == 303
    alice = site.client()
    assert "Pöytä" not in alice.get("/inbound?state=triage")
    page = alice.get("/inbound?state=dismissed")
    assert "Pöytä" in page
    assert 'value="dismiss"' not in page
    assert _decide(site, "triage", "make_lead").status_code == 303


@on_both
def test_a_buried_mail_comes_back_and_becomes_a_lead_once(site: Website) -> None:
    assert _decide(site, "buried", "replay").status_code == 303
    again = _decide(site, "buried", "replay")
    assert "brought back already" in again.text
    site.worker.run_batch()
    row = _inbound(site, "buried")
    assert (row.state, row.subject) == ("done", "A mail nobody could read")
    assert "Can you read me now?" in site.client().get(f"/leads/{row.lead_id}")
    assert "Only buried mail can be replayed." in _decide(site, "buried", "replay").text


def test_a_buried_mail_that_is_not_for_us_is_forgotten(site: Website) -> None:
    alice, inbound_id = site.client(), site.ids["inbound buried"]
    answer = alice.post(f"/inbound/{inbound_id}/decision", decision="dismiss")
    assert answer.headers["location"] == "/inbound?said=decided"
    assert alice.status(f"/inbound/{inbound_id}") == 404
    assert site.desk.spool.buried() == []


def test_sent_mail_shows_each_recipient_and_the_mail_itself(site: Website) -> None:
    alice = site.client()
    assert "carol@asiakas.test: Will be tried again" in alice.get("/outbox")
    page = alice.get(f"/outbox/{site.ids['outbox']}")
    assert "Thank you, the quote comes tomorrow." in page
    assert "rtoken@crm.test" in page
    answer = alice.http.get(f"/outbox/{site.ids['outbox']}/html")
    assert "<b>quote</b>" in answer.text
    assert answer.headers["content-security-policy"].startswith("sandbox")
    assert MAIL.splitlines()[0].partition(": ")[2].split(" <")[0] in page


def _hold_back(site: Website) -> None:
    values = {"state": "held", "params": {"held": "The mail holds an address of staff: bob@firma.test"}}
    site.write(
        lambda s: s.execute(update(tables.outbox).where(tables.outbox.c.id == site.ids["outbox"]).values(values))
    )


@on_both
def test_a_mail_that_may_not_leave_says_why_and_can_only_be_dropped(site: Website) -> None:
    _hold_back(site)
    alice, path = site.client(), f"/outbox/{site.ids['outbox']}"
    assert "<strong>1</strong> may not leave" in alice.get("/")
    for page in (alice.get("/outbox?state=held"), alice.get(path)):
        assert "The mail holds an address of staff: bob@firma.test" in page
    assert re.findall(r'action="/outbox/([^"]+)"', alice.get(path)) == [f"{site.ids['outbox']}/dropped"]
    assert alice.post(f"{path}/dropped").status_code == 303
    assert "This mail is no longer held." in alice.post(f"{path}/dropped").text
    assert "may not leave" not in alice.get("/")
    lead = alice.get(f"/leads/{site.ids['lead']}")
    assert "does not leave (The mail holds an address of staff: bob@firma.test)" in lead
    assert "Waits for us" in lead


def test_a_queued_mail_is_not_dropped_by_the_same_form(site: Website) -> None:
    assert site.client().post(f"/outbox/{site.ids['outbox']}/dropped").status_code == 422


# --- rights -------------------------------------------------------------------------------------------------------------


@on_both
def test_a_colleague_sees_only_the_leads_they_were_called_to(site: Website) -> None:
    clara, ids = site.client("clara"), site.ids
    assert clara.status(f"/leads/{ids['lead']}") == 404
    assert clara.status(f"/attachments/{ids['file']}") == 404
    assert clara.status(f"/messages/{ids['mail']}/html") == 404
    assert clara.status("/inbound") == clara.status("/outbox") == 403
    assert "Laser" not in clara.get("/") + clara.get("/partners") + clara.get("/activities?whose=all")
    assert clara.post(f"/leads/{ids['lead']}/notes", text="hello").status_code == 404
    site.client().post(f"/leads/{ids['lead']}/notes", text="@Clara what do you think?")
    assert "what do you think?" in clara.get(f"/leads/{ids['lead']}")
    assert clara.post(f"/leads/{ids['lead']}/notes", text="Looks fine").status_code == 303
    assert clara.post(f"/leads/{ids['lead']}/messages", text="Dear customer").status_code == 403
    assert clara.post(f"/leads/{ids['lead']}/stage", stage_id=ids["stage Won"]).status_code == 403


def test_mail_to_one_person_is_not_shown_to_another(site: Website) -> None:
    assert site.client("alice").status(f"/outbox/{site.ids['notice']}") == 200
    site.write(
        lambda s: s.execute(update(tables.user).where(tables.user.c.id == site.ids["bob"]).values(role="salesperson"))
    )
    bob = site.client("bob")
    assert bob.status(f"/outbox/{site.ids['notice']}") == 404
    assert bob.status(f"/outbox/{site.ids['notice']}/html") == 404
    assert bob.status(f"/outbox/{site.ids['outbox']}") == 200


@pytest.mark.parametrize(
    "path",
    ["/nowhere", "/leads/999", "/leads/99999999999999999999", "/partners/999", "/inbound/999", "/outbox/999",
     "/attachments/999", "/messages/999/html", "/inbound/999/source", "/outbox/999/html"],
)  # fmt: skip
def test_what_is_not_there_is_said_in_the_readers_language(site: Website, path: str) -> None:
    answer = site.client(locale="fi").http.get(path)
    assert answer.status_code == 404
    assert "Ei löytynyt" in answer.text


# --- my settings --------------------------------------------------------------------------------------------------------


def test_i_say_until_when_i_am_away_and_who_stands_in(site: Website) -> None:
    alice = site.client()
    until = f"{NOW + timedelta(days=5):%Y-%m-%d}"

    assert alice.post("/settings/absence", until="", deputy_id="").status_code == 422
    assert alice.post("/settings/absence", until="2001-01-01", deputy_id="").status_code == 422
    assert alice.post("/settings/absence", until=until, deputy_id=str(site.ids["bob"])).status_code == 303
    page = alice.get("/settings")
    assert f'value="{until}"' in page
    assert f'value="{site.ids["bob"]}" selected' in page
    assert alice.post("/settings/absence", until=until, deputy_id="").status_code == 303
    assert f'value="{site.ids["bob"]}" selected' not in alice.get("/settings")
    assert alice.post("/settings/absence", back="1").status_code == 303
    assert f'value="{until}"' not in alice.get("/settings")


@on_both
def test_one_more_address_is_asked_by_mail_and_confirmed_by_its_link(site: Website) -> None:
    alice, bob = site.client(), site.client("bob")
    own = alice.site.rows(
        select(tables.user_address.c.address).where(tables.user_address.c.user_id == site.ids["alice"])
    )
    assert own[0].address in alice.get("/settings")

    assert "is not an e-mail address" in alice.post("/settings/addresses", address="nonsense").text
    assert alice.post("/settings/addresses", address="alice@home.example").status_code == 303
    assert alice.post("/settings/addresses", address="other@home.example").status_code == 303
    assert "not answered yet" in alice.get("/settings")
    assert alice.post("/settings/addresses/removed", address="other@home.example").status_code == 303
    assert "other@home.example" not in alice.get("/settings")

    (row,) = site.rows(
        select(tables.outbox.c.id, tables.outbox.c.reply_nonce)
        .join(tables.outbox_recipient)
        .where(tables.outbox_recipient.c.key == "alice@home.example")
    )
    keyring = site.desk.keyring
    token = sign_token(row.id, Intent.CONFIRM, row.reply_nonce, keyring.current_id, keyring.current)
    link = f"/settings/addresses/r{token}"
    assert bob.status(link) == 404
    assert "alice@home.example" in alice.get(link)
    assert "not answered yet" in alice.get("/settings")  # looking changes nothing
    assert bob.post(f"{link}/confirmed").status_code == 404
    assert alice.post(f"{link}/confirmed").status_code == 303
    assert alice.post(f"{link}/confirmed").status_code == 422
    page = alice.get("/settings")
    assert "alice@home.example" in page
    assert "not answered yet" not in page
    assert alice.post("/settings/addresses/removed", address="alice@home.example").status_code == 303
    assert alice.post("/settings/addresses/removed", address=own[0].address).status_code == 422  # the last one stays


@pytest.mark.parametrize(("typed", "utc"), [("14:30", "12:30"), ("9", "07:00"), ("9.05", "07:05"), ("", None)])
def test_a_time_of_day_is_read_in_the_readers_zone(typed: str, utc: str | None) -> None:
    found = moment(date(2026, 11, 24), typed, ZoneInfo("Europe/Helsinki"))
    assert (f"{found:%H:%M}" if found else None) == utc


@on_both
def test_my_calendar_feed_shows_my_open_activities_to_whoever_has_its_address(site: Website) -> None:
    alice, lead_id = site.client(), site.ids["lead"]
    plan = {"type": "call", "due_on": f"{NOW:%Y-%m-%d}", "summary": "Ring, at last", "user_id": str(site.ids["alice"])}
    assert alice.post(f"/leads/{lead_id}/activities", **plan, due_time="23:30").status_code == 303
    assert alice.post(f"/leads/{lead_id}/activities", **plan, due_time="25:30").status_code == 422
    assert "23:30" in alice.get(f"/leads/{lead_id}")
    shown = alice.post("/settings/calendar")
    address = re.search(r'value="([^"]*/calendar/[^"]+)"', shown.text)
    assert address is not None
    path = "/calendar/" + address[1].partition("/calendar/")[2]

    stranger = site.client("").http
    answer = stranger.get(path)
    assert answer.headers["content-type"].startswith("text/calendar")
    said = answer.text.replace("\r\n ", "")
    (mine,) = [event for event in said.split("BEGIN:VEVENT") if "Ring\\, at last" in event]
    in_utc = datetime.combine(NOW, time(23, 30), ZoneInfo("Europe/Helsinki")).astimezone(UTC)
    assert f"DTSTART:{in_utc:%Y%m%dT%H%M%SZ}" in mine
    assert f"/leads/{lead_id}" in mine
    assert stranger.get("/calendar/guessed.ics").status_code == 404

    assert alice.post("/settings/calendar").status_code == 200
    assert stranger.get(path).status_code == 404  # a new address ends the old one
    assert alice.post("/settings/calendar", end="1").status_code == 303


def test_my_settings_are_kept_and_speak_my_language(site: Website) -> None:
    alice = site.client()
    good = {"name": "Alice A", "locale": "fi", "time_zone": "Asia/Tokyo", "digest_at": "08:15", "receipts": "errors"}
    digest = {"digest": "weekly", "digest_day": "4", "holidays": "SE"}
    assert alice.post("/settings", **good, **digest, working_days=["1", "7"]).status_code == 303
    page = alice.get("/settings")
    for chosen in ("weekly", "4", "SE"):
        assert re.search(rf'value="{chosen}"\s+selected>', page), chosen
    assert "Ruotsi" in page
    assert alice.post("/settings", **good, **{**digest, "holidays": "house"}).status_code == 303
    assert re.search(r'value="house"\s+selected>kuten talossa \(FI\)', alice.get("/settings"))
    assert "Omat asetukset" in page
    assert 'value="08:15"' in page
    assert re.search(r'value="errors"\s+selected', page)
    answer = alice.post("/settings", **{**good, "time_zone": "Moon/Base"}, working_days=["1"])
    assert answer.status_code == 422
    assert "Moon/Base ei ole aikavyöhyke" in answer.text


def test_which_notices_come_how_is_chosen_on_the_page(site: Website) -> None:
    alice = site.client()
    page = alice.get("/settings")
    options = {topic: re.findall(r'value="(\w+)"', one)
               for topic, one in re.findall(r'<select id="notices_(\w+)".*?>(.*?)</select>', page, re.DOTALL)}  # fmt: skip
    assert {topic: tuple(found) for topic, found in options.items()} == {
        topic.value: tuple(level.value for level in levels) for topic, levels in ALLOWED.items()
    }
    assert alice.post("/settings/notices", notices_note="off", notices_reply="digest").status_code == 303
    page = alice.get("/settings")
    assert re.search(r'value="off"\s+selected', page)
    assert re.search(r'value="digest"\s+selected', page)
    answer = alice.post("/settings/notices", notices_note="now", notices_reply="off")
    assert answer.status_code == 422
    assert "Asiakkaan viestejä ei voi ottaa pois" in answer.text or "cannot be switched off" in answer.text
    assert alice.post("/settings/notices", notices_note="loud").status_code == 422
    assert re.search(r'value="off"\s+selected', alice.get("/settings"))


def test_a_new_password_signs_out_every_other_browser(site: Website) -> None:
    here, there = site.client(), site.client()
    fields = {"old": PASSWORD, "new": "uusi pitkä salasana", "again": "uusi pitkä salasana"}
    here_csrf = here.csrf()
    post = here.http.post
    assert post("/settings/password", data={**fields, "csrf": here_csrf, "old": "no"}).status_code == 422
    assert post("/settings/password", data={**fields, "csrf": here_csrf, "again": "x"}).status_code == 422
    assert post("/settings/password", data={**fields, "csrf": here_csrf}).status_code == 303
    assert here.status("/") == 200
    assert there.status("/") == 303


# --- cost ---------------------------------------------------------------------------------------------------------------


@on_both
def test_the_number_of_statements_does_not_grow_with_what_is_shown(site: Website) -> None:
    alice, ids = site.client(), site.ids
    few = {path: _statement_count(site, alice.http, path) for path in _every_page(site)}
    for n in range(12):
        fields = {"type": "call", "due_on": f"2026-12-{n + 10}", "summary": "again"}
        alice.post(f"/leads/{ids['lead']}/activities", **fields)
        alice.post(f"/leads/{ids['lead']}/notes", text="@Bob again")
        alice.post(f"/leads/{ids['lead']}/messages", text="again")
    many = {path: _statement_count(site, alice.http, path) for path in _every_page(site)}
    assert many == few
    assert max(many.values()) <= 26
    assert many["/"] <= 10


def _statement_count(site: Website, http: httpx.Client, path: str) -> int:
    site.statements.clear()
    assert http.get(path).status_code == 200
    return len([s for s in site.statements if s.lstrip().upper().startswith(("SELECT", "WITH"))])


# --- words --------------------------------------------------------------------------------------------------------------

_KEYWORDS = {
    "_": None,
    "say": None,
    "Refused": None,
    "NotFound": None,
    "Taken": None,
    "Forbidden": None,
    "ngettext": (1, 2),
}


def _msgids() -> set[str]:
    python = [
        ROOT / "mailcrm/reasons.py",
        ROOT / "mailcrm/found_words.py",
        ROOT / "mailcrm/triage.py",
        *(ROOT / "mailcrm/web").rglob("*.py"),
        *(ROOT / "mailcrm/crm").glob("*.py"),
    ]
    found: set[str] = set()
    for path, method in [(p, "python") for p in python] + [
        (p, babel_extract) for p in (ROOT / "templates/web").glob("*.html")
    ]:
        with path.open("rb") as f:
            for _line, message, _comments, _context in extract(method, f, keywords=_KEYWORDS):  # type: ignore[arg-type]
                found.add(message if isinstance(message, str) else message[0])
    return found


def test_every_sentence_of_the_pages_and_verbs_is_in_finnish_with_the_same_blanks() -> None:
    said: dict[str, list[str]] = {}
    for path in (ROOT / "mailcrm/locale/fi").glob("*.po"):
        with path.open("rb") as f:
            for message in read_po(f, locale="fi"):
                if message.id:
                    key = message.id if isinstance(message.id, str) else message.id[0]
                    said[key] = [message.string] if isinstance(message.string, str) else list(message.string or ())
    missing = [msgid for msgid in _msgids() if not all(said.get(msgid, [""]))]
    assert missing == []
    blanks = re.compile(r"%\(\w+\)s")
    for msgid in _msgids():
        for text in said[msgid]:
            assert sorted(set(blanks.findall(text))) == sorted(set(blanks.findall(msgid))), msgid


def test_every_decision_has_words() -> None:
    tables_of_words = (
        (Reason, reasons.REASONS), (AuthorKind, reasons.AUTHORS), (MailKind, reasons.VERDICTS), (RouteKind, reasons.ROUTES),
        (Door, reasons.DOORS), (NoticeKind, reasons.NOTICES),
    )  # fmt: skip
    for values, table in tables_of_words:
        assert set(table) == set(values)
        for text in table.values():
            assert translator("fi").gettext(text)
    assert reasons.words(reasons.REASONS, "from_the_future") == "from_the_future"


def test_finnish_pages_are_finnish(site: Website) -> None:
    alice = site.client(locale="fi")
    page = alice.get("/")
    for word in ("Myyntiputki", "Vastuuhenkilö", "Myöhässä: 21.11.2026", "Vastuutettu", "12\xa0500"):
        assert word in page
    assert "Sisäinen muistiinpano" in alice.get(f"/leads/{site.ids['lead']}")


def test_templates_ask_for_nothing_that_is_not_given(site: Website) -> None:
    for who in ("alice", "bob"):
        client = site.client(who, locale="fi")
        for path in _every_page(site):
            client.get(path)


# --- what people type ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "means"),
    [
        ("1 234,50", "1234.50"),
        ("1,234.50", "1234.50"),
        ("1234", "1234.00"),
        ("1.234,5", "1234.50"),
        ("12 000 €", "12000.00"),
    ],
)
def test_amounts_are_read_as_finns_and_britons_write_them(typed: str, means: str) -> None:
    assert str(amount(typed)) == means


def test_days_are_read_in_both_ways() -> None:
    assert day("23.11.2026") == day("2026-11-23")
    assert day(" ") is None


def test_pages_hold_no_logic_about_roles() -> None:
    """Roles are named in one place only."""
    for path in (ROOT / "mailcrm/web/pages").glob("*.py"):
        names = {n.attr for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Attribute)}
        assert "role" not in names, path
