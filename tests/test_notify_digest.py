"""The digest comes once per working day, at the right minute on the day the clocks change, and says what matters."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from sqlalchemy import event, update

from mailcrm.commands.grammar import Place
from mailcrm.commands.numbered import read_answer
from mailcrm.crm import people
from mailcrm.i18n import translator
from mailcrm.notify.digest import build, preview, send_due
from mailcrm.notify.digest_content import Rules
from mailcrm.notify.digest_links import steps_of
from mailcrm.notify.letterhead import letterhead
from mailcrm.notify.render import Templates
from mailcrm.notify.timetable import Due, Schedule, due
from mailcrm.store import tables
from tests.notify_house import KEYRING, NOW, House, html_of, opened_house, text_of

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
MORNING = datetime(2026, 11, 23, 5, 30, tzinfo=UTC)  # 07:30 in Helsinki, a Monday


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def minutes_sent(digest_at: str, days: str, start: str, end: str) -> list[tuple[str, str]]:
    """(local date, UTC minute) of every digest when looked at each minute from start to end."""
    now, sent = at(start).astimezone(UTC), []
    done: set[date] = set()
    while now < at(end):
        user = Schedule(1, "Europe/Helsinki", days, digest_at, LONG_AGO, frozenset(done))
        for one in due([user], now):
            assert not one.is_missed
            done.add(one.local_date)
            sent.append((one.local_date.isoformat(), now.isoformat()[:16]))
        now += timedelta(minutes=1)
    return sent


@pytest.mark.parametrize(
    ("digest_at", "sent"),
    [
        ("00:30", ["2026-03-27T22:30", "2026-03-28T22:30", "2026-03-29T21:30"]),
        ("03:30", ["2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"]),  # 03:30 is not there: 04:00
        ("07:30", ["2026-03-28T05:30", "2026-03-29T04:30", "2026-03-30T04:30"]),
    ],
)
def test_it_is_in_time_when_summer_time_begins(digest_at: str, sent: list[str]) -> None:
    days = ["2026-03-28", "2026-03-29", "2026-03-30"]
    found = minutes_sent(digest_at, "1234567", "2026-03-27T22:00+00:00", "2026-03-30T20:00+00:00")
    assert found == list(zip(days, sent, strict=True))


@pytest.mark.parametrize(
    ("digest_at", "sent"),
    [
        ("00:30", ["2026-10-23T21:30", "2026-10-24T21:30", "2026-10-25T22:30"]),
        ("03:30", ["2026-10-24T00:30", "2026-10-25T00:30", "2026-10-26T01:30"]),  # 03:30 is there twice: the first
        ("07:30", ["2026-10-24T04:30", "2026-10-25T05:30", "2026-10-26T05:30"]),
    ],
)
def test_it_is_in_time_when_summer_time_ends(digest_at: str, sent: list[str]) -> None:
    days = ["2026-10-24", "2026-10-25", "2026-10-26"]
    found = minutes_sent(digest_at, "1234567", "2026-10-23T21:00+00:00", "2026-10-26T21:00+00:00")
    assert found == list(zip(days, sent, strict=True))


@pytest.mark.parametrize(
    ("start", "end", "sent"),
    [
        ("2026-03-27T00:00+02:00", "2026-03-31T00:00+03:00", ["2026-03-27T05:30", "2026-03-30T04:30"]),
        ("2026-10-23T00:00+03:00", "2026-10-27T00:00+02:00", ["2026-10-23T04:30", "2026-10-26T05:30"]),
    ],
)
def test_friday_is_followed_by_monday_across_the_change(start: str, end: str, sent: list[str]) -> None:
    assert [minute for _, minute in minutes_sent("07:30", "12345", start, end)] == sent


def found(now: str, *, done: tuple[str, ...] = (), since: datetime = LONG_AGO, **more: Any) -> list[tuple[str, bool]]:
    values = {"time_zone": "Europe/Helsinki", "working_days": "12345", "digest_at": "07:30", **more}
    days = frozenset(date.fromisoformat(day) for day in done)
    user = Schedule(1, since=since, done=days, sent=days, **values)
    return [(one.local_date.isoformat(), one.is_missed) for one in due([user], at(now))]


def test_a_late_one_is_sent_until_noon_and_then_counts_as_missed() -> None:
    assert found("2026-11-23T07:29+02:00") == []
    assert found("2026-11-23T11:59+02:00") == [("2026-11-23", False)]
    assert found("2026-11-23T12:00+02:00") == [("2026-11-23", True)]


def test_days_without_the_machine_are_missed_and_the_weekend_is_not() -> None:
    assert found("2026-11-24T07:30+02:00", done=("2026-11-19",)) == [
        ("2026-11-20", True),
        ("2026-11-23", True),
        ("2026-11-24", False),
    ]


def test_nothing_is_due_from_before_a_user_was_there() -> None:
    assert found("2026-11-23T09:00+02:00", since=at("2026-11-23T08:00+02:00")) == []
    assert found("2026-11-24T09:00+02:00", since=at("2026-11-23T08:00+02:00")) == [("2026-11-24", False)]


def test_one_who_reads_in_the_afternoon_has_until_midnight() -> None:
    assert found("2026-11-23T23:59+02:00", digest_at="16:00") == [("2026-11-23", False)]
    assert found("2026-11-24T00:00+02:00", digest_at="16:00", done=("2026-11-20",)) == [("2026-11-23", True)]


def test_each_user_lives_in_their_own_zone() -> None:
    users = [Schedule(n, zone, "12345", "07:30", LONG_AGO) for n, zone in enumerate(("Asia/Tokyo", "America/New_York"))]
    assert due(users, at("2026-11-23T22:30+00:00")) == (
        Due(0, date(2026, 11, 24), is_missed=False),
        Due(1, date(2026, 11, 23), is_missed=True),
    )


# --- on which days


def days_sent(start: str, days: int, **more: Any) -> list[str]:
    """The local dates, looked at each quarter of an hour."""
    values = {"time_zone": "Europe/Helsinki", "working_days": "12345", "digest_at": "07:30", "since": at(start), **more}
    now, done = at(start), set[date]()
    for _ in range(days * 96):
        for one in due([Schedule(1, done=frozenset(done), sent=frozenset(done), **values)], now):
            assert not one.is_missed
            assert not one.is_away
            done.add(one.local_date)
        now += timedelta(minutes=15)
    return sorted(day.isoformat()[5:] for day in done)


def test_none_comes_on_a_public_holiday() -> None:
    christmas = "2026-12-21T00:00+02:00"
    assert days_sent(christmas, 14, holidays="FI") == ["12-21", "12-22", "12-23"] + [
        f"12-{day}" for day in (28, 29, 30, 31)
    ]
    assert "12-24" in days_sent(christmas, 7, holidays="DE")
    assert len(days_sent(christmas, 14, holidays="")) == 10


def test_a_weekly_one_comes_once_a_week_on_its_day() -> None:
    assert days_sent("2026-11-21T00:00+02:00", 28, how_often="weekly") == ["11-23", "11-30", "12-07", "12-14"]
    assert days_sent("2026-11-21T00:00+02:00", 21, how_often="weekly", weekday="4") == ["11-26", "12-03", "12-10"]
    assert days_sent("2026-11-21T00:00+02:00", 14, how_often="off") == []


def test_a_weekly_one_comes_once_in_the_weeks_of_the_clock_changes() -> None:
    nightly: dict[str, Any] = {"how_often": "weekly", "weekday": "7", "working_days": "1234567", "digest_at": "03:30"}
    assert days_sent("2026-03-21T00:00+02:00", 21, **nightly) == ["03-22", "03-29", "04-05"]
    assert days_sent("2026-10-17T00:00+03:00", 21, **nightly) == ["10-18", "10-25", "11-01"]


def test_a_weekly_one_comes_a_day_later_where_its_day_is_a_holiday_or_no_working_day() -> None:
    easter = "2026-03-28T00:00+02:00"
    assert days_sent(easter, 15, how_often="weekly", holidays="FI") == ["03-30", "04-07"]
    assert days_sent(easter, 15, how_often="weekly", weekday="6", holidays="FI") == ["03-30", "04-07"]


def test_a_weekly_one_missed_on_its_day_comes_on_the_next_and_is_missed_once() -> None:
    done = ("2026-11-16",)
    on_wednesday = found("2026-11-25T08:00+02:00", done=done, how_often="weekly")
    assert on_wednesday == [("2026-11-23", True), ("2026-11-25", False)]
    assert found("2026-11-25T13:00+02:00", done=done, how_often="weekly") == [("2026-11-23", True)]


def test_who_changes_to_weekly_in_the_middle_of_a_week_waits_for_its_day() -> None:
    since = at("2026-11-24T09:00+02:00")
    assert found("2026-11-25T08:00+02:00", how_often="weekly", since=since) == []
    assert found("2026-11-30T08:00+02:00", how_often="weekly", since=since) == [("2026-11-30", False)]


def test_none_is_due_during_an_absence_and_its_days_are_not_missed() -> None:
    away = Schedule(
        1,
        "Europe/Helsinki",
        "12345",
        "07:30",
        LONG_AGO,
        frozenset({date(2026, 11, 20)}),
        away_until=at("2026-11-25T00:00+02:00"),
    )
    assert due([away], at("2026-11-23T08:00+02:00")) == ()  # they may come back before noon
    assert due([away], at("2026-11-23T13:00+02:00")) == (Due(1, date(2026, 11, 23), is_missed=False, is_away=True),)
    back = replace(away, done=frozenset({date(2026, 11, 23), date(2026, 11, 24)}))
    assert due([back], at("2026-11-25T07:30+02:00")) == (Due(1, date(2026, 11, 25), is_missed=False),)


# --- with rows


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with opened_house(tmp_path) as opened:
        opened.store.write(lambda session: session.execute(update(tables.user).values(created_at=LONG_AGO)))
        opened.now = MORNING
        yield opened


def add_activity(
    house: House, user: int, days: int, kind: str = "call", summary: str = "", lead_id: int | None = None
) -> int:
    values = {"type": kind, "summary": summary, "due_on": MORNING.date() + timedelta(days=days), "created_at": LONG_AGO}
    return house.add(tables.activity, lead_id=lead_id or house.lead, user_id=user, **values)


def add_inbound(house: House, number: int, state: str, **more: Any) -> int:
    values = {
        "content_key": f"k{number}", "spool_id": f"s{number}", "received_at": MORNING - timedelta(hours=3),
        "door": "smtp", "rcpt_to": [], "subject": f"Mail {number}", "from_name": "Someone", "from_address": "x@y.test",
        "route": "hold", "reason": "nothing_fits", "decided_at": MORNING, "defects": [],
    }  # fmt: skip
    return house.add(tables.inbound, **{**values, "state": state, **more})


def send(house: House) -> int:
    return send_due(house.store, house.now, house.config)


def digests(house: House, user: int) -> list[tuple[str, str]]:
    return [(row.local_date.isoformat(), row.state) for row in house.rows(tables.digest) if row.user_id == user]


def read_content(house: House, user: int) -> Any:
    with house.store.read() as session:
        return build(session, user, house.now, Rules())


def test_row_and_mail_are_written_once_and_an_empty_one_has_no_mail(house: House) -> None:
    add_activity(house, house.alice, 0)
    assert [send(house), send(house)] == [2, 0]  # Alice, and the manager for whom the team's table says something
    assert digests(house, house.alice) == [("2026-11-23", "sent")]
    assert digests(house, house.bob) == [("2026-11-23", "empty")]
    assert {row.user_id for row in house.rows(tables.outbox)} == {house.alice, house.maija}


def test_two_schedulers_at_once_write_one_mail_each(house: House) -> None:
    for number in range(30):
        add_activity(house, house.add_user(f"User {number}", f"u{number}@firma.test"), 0)
    house.store.write(lambda session: session.execute(update(tables.user).values(created_at=LONG_AGO)))
    with ThreadPoolExecutor(2) as threads:
        sent = list(threads.map(lambda _: send(house), range(2)))
    people_told = [row.user_id for row in house.rows(tables.outbox)]
    assert sum(sent) == len(people_told) == len(set(people_told)) == 31


def test_a_missed_one_is_said_in_the_next(house: House) -> None:
    add_activity(house, house.alice, -9)
    send(house)
    house.now = at("2026-11-24T12:01+02:00")
    assert send(house) == 0
    house.now = at("2026-11-25T07:30+02:00")
    assert send(house) == 2
    house.now = at("2026-11-26T07:30+02:00")
    send(house)
    assert digests(house, house.alice) == [
        ("2026-11-23", "sent"), ("2026-11-24", "missed"), ("2026-11-25", "sent"), ("2026-11-26", "sent"),
    ]  # fmt: skip
    said = [row.params["digest"]["missed"] for row in house.rows(tables.outbox) if row.user_id == house.alice]
    assert said == ["", "The digest of 24 Nov 2026 was not sent.", ""]


def test_the_first_digest_after_an_absence_says_so(house: House) -> None:
    add_activity(house, house.alice, -9)
    send(house)
    house.change(tables.user, house.alice, absent_until=at("2026-11-27T00:00+02:00"), absent_by="by_hand")
    for day in (24, 25, 26):
        house.now = at(f"2026-11-{day}T07:30+02:00")
        send(house)
        house.now = at(f"2026-11-{day}T12:01+02:00")
        send(house)
    assert [state for _, state in digests(house, house.alice)] == ["sent", "away", "away", "away"]
    house.now = at("2026-11-27T07:30+02:00")
    send(house)
    said = [row.params["digest"]["missed"] for row in house.rows(tables.outbox) if row.user_id == house.alice]
    assert said == ["", "You were away (24 Nov 2026 – 26 Nov 2026): this digest covers that time too."]


def test_who_comes_back_in_the_morning_has_the_digest_of_the_day(house: House) -> None:
    add_activity(house, house.alice, 0)
    house.change(tables.user, house.alice, absent_until=at("2026-11-24T00:00+02:00"), absent_by="auto_reply")
    send(house)
    assert digests(house, house.alice) == []
    house.change(tables.user, house.alice, absent_until=None, absent_by="")
    house.now = at("2026-11-23T08:10+02:00")
    send(house)
    assert digests(house, house.alice) == [("2026-11-23", "sent")]


def test_who_turns_it_off_and_on_again_has_missed_nothing(house: House) -> None:
    def set_to(how_often: str) -> None:
        me = house.alice
        house.store.write(lambda session: people.set_digest(session, me, how_often, me, house.now))

    add_activity(house, house.alice, -9)
    send(house)
    set_to("off")
    house.now = at("2026-11-25T07:30+02:00")
    send(house)
    house.now = at("2026-11-25T09:00+02:00")
    set_to("daily")
    send(house)
    house.now = at("2026-11-26T07:30+02:00")
    send(house)
    assert digests(house, house.alice) == [("2026-11-23", "sent"), ("2026-11-26", "sent")]
    assert [r.params["digest"]["missed"] for r in house.rows(tables.outbox) if r.user_id == house.alice] == ["", ""]


def test_a_users_own_holidays_go_before_the_houses(house: House) -> None:
    add_activity(house, house.alice, -9)
    add_activity(house, house.bob, -9)
    house.change(tables.user, house.bob, holidays="SE")
    house.now = at("2026-06-05T07:30+03:00")
    send(house)
    house.now = at("2026-12-24T07:30+02:00")  # a holiday in Finland, and none in Sweden
    send(house)
    assert [day for day, _ in digests(house, house.alice)][-1] == "2026-06-05"
    assert [day for day, state in digests(house, house.bob) if state == "sent"][-1] == "2026-12-24"


def test_every_section_names_what_it_counts(house: House) -> None:
    add_activity(house, house.alice, -3, summary="ask after the quote")
    add_activity(house, house.alice, 0, "meeting")
    add_activity(house, house.alice, 1)
    add_activity(house, house.alice, 8)
    add_activity(house, house.bob, -1)
    house.add_message(at=MORNING - timedelta(days=4))
    house.change(tables.lead, house.lead, waiting_on="us", waiting_since=at("2026-11-19T15:00+02:00"))
    house.add_lead(owner_id=None, title="New one")
    idle = house.add_lead(title="Tables", last_message_at=MORNING - timedelta(days=9))
    noted = house.add_message("note", "@Alice could you?", author_user_id=house.bob, lead_id=idle)
    house.add(tables.mention, message_id=noted, lead_id=idle, user_id=house.alice, created_at=MORNING)
    held = add_inbound(house, 1, "held", author_user_id=house.alice)
    add_inbound(house, 2, "held", author_user_id=house.bob)
    add_inbound(house, 3, "triage")
    house.change(tables.partner, house.carol, owner_id=house.alice)
    add_inbound(house, 4, "quiet", from_key="carol@customer.test")
    bounced = add_bounce(house, "carol@customer.test")
    content = read_content(house, house.alice)
    shown = {
        section.key: [(item.number, item.title, item.detail, item.context) for item in section.items]
        for section in content.sections
    }
    said = "“Could you quote 40 chairs?”"
    assert shown == {
        "overdue": [
            (
                1,
                "Call: ask after the quote – Carol Smith",
                "3 days late · 20 Nov 2026 · Quote for 40 chairs · €12,000",
                said,
            )
        ],
        "today": [(2, "Meeting – Carol Smith", "Quote for 40 chairs · €12,000", said)],
        "coming": [(3, "Call – Carol Smith", "24 Nov 2026 · Quote for 40 chairs · €12,000", said)],
        "mentions": [(4, "Bob Smith: @Alice could you?", "Carol Smith: Tables", "")],
        "waiting": [(5, "Carol Smith", "waiting for 9 working hours · Quote for 40 chairs", said)],
        "idle": [(6, "Carol Smith", "Tables · Assigned · €12,000", "")],
        "held": [(7, "Mail 1", "Someone · 23 Nov 2026, 04:30", "No rule fits: somebody has to look")],
        "bounced": [(8, "Carol Smith: Quote for 40 chairs", "carol@customer.test: there is no such address", said)],
        "unassigned": [(9, "Carol Smith", "New one · 23 Nov 2026, 14:00", "")],
        "put_aside": [(10, "Mail 4", "Someone · 23 Nov 2026, 04:30", "")],
    }
    assert content.subject == "Your day 23 Nov 2026 · 1 overdue · 1 customer waits"
    assert content.quiet == "1 mail was put on the quiet list since yesterday"
    assert content.snapshot()["items"][6:8] == [
        {"number": 7, "kind": "inbound", "id": held},
        {"number": 8, "kind": "bounce", "id": bounced},
    ]
    assert content.team == ()


def add_bounce(house: House, address: str) -> int:
    """A mail of Alice's to the customer came back yesterday."""
    row = house.add(
        tables.outbox, kind="customer_reply", dedupe_key=f"k{address}", message_id=f"{address}@x", reply_nonce=b"0" * 16,
        lead_id=house.lead, actor_user_id=house.alice, params={}, state="failed", next_attempt_at=MORNING,
        created_at=MORNING - timedelta(days=1),
    )  # fmt: skip
    house.add(tables.outbox_recipient, outbox_id=row, address=address, key=address, kind="to", state="failed",
              code="5.1.1", text="no such user", at=MORNING - timedelta(days=1))  # fmt: skip
    return row


