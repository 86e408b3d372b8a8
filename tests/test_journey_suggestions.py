"""After something is done the lead's stage suggests what comes next, in the receipt and as a button; a reminder has its own."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from selectolax.lexbor import LexborHTMLParser
from sqlalchemy import select, update

from mailcrm.notify import reminders
from mailcrm.notify.digest import send_one
from mailcrm.notify.gathering import posting
from mailcrm.store.tables import activity, user
from tests.daemon_house import House, answer, mail
from tests.journey_steps import ALICE, ALICE_AT, carol_writes, notice_kinds, outcome, plain
from tests.smtp_peer import CaughtMail

MONDAY = datetime(2026, 11, 23, 8, tzinfo=UTC)


@pytest.fixture
def house(make_house: Callable[..., House]) -> House:
    made = make_house()
    made.clock.set(MONDAY)
    return made


def _says(house: House, notice: CaughtMail, text: str) -> CaughtMail:
    house.staff(answer(notice, ALICE, text))
    return house.notice(ALICE_AT)


def _buttons(caught: CaughtMail) -> dict[str, tuple[str, str]]:
    """What each button is called, to whom its mail goes and what it says."""
    part = caught.parsed().get_body(("html",))
    found = LexborHTMLParser(str(part.get_content()) if part else "").css("a.quiet")
    links = {node.text().strip(): urlsplit(str(node.attributes["href"])) for node in found}
    return {name: (link.path, parse_qs(link.query).get("body", [""])[0]) for name, link in links.items()}


def _pressed(house: House, caught: CaughtMail, name: str) -> CaughtMail:
    """What the button's mail does, sent as it is."""
    to, text = _buttons(caught)[name]
    house.staff(mail(ALICE, to, "Re", text), to=[to])
    return house.notice(ALICE_AT)


def _planned(house: House) -> list[Any]:
    return house.read(select(activity).where(activity.c.done_at.is_(None)).order_by(activity.c.id))


def test_the_receipt_of_done_suggests_the_next_step_and_one_button_plans_it(house: House) -> None:
    notice = carol_writes(house)
    _says(house, notice, "/stage quote sent\n/quote tomorrow")

    receipt = _says(house, notice, "/done sent it")

    assert "Next: Call: ask after the quote, Mon 30 Nov 2026? Reply with: /call 30.11. ask after the quote" in plain(
        receipt
    ).replace("\r\n", " ")
    assert _planned(house) == []
    planned = _pressed(house, receipt, "Plan it")
    (call,) = _planned(house)
    assert (call.type, call.due_on, call.summary) == ("call", date(2026, 11, 30), "ask after the quote")
    assert "Call: ask after the quote, Mon 30 Nov 2026" in plain(planned)
    assert "Plan it" not in _buttons(planned)


def test_it_suggests_in_the_writers_language_and_working_days(house: House) -> None:
    notice = carol_writes(house)
    values = {"locale": "fi", "working_days": "24"}
    house.base.store.write(lambda session: session.execute(update(user).values(values)))
    _says(house, notice, "/stage meeting\n/tapaaminen huomenna")

    receipt = _says(house, notice, "/tehty")

    assert "Seuraavaksi: Sähköposti: lähetä muistio, ti 24.11.2026? Vastaa: /viesti 24.11. lähetä muistio" in plain(
        receipt
    ).replace("\r\n", " ")
    assert list(_buttons(receipt)) == ["Suunnittele", "Kumoa"]


def test_nothing_is_suggested_while_something_is_planned_or_on_a_lead_that_is_over(house: House) -> None:
    notice = carol_writes(house)
    _says(house, notice, "/stage quote sent\n/call tomorrow\n/todo in 3 days")

    assert "Next:" not in plain(_says(house, notice, "/done"))
    assert "Next:" not in plain(_says(house, notice, "/done\n/call in 5 days"))
    assert "Next:" not in plain(_says(house, notice, "/done\n/won"))


def _remind(house: House) -> CaughtMail:
    reminders.send_due(house.base.store, house.clock(), posting(house.config))
    house.settle()
    return house.notice(ALICE_AT)


def test_a_reminders_buttons_mean_the_activity_it_reminds_of(house: House) -> None:
    notice = carol_writes(house)
    _says(house, notice, "/todo today write it down\n/call today at 15 ask about the cellar")
    house.clock.set(MONDAY.replace(hour=13))
    reminder = _remind(house)

    assert "/done · /snooze in 1 week" in plain(reminder)
    assert "A reply to this mail is an internal note" in plain(reminder)
    later = _pressed(house, reminder, "Call: in a week")
    assert "Call: ask about the cellar, moved to Mon 30 Nov 2026" in plain(later)
    done = _pressed(house, reminder, "Call: done")

    assert "Call: ask about the cellar is done" in plain(done)
    assert outcome(house)[0] == "commands"
    (left,) = _planned(house)
    assert left.type == "todo"
    again = _says(house, reminder, "/done")
    assert "This activity is done already." in plain(again)
    assert notice_kinds(house)[-1] == "held"


def test_a_reminder_of_another_leads_activity_is_not_mixed_up(house: House) -> None:
    notice = carol_writes(house)
    _says(house, notice, "/call today at 15 first")
    house.clock.move(timedelta(hours=6))
    reminder = _remind(house)
    house.base.store.write(lambda session: session.execute(activity.delete()))

    again = _says(house, reminder, "/done")

    assert "Nothing is planned on this lead." in plain(again)


def test_the_answer_to_a_digest_suggests_by_its_numbers(house: House) -> None:
    notice = carol_writes(house)
    _says(house, notice, "/stage quote sent\n/quote today")
    store, today = house.base.store, house.clock().date()
    assert send_one(store, house.people["alice"], today, house.clock(), house.config) == "sent"
    house.settle()

    receipt = _says(house, house.notice(ALICE_AT), "1 done")

    assert "Reply with: 1 /call 30.11. ask after the quote" in plain(receipt).replace("\r\n", " ")
    _pressed(house, receipt, "Plan it")
    (call,) = _planned(house)
    assert (call.type, call.due_on, call.summary) == ("call", date(2026, 11, 30), "ask after the quote")
