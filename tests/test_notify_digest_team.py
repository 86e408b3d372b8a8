"""A manager's digest: exceptions first, the team, what changed since the last one, pipeline and forecast as picture and figures."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, update

from mailcrm.crm import leads
from mailcrm.notify.digest import build, send_due
from mailcrm.notify.digest_content import Content, Rules
from mailcrm.store import tables
from tests.notify_house import House, html_of, opened_house, text_of

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
MORNING = datetime(2026, 11, 23, 5, 30, tzinfo=UTC)  # 07:30 in Helsinki, a Monday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with opened_house(tmp_path) as opened:
        opened.store.write(lambda session: session.execute(update(tables.user).values(created_at=LONG_AGO)))
        opened.change(tables.user, opened.maija, locale="en")
        opened.change(tables.lead, opened.lead, created_at=MORNING - 3 * DAY)
        opened.now = MORNING
        yield opened


def content_of(house: House, user: int, **rules: Any) -> Content:
    with house.store.read() as session:
        return build(session, user, house.now, Rules(**rules))


def exceptions(house: House, user: int, **rules: Any) -> dict[str, list[str]]:
    keys = ("unanswered", "alone", "unassigned", "stalled")
    sections = content_of(house, user, **rules).sections
    return {one.key: [f"{item.title}: {item.detail}" for item in one.items] for one in sections if one.key in keys}


def perform(house: House, verb: Any, *arguments: Any, **more: Any) -> None:
    house.store.write(lambda session: verb(session, *arguments, house.alice, house.now, **more))


def add_stage(house: House, name: str, kind: str, position: int) -> int:
    return house.add(tables.stage, name_en=name, name_fi=f"{name} fi", position=position, kind=kind)


# --- exceptions


def test_exceptions_come_first_and_are_numbered_with_the_rest(house: House) -> None:
    due = {"type": "call", "summary": "", "due_on": MORNING.date(), "created_at": LONG_AGO}
    house.add(tables.activity, lead_id=house.lead, user_id=house.maija, **due)
    house.change(tables.lead, house.lead, waiting_on="us", waiting_since=MORNING - 4 * DAY)
    sections = content_of(house, house.maija).sections
    assert [(one.key, [item.number for item in one.items]) for one in sections] == [("unanswered", [1]), ("today", [2])]
    assert exceptions(house, house.maija) == {
        "unanswered": ["Carol Smith: Alice Virtanen · waiting for 16 working hours · Quote for 40 chairs"]
    }


def test_work_of_who_is_away_without_a_deputy_stands_apart(house: House) -> None:
    house.change(tables.user, house.alice, absent_until=MORNING + 4 * DAY, absent_by="by_hand")
    assert exceptions(house, house.maija) == {}  # nothing waits
    house.change(tables.lead, house.lead, waiting_on="us", waiting_since=MORNING - 4 * DAY)
    away = ["Carol Smith: Alice Virtanen is away until 27 Nov 2026, nobody stands in · Quote for 40 chairs"]
    assert exceptions(house, house.maija) == {"alone": away}
    house.change(tables.user, house.alice, deputy_id=house.bob)
    assert list(exceptions(house, house.maija)) == ["unanswered"]
    house.change(tables.user, house.bob, absent_until=MORNING + DAY, absent_by="by_hand")
    assert exceptions(house, house.maija) == {"alone": away}


def test_a_lead_stands_still_after_days_in_which_nothing_happened_or_is_planned(house: House) -> None:
    house.change(tables.lead, house.lead, created_at=MORNING - 20 * DAY, last_message_at=MORNING - 15 * DAY)
    still = ["Carol Smith: Alice Virtanen · nothing for 15 days · Assigned · Quote for 40 chairs"]
    assert exceptions(house, house.maija) == {"stalled": still}
    assert exceptions(house, house.maija, stalled_days=16) == {}
    planned = {"type": "call", "due_on": date(2026, 12, 1), "created_at": LONG_AGO}
    plan = house.add(tables.activity, lead_id=house.lead, user_id=house.alice, **planned)
    assert exceptions(house, house.maija) == {}
    house.change(tables.activity, plan, done_at=MORNING)
    house.add_message("event", "", event="fields", at=MORNING - 2 * DAY)
    assert exceptions(house, house.maija) == {}


def test_unassigned_leads_are_exceptions_and_stand_once(house: House) -> None:
    house.add_lead(owner_id=None, title="New one", created_at=MORNING - HOUR)
    found = content_of(house, house.maija).sections
    assert [(one.key, one.title) for one in found] == [("unassigned", "Leads nobody owns")]


def test_a_manager_sees_their_own_teams_only_and_an_administrator_all(house: House) -> None:
    north = house.add(tables.team, name="North")
    other = house.add_user("Otto North", "otto@firma.test", role="manager")
    house.store.write(
        lambda s: s.execute(
            update(tables.team_member).where(tables.team_member.c.user_id == other).values(team_id=north)
        )
    )
    house.add_lead(owner_id=None, title="Of the south", created_at=MORNING - HOUR)
    house.add_lead(owner_id=None, title="Of the north", team_id=north, created_at=MORNING - HOUR)
    seen = [exceptions(house, who)["unassigned"] for who in (house.maija, other)]
    assert [[one.split(" · ")[0] for one in of] for of in seen] == [
        ["Carol Smith: Of the south"],
        ["Carol Smith: Of the north"],
    ]
    assert [line.changes[0].title for line in content_of(house, other).changes] == ["Carol Smith: Of the north"]
    pipeline = content_of(house, other).pipeline
    assert pipeline is not None
    assert [bar.leads for bar in pipeline.stages] == [1]
    house.change(tables.user, other, role="admin")
    assert len(exceptions(house, other)["unassigned"]) == 2
    own = content_of(house, house.alice)
    assert (own.team, own.changes, own.pipeline) == ((), (), None)


# --- team and changes


def test_what_changed_since_the_last_digest_that_left(house: House) -> None:
    stages = [
        add_stage(house, name, kind, n)
        for n, (name, kind) in enumerate((("Sent", "open"), ("Won", "won"), ("Lost", "lost")), 5)
    ]
    sent, won, lost = stages
    moved, back, second = (house.add_lead(title=f"Lead {n}", created_at=LONG_AGO) for n in range(3))
    old = {"local_date": date(2026, 11, 18), "state": "sent", "snapshot": {}, "created_at": MORNING - 5 * DAY}
    house.add(tables.digest, user_id=house.maija, **old)
    house.add(tables.digest, user_id=house.maija, **old | {"local_date": date(2026, 11, 19), "state": "empty"})
    house.now = MORNING - 6 * DAY  # told by the last one
    perform(house, leads.set_fields, moved, {"expected_revenue": 1})
    house.now = MORNING - 4 * DAY
    perform(house, leads.move_to_stage, house.lead, won)
    perform(house, leads.move_to_stage, second, lost, reason="too dear")
    perform(house, leads.move_to_stage, moved, sent)
    perform(house, leads.move_to_stage, back, sent)
    perform(house, leads.move_to_stage, back, house.stage)
    perform(house, leads.set_fields, moved, {"expected_revenue": 2000})
    perform(house, leads.set_fields, moved, {"expected_revenue": 3000})
    house.change(tables.lead, house.lead, created_at=LONG_AGO)
    new = house.add_lead(title="Brand new", created_at=MORNING - DAY)
    house.now = MORNING
    content = content_of(house, house.maija)
    assert {line.key: [(one.title, one.detail) for one in line.changes] for line in content.changes} == {
        "new": [("Carol Smith: Brand new", "€12,000")],
        "won": [("Carol Smith: Quote for 40 chairs", "€12,000")],
        "lost": [("Carol Smith: Lead 2", "€12,000 · too dear")],
        "moved": [("Carol Smith: Lead 0", "Assigned → Sent")],
        "value": [("Carol Smith: Lead 0", "€1 → €3,000")],
    }
    assert content.changes[0].changes[0].path == f"/leads/{new}"
    assert [(line.name, line.won, line.lost) for line in content.team if line.won] == [("Alice Virtanen", 1, 1)]
    house.add(tables.digest, user_id=house.maija, **old | {"local_date": date(2026, 11, 20), "created_at": MORNING})
    house.now = MORNING + HOUR
    assert content_of(house, house.maija).changes == ()


def test_a_long_kind_of_change_names_some_and_counts_all(house: House) -> None:
    for number in range(9):
        house.add_lead(title=f"Lead {number}", created_at=MORNING - HOUR)
    (line,) = content_of(house, house.maija).changes
    assert (line.count, len(line.changes)) == (9, 6)


# --- pipeline and forecast


def test_pipeline_by_stage_and_forecast_by_month(house: House) -> None:
    sent, won = add_stage(house, "Sent", "open", 5), add_stage(house, "Won", "won", 6)
    values = {"stage_id": sent, "probability": 50, "created_at": LONG_AGO}
    house.add_lead(**values, expected_revenue=1000, expected_closing=date(2026, 12, 24))
    house.add_lead(**values, expected_revenue=500, currency="SEK", expected_closing=date(2026, 12, 1))
    house.add_lead(**values, expected_revenue=300, expected_closing=date(2026, 10, 1))  # its day is past
    house.add_lead(**values, expected_revenue=8000, expected_closing=date(2028, 1, 1))
    house.add_lead(**values | {"stage_id": won, "outcome": "won"}, expected_revenue=99)
    pipeline = content_of(house, house.maija).pipeline
    assert pipeline is not None
    assert [(bar.name, bar.leads, bar.amount, bar.value) for bar in pipeline.stages] == [
        ("Assigned", 1, 12000, "€12,000"),
        ("Sent", 4, 9300, "€9,300 + SEK500"),
    ]
    assert [(bar.name, bar.leads, bar.value) for bar in pipeline.forecast] == [
        ("11/2026", 1, "€150"), ("12/2026", 2, "€500 + SEK250"), ("1/2027", 0, ""), ("2/2027", 0, ""), ("3/2027", 0, ""),
        ("4/2027", 0, ""), ("later, or no day", 2, "€5,200"),
    ]  # fmt: skip


@pytest.mark.parametrize("locale", ["en", "fi"])
def test_the_picture_goes_along_inside_the_mail_and_its_figures_as_text(house: House, locale: str) -> None:
    house.change(tables.user, house.maija, locale=locale)
    house.change(tables.lead, house.lead, waiting_on="us", waiting_since=MORNING - 4 * DAY)
    assert send_due(house.store, house.now, house.config) == 2
    house.deliver()
    mail = next(mail for mail in house.mails() if "maija@" in mail["To"])
    assert mail.get_content_type() == "multipart/alternative"
    (related,) = [part for part in mail.walk() if part.get_content_type() == "multipart/related"]
    page, picture = related.iter_parts()
    assert (page.get_content_type(), picture.get_content_type()) == ("text/html", "image/png")
    assert picture.get_content_disposition() == "inline"
    png = picture.get_content()
    assert png.startswith(b"\x89PNG")
    assert len(png) < 60_000
    html = html_of(mail)
    assert f'src="cid:{picture["Content-ID"].strip("<>")}"' in html
    assert 'width="560"' in html
    assert len(html) < 100_000
    stage, value = ("Vastuutettu", "12\xa0000\xa0€") if locale == "fi" else ("Assigned", "€12,000")
    alt = html.split('alt="')[1].split('"')[0]
    for text in (text_of(mail), html, alt):
        assert stage in text
        assert value in text


def test_without_open_leads_there_is_no_picture(house: House) -> None:
    house.change(tables.lead, house.lead, outcome="lost")
    assert content_of(house, house.maija).pipeline is None


def test_the_library_is_loaded_with_the_first_picture() -> None:
    code = "import sys, mailcrm.notify.notice, mailcrm.notify.digest; sys.exit('PIL.ImageDraw' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_managers_statements_do_not_grow_with_the_leads(house: House) -> None:
    def count() -> int:
        statements: list[str] = []

        def note(*args: Any) -> None:
            statements.append(args[2])

        event.listen(house.store.reader, "before_cursor_execute", note)
        content_of(house, house.maija)
        event.remove(house.store.reader, "before_cursor_execute", note)
        return len(statements)

    before = count()
    for number in range(30):
        house.add_lead(title=f"Lead {number}", owner_id=None, created_at=MORNING - HOUR)
        house.add_lead(title=f"Old {number}", created_at=LONG_AGO)
    assert count() == before <= 36