def test_overdue_stand_by_value_times_delay_and_leads_without_a_value_behind(house: House) -> None:
    big, small = house.add_lead(expected_revenue=50_000), house.add_lead(expected_revenue=100)
    none = house.add_lead(expected_revenue=None)
    rows = {
        add_activity(house, house.alice, days, lead_id=lead_id): name
        for name, lead_id, days in (
            ("big, a day", big, -1), ("small, long", small, -400), ("small, a week", small, -7),
            ("none, a year", none, -365), ("none, a day", none, -1), ("twelve, five", house.lead, -5),
            ("zero, a week", house.add_lead(expected_revenue=0), -7),
        )
    }  # fmt: skip
    (overdue,) = read_content(house, house.alice).sections
    assert [rows[item.id] for item in overdue.items] == [
        "twelve, five", "big, a day", "small, long", "small, a week", "none, a year", "zero, a week",
        "none, a day",
    ]  # fmt: skip


def test_a_mention_that_was_answered_or_read_is_settled(house: House) -> None:
    noted = house.add_message("note", "@Alice?", author_user_id=house.bob, at=MORNING - timedelta(hours=3))
    row = house.add(tables.mention, message_id=noted, lead_id=house.lead, user_id=house.alice,
                    created_at=MORNING - timedelta(hours=3))  # fmt: skip
    assert "mentions" in {one.key for one in read_content(house, house.alice).sections}
    house.change(tables.mention, row, read_at=MORNING)
    assert "mentions" not in {one.key for one in read_content(house, house.alice).sections}
    house.change(tables.mention, row, read_at=None)
    house.add_message("note", "Yes.", author_user_id=house.alice, at=MORNING - timedelta(hours=1))
    assert "mentions" not in {one.key for one in read_content(house, house.alice).sections}


