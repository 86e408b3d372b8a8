"""Inviting the customer from a lead's page: explicitly; moved, called off, another time accepted."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from mailcrm.store import tables
from tests.website import Website, running_website

_FORM = {
    "type": "meeting", "due_on": "2026-12-03", "due_time": "14:00", "summary": "Look at the frames", "place": "Tampere",
    "minutes": "90", "invite": "yes",
}  # fmt: skip


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Website]:
    with running_website(tmp_path) as site:
        yield site


def _invitations(site: Website) -> list[Any]:
    rows = site.rows(select(tables.outbox).where(tables.outbox.c.kind == "customer_reply").order_by(tables.outbox.c.id))
    return [row.params["invitation"] for row in rows if "invitation" in row.params]


def test_a_box_invites_the_customer_and_without_it_nothing_leaves(site: Website) -> None:
    alice, lead_id = site.client(), site.ids["lead"]
    form = re.search(r'name="invite".*?</p>\s*<p[^>]*>(.*?)</p>', alice.get(f"/leads/{lead_id}"), re.S)
    assert form is not None
    assert "carol@asiakas.test" in form[1]
    assert alice.post(f"/leads/{lead_id}/activities", **{**_FORM, "invite": ""}).status_code == 303
    assert _invitations(site) == []

    answer = alice.post(f"/leads/{lead_id}/activities", **_FORM)

    assert "said=invited" in answer.headers["location"]
    (sent,) = _invitations(site)
    assert (sent["method"], sent["summary"], sent["location"]) == ("REQUEST", "Look at the frames", "Tampere")
    assert (sent["start"], sent["end"]) == ("2026-12-03T12:00:00+00:00", "2026-12-03T13:30:00+00:00")
    page = alice.get(f"/leads/{lead_id}")
    assert "The customer is invited and has not answered yet." in page
    assert "Invitation: Look at the frames" in page


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"due_time": ""}, "give a time of day"),
        ({"summary": " "}, "Say what the meeting is about"),
        ({"type": "call"}, "to a meeting only"),
        ({"due_on": "2026-11-01"}, "give a time to come"),
        ({"minutes": "0"}, "A meeting lasts from a minute to a week."),
    ],
)
def test_what_is_missing_is_said_and_nothing_is_planned(site: Website, changed: dict[str, str], said: str) -> None:
    alice, lead_id = site.client(), site.ids["lead"]
    before = len(site.rows(select(tables.activity.c.id)))

    answer = alice.post(f"/leads/{lead_id}/activities", **{**_FORM, **changed})

    assert answer.status_code == 422
    assert said in answer.text
    assert 'value="Tampere"' in answer.text
    assert _invitations(site) == []
    assert len(site.rows(select(tables.activity.c.id))) == before


def test_on_the_page_it_is_moved_and_called_off_and_the_feed_shows_place_and_end(site: Website) -> None:
    alice, lead_id = site.client(), site.ids["lead"]
    alice.post(f"/leads/{lead_id}/activities", **_FORM)
    (row,) = site.rows(select(tables.meeting))
    shown = alice.post("/settings/calendar")
    key = re.search(r"/calendar/([^\"]+)\"", shown.text)
    assert key is not None
    feed = site.client("").http.get(f"/calendar/{key[1]}").text
    assert "LOCATION:Tampere" in feed
    assert "DTEND:20261203T133000Z" in feed

    path = f"/activities/{row.activity_id}"
    assert alice.post(f"{path}/day", due_on="2026-12-04", due_time="").status_code == 422
    assert alice.post(f"{path}/day", due_on="2026-12-04", due_time="10:00").status_code == 303
    assert alice.post(f"{path}/cancelled").status_code == 303

    assert [(one["method"], one["sequence"]) for one in _invitations(site)] == [
        ("REQUEST", 0),
        ("REQUEST", 1),
        ("CANCEL", 2),
    ]
    assert len({one["uid"] for one in _invitations(site)}) == 1
    assert "Look at the frames" not in alice.get("/activities")


def test_another_time_that_the_customer_proposes_is_accepted_with_one_button(site: Website) -> None:
    alice, lead_id = site.client(), site.ids["lead"]
    alice.post(f"/leads/{lead_id}/activities", **_FORM)
    proposed = {
        "name": "Carol",
        "address": "carol@asiakas.test",
        "answer": "counter",
        "proposed_at": "2026-12-05T08:00:00+00:00",
    }
    site.write(lambda session: session.execute(update(tables.meeting).values(answers=[proposed])))
    page = alice.get(f"/leads/{lead_id}")
    assert "Carol proposes another time: 5 Dec 2026, 10:00" in page
    form = re.search(r'action="(/activities/\d+/day)">((?:(?!</form>).)*?)<button>Accept', page, re.S)
    assert form is not None

    fields = dict(re.findall(r'name="(due_\w+)" value="([^"]*)"', form[2]))
    assert alice.post(form[1], **fields).status_code == 303

    assert _invitations(site)[-1]["start"] == "2026-12-05T08:00:00+00:00"
