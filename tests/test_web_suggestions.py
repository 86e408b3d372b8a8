"""What comes next, on the pages: the suggestion after something is done, leads without a next step, and the list of suggestions."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from mailcrm.store import tables
from tests.website import Website, running_website


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Website]:
    with running_website(tmp_path) as site:
        yield site


def _stage(site: Website, lead_id: int, name: str) -> None:
    to = update(tables.lead).where(tables.lead.c.id == lead_id).values(stage_id=site.ids[f"stage {name}"])
    site.write(lambda session: session.execute(to))


def _done(site: Website, browser: Any, lead_id: int, back: str) -> str:
    """Everything planned on the lead is done; the page that one sees then."""
    asked = select(tables.activity.c.id).where(
        tables.activity.c.lead_id == lead_id, tables.activity.c.done_at.is_(None)
    )
    answer = None
    for row in site.rows(asked):
        answer = browser.post(f"/activities/{row.id}/done", next=back)
    assert answer is not None
    return str(browser.get(answer.headers["location"]))


def _form(page: str, lead_id: int) -> dict[str, str]:
    """The prefilled form that plans the next step."""
    found = re.search(
        rf'<form class="filter plan-next"[^>]*action="/leads/{lead_id}/activities">(.*?)</form>', page, re.S
    )
    assert found is not None
    inputs = dict(re.findall(r'<input[^>]*name="(\w+)"[^>]*value="([^"]*)"', found[1]))
    chosen = re.search(r'<option value="(\w+)" selected', found[1])
    return {**inputs, "type": chosen[1] if chosen else ""}


@pytest.mark.parametrize("back", ["/activities", "/leads/{lead}"])
def test_after_something_is_done_the_page_offers_what_comes_next_in_one_click(site: Website, back: str) -> None:
    alice, lead_id = site.client(), site.ids["lead"]
    _stage(site, lead_id, "Quote sent")

    form = _form(_done(site, alice, lead_id, back.format(lead=lead_id)), lead_id)

    assert (form["type"], form["due_on"], form["summary"]) == ("call", "2026-11-30", "ask after the quote")
    assert alice.post(f"/leads/{lead_id}/activities", **form).status_code == 303
    planned = site.rows(
        select(tables.activity).where(tables.activity.c.lead_id == lead_id, tables.activity.c.done_at.is_(None))
    )
    assert [(row.type, row.summary, row.user_id) for row in planned] == [
        ("call", "ask after the quote", site.ids["alice"])
    ]
    assert "plan-next" not in alice.get(f"/leads/{lead_id}")


def test_nobody_is_offered_what_they_may_not_do(site: Website) -> None:
    lead_id = site.ids["lead"]
    _stage(site, lead_id, "Quote sent")
    _done(site, site.client(), lead_id, "/activities")
    site.client("bob").post(f"/leads/{lead_id}/notes", text="@Clara look")
    assert "Laser cutting" in site.client("clara").get(f"/leads/{lead_id}")

    assert "plan-next" not in site.client("clara").get(f"/leads/{lead_id}")
    assert "plan-next" not in site.client("clara").get("/activities?whose=all&next=none")


def test_open_leads_without_a_next_step_are_counted_listed_and_shown_on_the_board(site: Website) -> None:
    alice, lead_id = site.client(), site.ids["lead"]
    title = site.rows(select(tables.lead.c.title).where(tables.lead.c.id == lead_id))[0].title
    before = alice.get("/activities?next=none")
    assert title not in before

    _done(site, alice, lead_id, "/activities")

    assert "no next step" in alice.get("/activities")
    listed = alice.get("/activities?next=none")
    assert title in listed
    assert _form(listed, lead_id)["summary"] == "ask how it goes on"
    board = alice.get("/?next=none")
    assert f'id="card-{lead_id}"' in board
    with_step = site.rows(select(tables.activity.c.lead_id).where(tables.activity.c.done_at.is_(None)).distinct())
    assert not [row.lead_id for row in with_step if f'id="card-{row.lead_id}"' in board]
    assert re.search(r'value="none"\s+selected', board)
    form = {"type": "todo", "due_on": "2026-12-01", "summary": "", "next": "/activities?next=none"}
    assert alice.post(f"/leads/{lead_id}/activities", **form).headers["location"].startswith("/activities?next=none")
    assert title not in alice.get("/activities?next=none")


def test_a_closed_lead_needs_no_next_step(site: Website) -> None:
    alice, lead_id = site.client(), site.ids["lead"]
    _done(site, alice, lead_id, "/activities")
    assert alice.post(f"/leads/{lead_id}/stage", stage_id=site.ids["stage Won"]).status_code == 303

    assert f"/leads/{lead_id}/activities" not in alice.get("/activities?next=none&whose=all")
    assert "plan-next" not in alice.get(f"/leads/{lead_id}")


def test_a_manager_changes_what_the_stages_suggest_and_others_do_not(site: Website) -> None:
    manager, lead_id = site.client("bob"), site.ids["lead"]
    stage_id = site.ids["stage Quote sent"]
    new = {
        "stage_id": stage_id,
        "after_type": "call",
        "next_type": "todo",
        "days": "2",
        "text_en": "ask again",
        "text_fi": "kysy uudestaan",
    }
    assert "/settings/suggestions" in manager.get("/settings")
    assert 'value="ask after the quote"' in manager.get("/settings/suggestions")
    assert manager.post("/settings/suggestions", **new).status_code == 303
    assert manager.post("/settings/suggestions", **{**new, "text_en": "ask once more"}).status_code == 303
    rows = site.rows(select(tables.stage_suggestion).where(tables.stage_suggestion.c.stage_id == stage_id))
    assert sorted((row.after_type, row.text_en) for row in rows) == [
        ("", "ask after the quote"),
        ("call", "ask once more"),
    ]

    _stage(site, lead_id, "Quote sent")
    assert _form(_done(site, site.client(), lead_id, "/activities"), lead_id)["summary"] == "ask once more"
    for row in rows:
        assert manager.post(f"/settings/suggestions/{row.id}/removed").status_code == 303
    assert "plan-next" not in site.client().get(f"/leads/{lead_id}")
    assert manager.post(f"/settings/suggestions/{rows[0].id}/removed").status_code == 404

    assert "/settings/suggestions" not in site.client().get("/settings")
    assert site.client().status("/settings/suggestions") == 403
    assert site.client().post("/settings/suggestions", **new).status_code == 403


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"days": "0"}, "Say in how many working days: 1 to 365."),
        ({"text_fi": " "}, "Say in Finnish and in English what is to be done."),
        ({"text_en": "10:30 call"}, "Begin the text with a word"),
        ({"text_fi": "klo 10 soitto"}, "Begin the text with a word"),
        ({"next_type": "party"}, "An activity is one of"),
        ({"stage_id": "99999"}, "There is no stage 99999."),
    ],
)
def test_a_suggestion_that_could_not_be_planned_is_refused(site: Website, changed: dict[str, str], said: str) -> None:
    manager = site.client("bob")
    stage_id = str(site.ids["stage New"])
    new = {
        "stage_id": stage_id,
        "after_type": "",
        "next_type": "call",
        "days": "2",
        "text_en": "ask",
        "text_fi": "kysy",
    }

    answer = manager.post("/settings/suggestions", **{**new, **changed})

    assert answer.status_code == 422
    assert said in answer.text
    assert f'value="{({**new, **changed})["text_fi"]}"' in answer.text