def test_a_bounce_is_settled_by_the_next_mail(house: House) -> None:
    add_bounce(house, "carol@customer.test")
    assert "bounced" in {one.key for one in read_content(house, house.alice).sections}
    house.add(
        tables.outbox, kind="customer_reply", dedupe_key="again", message_id="again@x", reply_nonce=b"0" * 16,
        lead_id=house.lead, actor_user_id=house.alice, params={}, next_attempt_at=MORNING, created_at=MORNING,
    )  # fmt: skip
    assert "bounced" not in {one.key for one in read_content(house, house.alice).sections}


def test_a_section_that_breaks_is_named_and_the_others_are_read(house: House, caplog: pytest.LogCaptureFixture) -> None:
    add_activity(house, house.alice, -3)
    house.store.write(lambda session: session.exec_driver_sql("drop table mention"))
    content = read_content(house, house.alice)
    assert [one.key for one in content.sections][:1] == ["overdue"]
    assert content.broken == ("This could not be read today, and we know of it: mentions of you.",)
    assert "section mentions of the digest of user" in caplog.text
    assert send(house) == 3
    house.deliver()
    mail = next(mail for mail in house.mails() if "alice@" in mail["To"])
    for said in (text_of(mail), html_of(mail)):
        assert "could not be read today" in said
        assert "3 days late" in said


