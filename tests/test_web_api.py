"""The REST API against the real application on a real database file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import insert, select

from mailcrm.crm.api_keys import add_api_key, key_hash, new_key, revoke_api_key
from mailcrm.crm.call import Call
from mailcrm.crm.chatter import NewMessage, add_message
from mailcrm.crm.people import deactivate_user
from mailcrm.mail import Reason
from mailcrm.store.tables import address_claim, api_key, attachment, inbound, moved_lead, outbox, partner
from mailcrm.web.app import build
from tests.house import DOMAIN, START, House, open_house
from tests.web_server import running_web


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path) as house:
        yield house


@pytest.fixture
def app(house: House) -> Iterator[httpx.Client]:
    with running_web(build(house.desk)) as base, httpx.Client(base_url=base, timeout=60) as client:
        yield client


class As:
    """The API as one user sees it."""

    def __init__(self, app: httpx.Client, house: House, user_id: int) -> None:
        self.app = app
        self.key = new_key()
        self.key_id = house.desk.perform(Call(add_api_key, (user_id, "test", key_hash(self.key))))
        self.headers = {"Authorization": f"Bearer {self.key}"}

    def get(self, path: str, status: int = 200, **params: Any) -> Any:
        return self._answer(self.app.get(f"/api/v1/{path}", params=params, headers=self.headers), status)

    def post(self, path: str, status: int = 200, **body: Any) -> Any:
        return self._answer(self.app.post(f"/api/v1/{path}", json=body, headers=self.headers), status)

    def patch(self, path: str, status: int = 200, **body: Any) -> Any:
        return self._answer(self.app.patch(f"/api/v1/{path}", json=body, headers=self.headers), status)

    def ids(self, path: str, **params: Any) -> list[int]:
        return [item["id"] for item in self.get(path, **params)["items"]]

    @staticmethod
    def _answer(answer: Any, status: int) -> Any:
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
def alice(app: httpx.Client, house: House) -> As:
    return As(app, house, house.alice)


@pytest.fixture
def bob(app: httpx.Client, house: House) -> As:
    return As(app, house, house.bob)


@pytest.fixture
def dora(app: httpx.Client, house: House) -> As:
    return As(app, house, house.dora)


# --- keys and errors ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic YTpi"}])
def test_a_call_without_a_valid_key_is_401_in_json(app: httpx.Client, headers: dict[str, str]) -> None:
    for answer in (
        app.get("/api/v1/leads", headers=headers),
        app.post("/api/v1/leads/1/notes", json={"text": "x"}, headers=headers),
    ):
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "unauthorized"
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_key_ends_when_it_is_revoked_or_its_user_deactivated(house: House, alice: As, bob: As) -> None:
    alice.get("leads")
    house.desk.perform(Call(revoke_api_key, (alice.key_id,)))
    alice.get("leads", 401)
    bob.get("leads")
    house.desk.perform(Call(deactivate_user, (house.bob,)))
    bob.get("leads", 401)


def test_the_last_use_of_a_key_is_kept_to_the_day(house: House, alice: As) -> None:
    used = select(api_key.c.last_used_at).where(api_key.c.id == alice.key_id)
    assert house.one(used) is None
    alice.get("leads")
    house.clock.pass_time(hours=20)
    alice.get("leads")
    assert house.one(used) == START
    house.clock.pass_time(hours=5)
    alice.get("leads")
    assert house.one(used) == house.clock.at


def test_unknown_parameters_fields_and_paths_are_told(house: House, alice: As) -> None:
    lead_id = house.add_lead()
    assert "colour: unknown name" in alice.get("leads", 422, colour="red")["error"]["message"]
    alice.get(f"leads/{lead_id}", 422, colour="red")
    assert "colour: unknown name" in alice.patch(f"leads/{lead_id}", 422, colour="red")["error"]["message"]
    alice.get("leads", 422, limit=0)
    alice.get("leads", 422, limit=1000)
    alice.get("leads", 422, created_after="yesterday")
    alice.get("leads", 422, stage="nowhere")
    alice.get("leads", 422, owner="nobody@firma.test")
    alice.get("leads", 422, q="a\x00b")
    assert alice.get("nothing", 404)["error"]["code"] == "not_found"
    assert alice.get("leads/999", 404)["error"]["message"] == "There is no lead 999."
    assert alice.patch("leads", 405)["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize("cursor", ["x", "W10", "WyJhIl0", "bnVsbA", "WzFlOTk5XQ", "WzEsMl0", "ä"])
def test_a_cursor_that_is_not_ours_is_422(alice: As, cursor: str) -> None:
    alice.get("leads", 422, cursor=cursor)
    alice.get("activities", 422, cursor=cursor)


def test_the_openapi_document_names_every_route_and_the_key(app: httpx.Client) -> None:
    document = app.get("/openapi.json").json()
    assert {
        "/api/v1/leads",
        "/api/v1/leads/{lead_id}",
        "/api/v1/leads/{lead_id}/messages",
        "/api/v1/leads/{lead_id}/notes",
        "/api/v1/leads/{lead_id}/stage",
        "/api/v1/leads/{lead_id}/owner",
        "/api/v1/leads/{lead_id}/activities",
        "/api/v1/activities",
        "/api/v1/partners",
        "/api/v1/inbound",
        "/api/v1/outbox",
    } <= set(document["paths"])
    assert document["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"


# --- leads --------------------------------------------------------------------------------------------------------------


def test_a_lead_has_the_promised_shape(house: House, alice: As) -> None:
    lead_id = house.add_lead(tags=("new", "glass"), source="web", medium="form", campaign="spring")
    shown = alice.get(f"leads/{lead_id}")
    assert alice.get("leads")["items"] == [shown]
    assert {name: shown[name] for name in ("id", "title", "team", "tags", "priority", "outcome", "waiting_on")} == {
        "id": lead_id,
        "title": "Offer for windows",
        "team": "North",
        "tags": ["glass", "new"],
        "priority": 0,
        "outcome": None,
        "waiting_on": None,
    }
    assert shown["owner"] == {"id": house.alice, "name": "Alice Aalto", "email": "alice@firma.test"}
    assert shown["partner"] == {
        "id": house.carol,
        "name": "Carol Customer",
        "email": "carol@customer.test",
        "company": "Customer Oy",
    }
    assert (shown["source"], shown["medium"], shown["campaign"]) == ("web", "form", "spring")
    assert (shown["expected_revenue"], shown["currency"], shown["probability"]) == (None, "EUR", 10)
    assert (shown["next_activity"], shown["previous_stage"]) == (None, None)
    assert shown["created_at"] == "2026-03-02T08:00:00Z"


def test_names_of_stages_are_in_the_language_of_the_key_and_filters_take_both(house: House, alice: As, bob: As) -> None:
    lead_id = house.add_lead()
    assert alice.get(f"leads/{lead_id}")["stage"]["name"] == "Vastuutettu"
    stage = bob.get(f"leads/{lead_id}")["stage"]
    assert (stage["name"], stage["kind"]) == ("Assigned", "open")
    for named in ("assigned", "VASTUUTETTU", "open", str(stage["id"])):
        assert bob.ids("leads", stage=named) == [lead_id]
    assert bob.ids("leads", stage="hävitty") == []


def test_leads_are_found_by_every_filter(house: House, alice: As) -> None:
    first = house.add_lead("Ääniseinä toimistoon")
    house.clock.pass_time(days=1)
    second = house.add_lead("Windows", owner=house.bob, partner_id=None, company_id=None, team_id=None)
    assert alice.ids("leads") == [second, first]
    assert alice.ids("leads", partner_email="Carol@Customer.TEST") == [first]
    assert alice.ids("leads", owner="bob@firma.test") == [second]
    assert alice.ids("leads", owner=str(house.alice)) == [first]
    assert alice.ids("leads", team="north") == [first]
    assert alice.ids("leads", created_after="2026-03-02T12:00:00Z") == [second]
    assert alice.ids("leads", updated_after="2026-03-01T12:00:00+02:00") == [second, first]
    assert alice.ids("leads", outcome="won") == []
    assert alice.ids("leads", outcome="none") == [second, first]
    for q in ("ääni", "ÄÄNISEINÄ", "carol", "customer.test", "toimisto ääni"):
        assert alice.ids("leads", q=q) == [first], q
    assert alice.ids("leads", q="100%") == []
    assert alice.ids("leads", q="windows", owner="bob@firma.test") == [second]


def test_pages_follow_one_another_without_gap_or_repeat(house: House, alice: As) -> None:
    ids = [house.add_lead(f"Lead {n}") for n in range(7)]
    seen: list[int] = []
    asked: dict[str, Any] = {"limit": 3}
    while True:
        page = alice.get("leads", **asked)
        seen += [item["id"] for item in page["items"]]
        house.add_lead("meanwhile")
        if page["next"] is None:
            break
        asked["cursor"] = page["next"]
    assert seen == ids[::-1]


@pytest.mark.parametrize("path", ["leads", "activities", "partners", "inbound", "outbox", "messages"])
def test_a_list_page_takes_the_same_number_of_statements_whatever_its_length(
    house: House, alice: As, path: str
) -> None:
    first = house.add_lead()
    url = f"leads/{first}/messages" if path == "messages" else path
    alice.get(url)
    with house.counted_statements() as few:
        alice.get(url)
    for n in range(12):
        lead_id = house.add_lead(f"Lead {n}", tags=("a", "b"))
        alice.post(f"leads/{lead_id}/activities", 201, type="call", due_on="2026-03-05")
        alice.post(f"leads/{lead_id}/messages", 201, text="Hello")
        alice.post(f"leads/{first}/messages", 201, text="Hello")
        alice.post("partners", 201, name=f"P{n}", email=f"p{n}@other.test")
    with house.counted_statements() as many:
        assert len(alice.get(url, limit=200)["items"]) >= (12 if path not in ("inbound",) else 0)
    assert len(many) == len(few) <= 6  # BEGIN, the key, and the page's own


def test_a_lead_is_made_by_hand_with_a_new_person(house: House, alice: As) -> None:
    made = alice.post(
        "leads",
        201,
        title="A hall",
        partner_email="Ella@customer.test",
        partner_name="Ella Example",
        owner="bob@firma.test",
        team="North",
        tags=["big"],
        expected_revenue=1200.5,
    )
    assert made["partner"]["company"] == "Customer Oy"
    assert made["partner"]["email"] == "Ella@customer.test"
    assert (made["owner"]["id"], made["expected_revenue"], made["tags"]) == (house.bob, 1200.5, ["big"])
    told = house.all(select(outbox.c.kind, outbox.c.user_id).where(outbox.c.lead_id == made["id"]))
    assert [tuple(row) for row in told] == [("assigned", house.bob)]


def test_our_own_addresses_are_never_partners(alice: As) -> None:
    for address in (f"sales@{DOMAIN}", f"anything@{DOMAIN}", "bob@firma.test", "no address"):
        alice.post("partners", 409 if address.startswith("bob") else 422, name="X", email=address)
        alice.post("leads", 409 if address.startswith("bob") else 422, title="X", partner_email=address)
    assert alice.ids("leads") == []


def test_a_lead_is_changed_moved_and_given_away(house: House, alice: As) -> None:
    lead_id = house.add_lead()
    changed = alice.patch(f"leads/{lead_id}", title="Two windows", priority=2, expected_revenue=99.9, tags=["x"])
    assert (changed["title"], changed["priority"], changed["expected_revenue"]) == ("Two windows", 2, 99.9)
    assert changed["tags"] == ["x"]
    won = alice.post(f"leads/{lead_id}/stage", stage="won")
    assert (won["outcome"], won["stage"]["kind"], won["previous_stage"]["name"]) == ("won", "won", "Vastuutettu")
    given = alice.post(f"leads/{lead_id}/owner", owner="bob@firma.test")
    assert given["owner"]["id"] == house.bob
    assert alice.post(f"leads/{lead_id}/owner", owner=None)["owner"] is None


def test_what_a_verb_refuses_is_422_in_its_words(house: House, alice: As) -> None:
    lead_id = house.add_lead()
    said = alice.post(f"leads/{lead_id}/stage", 422, stage="on_hold")
    assert said["error"] == {"code": "invalid", "message": "On hold needs a date: until when?"}
    alice.post(f"leads/{lead_id}/stage", 422, stage="open")
    alice.post(f"leads/{lead_id}/owner", 422, owner="dora@firma.test")
    alice.post(f"leads/{lead_id}/notes", 422, text="  ")
    alice.patch(f"leads/{lead_id}", 422, priority=9)
    held = alice.post(f"leads/{lead_id}/stage", stage="On hold", hold_until="2026-04-01")
    assert held["next_activity"]["due_on"] == "2026-04-01"


def test_the_number_of_a_dissolved_lead_shows_the_one_it_went_into(house: House, alice: As) -> None:
    lead_id = house.add_lead()
    row = {"id": 77, "to_lead_id": lead_id, "at": START}
    house.desk.store.write(lambda session: session.execute(insert(moved_lead), [row]))
    assert alice.get("leads/77")["id"] == lead_id
    assert alice.post("leads/77/notes", 201, text="Ask them twice.")["kind"] == "note"
    planned = alice.post("leads/77/activities", 201, type="call", due_on="2026-06-01")
    assert alice.post("leads/77/messages", 201, text="Here is our offer.")["kind"] == "email_out"
    assert alice.post("leads/77/stage", stage="won")["id"] == lead_id
    assert alice.post("leads/77/owner", owner=None)["id"] == lead_id
    assert alice.patch("leads/77", title="Both")["title"] == "Both"
    assert {"note", "email_out"} <= {item["kind"] for item in alice.get("leads/77/messages")["items"]}
    assert [item["id"] for item in alice.get("leads/77/activities")["items"]] == [planned["id"]]
    assert alice.get("inbound?lead_id=77") == alice.get(f"inbound?lead_id={lead_id}")


# --- chatter ------------------------------------------------------------------------------------------------------------


def test_a_message_leaves_and_shows_its_delivery_and_a_note_stays(house: House, alice: As) -> None:
    lead_id = house.add_lead()
    sent = alice.post(f"leads/{lead_id}/messages", 201, text="Here is our offer.")
    note = alice.post(f"leads/{lead_id}/notes", 201, text="@Bob please look")
    assert (sent["kind"], note["kind"]) == ("email_out", "note")
    shown = {item["id"]: item for item in alice.get(f"leads/{lead_id}/messages")["items"]}
    delivery = shown[sent["id"]]["delivery"]
    assert delivery["state"] == "queued"
    assert [(one["address"], one["state"]) for one in delivery["recipients"]] == [("carol@customer.test", "queued")]
    assert shown[note["id"]]["delivery"] is None
    assert shown[sent["id"]]["author"] == {"kind": "user", "name": "Alice Aalto", "email": "alice@firma.test"}
    assert shown[sent["id"]]["text"] == "Here is our offer."
    kinds = [item["kind"] for item in alice.get(f"leads/{lead_id}/messages")["items"]]
    assert set(kinds) == {"event", "email_out", "note"}
    assert alice.ids(f"leads/{lead_id}/messages", kind="note") == [note["id"]]
    rows = house.all(select(outbox.c.kind, outbox.c.user_id).where(outbox.c.lead_id == lead_id))
    assert {("customer_reply", None), ("note", house.bob)} <= {tuple(row) for row in rows}
    listed = alice.get("outbox", kind="customer_reply")["items"][0]
    assert (listed["to"], listed["lead_id"]) == ("carol@customer.test", lead_id)
    assert alice.ids("outbox", to="carol@customer.test") == [listed["id"]]


def test_a_customers_mail_shows_who_wrote_it_and_its_files_never_run(house: House, alice: As) -> None:
    lead_id = house.add_lead()
    content = b"<script>alert(1)</script>"

    def mail_in(session: Any) -> int:
        new = NewMessage(
            lead_id, "email_in", "partner", START, START, author_partner_id=house.carol, author_name="Carol C",
            author_address="carol@customer.test", subject="Hi", text="Hi\n> old", new_text="Hi", reason=Reason.ALIAS,
        )  # fmt: skip
        row_id = add_message(session, new)
        file = {"filename": "../a\u202eb.html", "content_type": "text/html", "size": len(content)}
        file |= {"message_id": row_id, "sha256": house.desk.blobs.put(content)}
        session.execute(insert(attachment), [file])
        return row_id

    row_id = house.desk.store.write(mail_in)
    shown = next(item for item in alice.get(f"leads/{lead_id}/messages")["items"] if item["id"] == row_id)
    assert shown["author"] == {"kind": "partner", "name": "Carol C", "email": "carol@customer.test"}
    assert (shown["text"], shown["new_text"], shown["reason"], shown["delivery"]) == ("Hi\n> old", "Hi", "alias", None)
    file = alice.app.get(shown["attachments"][0]["url"], headers=alice.headers)
    assert file.content == content
    assert file.headers["Content-Type"] == "application/octet-stream"
    assert file.headers["X-Content-Type-Options"] == "nosniff"
    assert file.headers["Content-Disposition"] == 'attachment; filename="ab.html"'
    assert alice.app.get(shown["attachments"][0]["url"]).status_code == 401


# --- activities ---------------------------------------------------------------------------------------------------------


def test_an_activity_is_planned_moved_and_done(house: House, alice: As) -> None:
    lead_id = house.add_lead()
    later = alice.post(f"leads/{lead_id}/activities", 201, type="quote", due_on="2026-03-09", user="bob@firma.test")
    made = alice.post(f"leads/{lead_id}/activities", 201, type="call", due_on="2026-03-04", summary="Ask about size")
    assert (made["user"]["id"], made["lead_title"]) == (house.alice, "Offer for windows")
    assert alice.ids("activities") == alice.ids(f"leads/{lead_id}/activities") == [made["id"], later["id"]]
    assert alice.ids("activities", user="bob@firma.test") == [later["id"]]
    assert alice.ids("activities", due_before="2026-03-05") == [made["id"]]
    assert alice.get(f"leads/{lead_id}")["next_activity"] == {
        "id": made["id"],
        "type": "call",
        "summary": "Ask about size",
        "due_on": "2026-03-04",
        "user": {"id": house.alice, "name": "Alice Aalto", "email": "alice@firma.test"},
    }
    assert alice.post(f"activities/{made['id']}/due", due_on="2026-03-10")["due_on"] == "2026-03-10"
    done = alice.post(f"activities/{made['id']}/done", feedback="Two metres")
    assert (done["feedback"], done["done_at"]) == ("Two metres", "2026-03-02T08:00:00Z")
    alice.post(f"activities/{made['id']}/done", 422, feedback="again")
    assert alice.ids("activities") == [later["id"]]
    assert alice.ids("activities", state="done") == [made["id"]]
    assert alice.app.delete(f"/api/v1/activities/{later['id']}", headers=alice.headers).status_code == 204
    events = [item["event"] for item in alice.get(f"leads/{lead_id}/messages", kind="event")["items"]]
    assert events[-5:] == [
        "activity_scheduled",
        "activity_scheduled",
        "activity_rescheduled",
        "activity_done",
        "activity_cancelled",
    ]


# --- rights -------------------------------------------------------------------------------------------------------------


def test_a_colleague_sees_only_leads_they_were_mentioned_on_and_writes_only_notes(
    house: House, alice: As, dora: As
) -> None:
    hers, other = house.add_lead("Hers"), house.add_lead("Other", partner_id=None, company_id=None)
    assert dora.ids("leads") == []
    alice.post(f"leads/{hers}/notes", 201, text="@Dora Dahl what does it cost?")
    alice.post(f"leads/{other}/activities", 201, type="call", due_on="2026-03-05")
    assert dora.ids("leads") == [hers]
    assert sorted(dora.ids("partners")) == sorted([house.carol, house.company])
    assert dora.ids("activities") == []
    dora.get(f"leads/{other}", 404)
    dora.get(f"leads/{other}/messages", 404)
    dora.post(f"leads/{other}/notes", 404, text="x")
    dora.post(f"leads/{hers}/notes", 201, text="100 euros")
    dora.post(f"leads/{hers}/messages", 403, text="x")
    dora.post(f"leads/{hers}/stage", 403, stage="won")
    dora.get("inbound", 403)
    dora.get("outbox", 403)
    assert dora.get("users")["items"][0]["name"] == "Alice Aalto"


def test_only_a_manager_erases(app: httpx.Client, house: House, alice: As) -> None:
    alice.post(f"partners/{house.carol}/erasure", 403)
    mona = As(app, house, house.mona)
    erased = mona.post(f"partners/{house.carol}/erasure")
    assert (erased["name"], erased["addresses"], erased["erased_at"]) == ("—", [], "2026-03-02T08:00:00Z")


# --- mail, partners, settings -------------------------------------------------------------------------------------------


def test_inbound_tells_what_happened_to_each_mail_and_why(house: House, alice: As) -> None:
    lead_id = house.add_lead()
    row = {
        "content_key": "1", "spool_id": "s1", "received_at": START, "door": "smtp", "mail_from": "carol@customer.test",
        "rcpt_to": [f"sales@{DOMAIN}"], "from_name": "Carol", "from_address": "Carol@customer.test",
        "from_key": "carol@customer.test", "subject": "Hi", "message_id": "m1@customer.test", "author": "outsider",
        "verdict": "human", "verdict_reason": "written_by_a_person", "route": "new_lead", "reason": "alias",
        "state": "done", "lead_id": lead_id, "decided_at": START, "defects": [], "copies": 2,
    }  # fmt: skip
    house.desk.store.write(lambda session: session.execute(insert(inbound), [row]))
    shown = alice.get("inbound")["items"][0]
    assert (shown["from"], shown["reason"], shown["route"]) == ("Carol@customer.test", "alias", "new_lead")
    assert (shown["author"], shown["verdict"], shown["copies"], shown["lead_id"]) == ("outsider", "human", 2, lead_id)
    filters = {"state": "done", "lead_id": lead_id, "message_id": "<m1@customer.test>", "from": "CAROL@customer.test"}
    for name, value in filters.items():
        assert alice.ids("inbound", **{name: value}) == [shown["id"]]
    assert alice.ids("inbound", state="held") == []
    assert alice.ids("inbound", message_id="other@customer.test") == []


def test_partners_are_added_changed_and_found(house: House, alice: As) -> None:
    made = alice.post("partners", 201, name="Ella", email="ella@other.test", owner="alice@firma.test", language="fi")
    assert alice.ids("partners", email="ELLA@other.test") == alice.ids("partners", q="ella") == [made["id"]]
    alice.post("partners", 409, name="Ella again", email="Ella@OTHER.test")
    alice.post(f"partners/{made['id']}/addresses", 201, address="ella@home.test")
    changed = alice.patch(f"partners/{made['id']}", owner=None, relation="customer", company_id=house.company)
    assert changed["addresses"] == ["ella@other.test", "ella@home.test"]
    assert (changed["owner"], changed["relation"], changed["company"]) == (None, "customer", "Customer Oy")
    company = alice.post("partners", 201, kind="company", name="New Oy", domain="New.test")
    assert (company["kind"], company["domain"]) == ("company", "new.test")
    alice.post("partners", 409, kind="company", name="Same", domain="new.test")
    assert house.one(select(partner.c.domain).where(partner.c.id == company["id"])) == "new.test"


def test_what_rarely_changes_can_be_read(house: House, alice: As) -> None:
    house.add_lead(tags=("glass",))
    assert [t["name"] for t in alice.get("tags")["items"]] == ["glass"]
    assert [s["name"] for s in alice.get("stages")["items"]][:3] == ["Uusi", "Vastuutettu", "Kontaktoitu"]
    assert [m["name"] for m in alice.get("teams")["items"][0]["members"]] == ["Alice Aalto", "Bob Berg"]
    listed = alice.get("aliases")["items"][0]
    assert (listed["address"], listed["team"], listed["source"], listed["tags"]) == (
        f"sales@{DOMAIN}", "North", "web", ["new"],
    )  # fmt: skip
    assert len(alice.get("users")["items"]) == 5


def test_one_more_address_of_ones_own_is_asked(house: House, alice: As) -> None:
    assert alice.post("me/addresses", 202, address="alice@home.test") == {
        "address": "alice@home.test",
        "state": "asked",
    }
    alice.post("me/addresses", 422, address="nonsense")
    alice.post("me/addresses", 409, address="bob@firma.test")
    assert house.one(select(address_claim.c.user_id).where(address_claim.c.key == "alice@home.test")) == house.alice