def test_newsletters_alone_are_no_reason_for_a_mail(house: House) -> None:
    house.change(tables.lead, house.lead, outcome="won")
    add_inbound(house, 1, "quiet")
    assert read_content(house, house.alice).quiet
    assert read_content(house, house.alice).is_empty


def test_each_item_has_links_that_open_an_answer_with_its_number(house: House) -> None:
    add_activity(house, house.alice, -3)
    send(house)
    house.deliver()
    mail = next(mail for mail in house.mails() if "alice@" in mail["To"])
    links = re.findall(r'href="(mailto:[^"]+)"[^>]*>([^<]+)<', html_of(mail))
    asked = [(label, dict(parse_qsl(urlsplit(unescape(link)).query))["body"]) for link, label in links]
    assert asked[:3] == [("Done", "1 done"), ("Tomorrow", "1 +1d"), ("In a week", "1 +1w")]
    addresses = {unquote(urlsplit(link).path) for link, _ in links}
    assert addresses == {str(mail["Reply-To"]).partition("<")[2].rstrip(">")}
    assert "mailto:" not in text_of(mail)


@pytest.mark.parametrize("locale", ["en", "fi"])
def test_every_link_of_every_kind_of_item_is_understood(locale: str) -> None:
    place = Place(NOW, "Europe/Helsinki", locale)
    for kind in ("activity", "mention", "waiting", "idle", "unowned", "inbound", "outbox", "bounce"):
        steps = steps_of(kind, translator(locale))
        assert steps
        for label, what in steps:
            answer = read_answer(f"7 {what}" + ("word" if label.endswith("…") else ""), 1, place)
            assert (len(answer.entries), answer.faults) == (1, ()), (kind, what)


def test_the_largest_digest_is_not_clipped_by_a_mail_client(house: House) -> None:
    house.change(tables.user, house.alice, role="admin", locale="fi")
    long = "Tarjouspyyntö ääkkösistä & <merkeistä> " * 12
    for n in range(30):
        lead_id = house.add_lead(title=long, waiting_on="us", waiting_since=LONG_AGO)
        house.add_message(text=long * 5, lead_id=lead_id)
        for days in (-2, 0, 3):
            add_activity(house, house.alice, days, summary=long, lead_id=lead_id)
        house.add_lead(title=long)
        house.add_lead(title=long, owner_id=None)
        for state in ("held", "triage", "quiet"):
            add_inbound(house, 10 * n + len(state), state, author_user_id=house.alice, subject=long)
    send(house)
    house.deliver()
    mail = next(mail for mail in house.mails() if "alice@" in mail["To"])
    assert len(html_of(mail).encode()) < 100_000
    content = read_content(house, house.alice)
    assert sum(len(one.items) for one in content.sections) <= 56
    assert all(len(one.items) >= 3 for one in content.sections)


@pytest.mark.parametrize(("since", "is_waiting"), [("2026-11-20T07:59", True), ("2026-11-20T08:01", False)])
def test_how_long_a_customer_waits_is_counted_in_working_hours(house: House, since: str, is_waiting: bool) -> None:
    house.change(tables.lead, house.lead, waiting_on="us", waiting_since=at(f"{since}+02:00"))  # now is Monday, 07:30
    sections = [section.key for section in read_content(house, house.alice).sections]
    assert sections == (["waiting"] if is_waiting else [])


def test_a_managers_has_the_team_and_the_mail_without_a_lead(house: House) -> None:
    house.change(tables.user, house.maija, locale="en")
    add_activity(house, house.bob, -1)
    house.add_lead(owner_id=house.bob, expected_revenue=1000, currency="SEK")
    house.change(tables.lead, house.lead, waiting_on="us", waiting_since=MORNING - timedelta(days=3))
    add_inbound(house, 1, "triage")
    add_inbound(house, 2, "quiet")
    content = read_content(house, house.maija)
    assert [(s.key, s.total, [i.title for i in s.items]) for s in content.sections] == [
        ("unanswered", 1, ["Carol Smith"]),
        ("triage", 1, ["Mail 1"]),
    ]
    assert content.quiet
    assert [(line.name, line.open, line.overdue, line.waiting, line.value) for line in content.team] == [
        ("Alice Virtanen", 1, 0, 1, "€12,000"),
        ("Bob Smith", 1, 1, 0, "SEK1,000"),
    ]


def test_a_mail_of_a_lead_without_partner_is_named_by_its_title(house: House) -> None:
    house.change(tables.lead, house.lead, partner_id=None, waiting_on="us", waiting_since=MORNING - timedelta(hours=80))
    add_activity(house, house.alice, 0, "todo")
    titles = [item.title for section in read_content(house, house.alice).sections for item in section.items]
    assert titles == ["To do", "Quote for 40 chairs"]


def test_a_long_list_is_cut_and_says_how_much_more_there_is(house: House) -> None:
    for _ in range(25):
        add_activity(house, house.alice, -2)
    (section,) = read_content(house, house.alice).sections
    assert (len(section.items), section.total, section.more) == (15, 25, "and 10 more")


@pytest.mark.parametrize(("locale", "word"), [("en", "Overdue"), ("fi", "Myöhässä")])
def test_the_mail_says_it_as_text_and_html_in_the_readers_language(house: House, locale: str, word: str) -> None:
    house.change(tables.user, house.alice, locale=locale)
    add_activity(house, house.alice, -3)
    send(house)
    house.deliver()
    mail = next(mail for mail in house.mails() if "alice@" in mail["To"])
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe"].startswith("<https://page.firma.test/unsubscribe/")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["To"] == "Alice Virtanen <alice@firma.test>"
    for text in (text_of(mail), html_of(mail)):
        assert word in text
        assert "https://page.firma.test/leads/1" in text
    assert len(html_of(mail)) < 100_000
    assert "prefers-color-scheme: dark" in html_of(mail)


def test_a_preview_writes_nothing(house: House) -> None:
    templates, head = Templates(), letterhead(house.config, KEYRING)
    house.change(tables.lead, house.lead, outcome="won")
    with house.store.read() as session:
        assert preview(session, house.alice, NOW, Rules(), head, templates) is None
    add_activity(house, house.alice, -3)
    with house.store.read() as session:
        made = preview(session, house.alice, NOW, Rules(), head, templates)
    assert made is not None
    assert made.subject == "Your day 23 Nov 2026 · 1 overdue"
    assert house.rows(tables.digest) == house.rows(tables.outbox) == []


def test_nobody_is_previewed_who_is_not_there(house: House) -> None:
    with house.store.read() as session, pytest.raises(LookupError):
        build(session, 999, NOW, Rules())


def test_the_number_of_statements_does_not_grow_with_the_rows(house: House) -> None:
    def count() -> int:
        statements: list[str] = []

        def note(*args: Any) -> None:
            statements.append(args[2])

        event.listen(house.store.reader, "before_cursor_execute", note)
        read_content(house, house.maija)
        event.remove(house.store.reader, "before_cursor_execute", note)
        return len(statements)

    add_activity(house, house.maija, 0)
    before = count()
    for number in range(30):
        add_activity(house, house.maija, -number)
        add_inbound(house, number, "triage")
        house.add_lead(owner_id=house.maija, waiting_on="us", waiting_since=LONG_AGO)
    assert count() == before <= 36
