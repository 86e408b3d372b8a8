"""A burst becomes one mail: nothing is lost or told twice, nothing waits longer than its window, and an answer finds its lead."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event as sql_event
from sqlalchemy import select, update

from mailcrm.address import read_token
from mailcrm.crm.erase import erase
from mailcrm.crm.people import deactivate_user, set_digest
from mailcrm.mail import Event, Intent, NoticeKind
from mailcrm.notify.gathering import Windows, leaving, posting
from mailcrm.notify.outbox import claim, mark_unrendered, take_back
from mailcrm.notify.recipients import Notice, Person
from mailcrm.store import tables
from mailcrm.wishes import ALLOWED, Level, Topic, level_of, with_level
from tests.notify_house import NOW, House, html_of, opened_house, text_of
from tests.smtp_peer import SmtpSink

ALICE = "alice@firma.test"
WINDOWS = Windows(burst_seconds=120, burst_mails=3, batch_minutes=30)


@pytest.fixture
def house(tmp_path: Path, smtp_sink: SmtpSink) -> Iterator[House]:
    with opened_house(tmp_path, smtp_sink.port, burst_seconds=120, burst_mails=3) as opened:
        yield opened


def customer_writes(house: House, text: str, lead: int | None = None) -> None:
    lead = lead or house.lead
    house.tell(Event("message_in", lead, house.add_message(text=text, lead_id=lead, message_id=f"{text}@x.test")))


def note(house: House, text: str) -> None:
    house.tell(Event("note", house.lead, house.add_message("note", text), actor_user_id=house.bob))


def told(smtp_sink: SmtpSink, address: str = ALICE) -> list[Any]:
    return [caught.parsed() for caught in smtp_sink.mails_to(address)]


def wishes(house: House, user: int, **levels: str) -> None:
    house.change(tables.user, user, notices=levels)


# --- which notice leaves when


def how(level: Level = Level.NOW, kind: NoticeKind = NoticeKind.MESSAGE, why: str = "owner", **more: Any) -> Any:
    event_more = {name: more.pop(name) for name in ("is_new_lead", "is_unconfirmed") if name in more}
    topic = {NoticeKind.MESSAGE: "reply", NoticeKind.NOTE: "note", NoticeKind.FAILED: "failure"}.get(kind, "")
    person = Person(7, "Alice", ALICE, wishes={topic: level.value} if topic else {}, **more)
    return leaving(Event("message_in", 1, **event_more), Notice(kind, why, person, ()), NOW, WINDOWS)


def test_the_first_leaves_at_once_and_what_follows_soon_is_gathered_by_lead() -> None:
    soon = NOW + timedelta(seconds=120)
    assert (how().at, how().gather) == (NOW, None)
    assert (how(told_at=NOW).at, how(told_at=NOW).gather) == (soon, "lead:7")
    assert how(kind=NoticeKind.NOTE, told_at=NOW).gather == "note:7"
    assert how(told_count=2).gather is None
    assert (how(told_count=3).at, how(told_count=3).gather) == (soon, "all:7")


def test_what_is_careful_or_about_ones_own_mail_never_waits() -> None:
    assert how(Level.BATCHED, is_unconfirmed=True, told_at=NOW).at == NOW
    assert how(Level.DIGEST, is_unconfirmed=True).skipped == ""
    for kind in (NoticeKind.HELD, NoticeKind.RECEIPT, NoticeKind.LOOP, NoticeKind.ADDRESS, NoticeKind.ADMIN):
        assert how(kind=kind, told_at=NOW, told_count=99).at == NOW
    assert how(kind=NoticeKind.FAILED, told_at=NOW).at == NOW


def test_each_level_does_what_it_says() -> None:
    assert (how(Level.BATCHED).at, how(Level.BATCHED).gather) == (NOW + timedelta(minutes=30), "all:7")
    assert how(Level.DIGEST).skipped == "in_digest"
    assert how(Level.DIGEST, has_daily_digest=False).gather == "all:7"
    assert how(Level.OFF, kind=NoticeKind.NOTE).skipped == "switched_off"
    assert how(Level.OFF).skipped == ""  # a customer's mail is never switched off


def test_a_wish_that_is_not_allowed_or_known_means_at_once() -> None:
    assert level_of({"reply": "off"}, Topic.REPLY) is Level.NOW
    assert level_of({"reply": "later"}, Topic.REPLY) is Level.NOW
    assert level_of({}, None) is Level.NOW
    assert with_level({"note": "off"}, Topic.NOTE, Level.NOW) == {}
    assert with_level({"note": "off"}, Topic.SENT, Level.DIGEST) == {"note": "off", "sent": "digest"}
    assert all(allowed[0] is Level.NOW for allowed in ALLOWED.values())
    assert set(ALLOWED) == set(Topic)


# --- a burst


def test_a_burst_on_a_lead_is_one_mail_with_every_text_whole(house: House, smtp_sink: SmtpSink) -> None:
    customer_writes(house, "one")
    house.deliver()
    for text in ("two", "three <b>", "four"):
        house.wait(seconds=20)
        customer_writes(house, text)
        house.deliver()
    assert len(told(smtp_sink)) == 1

    house.wait(seconds=81)  # the second waited for 120 seconds and one
    house.deliver()

    first, burst = told(smtp_sink)
    assert "3 new messages from Carol Smith." in text_of(burst)
    said = text_of(burst)
    assert said.index("two") < said.index("three <b>") < said.index("four")
    assert "three &lt;b&gt;" in html_of(burst)
    assert (burst["Subject"], burst["References"]) == (first["Subject"], first["References"])
    claimed = read_token(burst["Reply-To"].addresses[0].addr_spec)
    assert claimed is not None
    newest = house.rows(tables.outbox)[-1]
    assert (claimed.outbox_id, claimed.intent) == (newest.id, Intent.REPLY)
    house.wait(hours=1)
    house.deliver()
    assert len(told(smtp_sink)) == 2
    assert [(row.state, row.carried_by) for row in house.rows(tables.outbox)] == [
        ("sent", None), ("dropped", newest.id), ("dropped", newest.id), ("sent", None)
    ]  # fmt: skip


def test_notes_and_customers_mail_never_share_an_answer(house: House, smtp_sink: SmtpSink) -> None:
    customer_writes(house, "one")
    house.deliver()
    customer_writes(house, "two")
    note(house, "a secret")
    note(house, "another secret")
    house.wait(seconds=121)
    house.deliver()

    _first, letters, notes = sorted(told(smtp_sink), key=lambda mail: "secret" in text_of(mail))
    assert "secret" not in text_of(letters)
    assert "2 new messages from Bob Smith." in text_of(notes)
    token = read_token(notes["Reply-To"].addresses[0].addr_spec)
    assert token is not None
    assert token.intent is Intent.NOTE


def test_many_leads_at_once_are_a_list_whose_answers_are_each_leads_own(house: House, smtp_sink: SmtpSink) -> None:
    leads = [
        house.lead,
        *(house.add_lead(title=f"Lead {number}", base_subject=f"Lead {number}") for number in range(6)),
    ]
    for lead in leads:
        customer_writes(house, f"about {lead}", lead)
    house.deliver()
    assert len(told(smtp_sink)) == 3
    house.wait(seconds=121)
    house.deliver()

    last = told(smtp_sink)[-1]
    assert len(told(smtp_sink)) == 4
    assert last["Subject"] == "4 notices: Carol Smith"
    assert [word for word in leads if f"about {word}" in text_of(last)] == leads[3:]
    assert "References" not in last
    (row,) = [row for row in house.rows(tables.outbox) if row.kind == "batch"]
    own = read_token(last["Reply-To"].addresses[0].addr_spec)
    assert own is not None
    assert (own.outbox_id, own.intent, row.lead_id) == (row.id, Intent.NOTE, None)
    rows = {one.id: one.lead_id for one in house.rows(tables.outbox)}
    words = text_of(last).replace("<", " ").replace(">", " ").split()
    tokens = [claim for word in words if (claim := read_token(word)) is not None]
    assert [rows[claim.outbox_id] for claim in tokens if claim.intent is Intent.REPLY] == leads[3:]
    assert [rows[claim.outbox_id] for claim in tokens if claim.intent is Intent.NOTE] == leads[3:]


def test_nothing_is_lost_or_told_twice_when_the_process_dies_after_the_claim(house: House, smtp_sink: SmtpSink) -> None:
    customer_writes(house, "one")
    house.deliver()
    customer_writes(house, "two")
    customer_writes(house, "three")
    house.wait(seconds=121)
    (taken,) = house.store.write(lambda session: claim(session, "node", 40, house.now))
    assert [one.params["event"] for one in taken.carried] == ["message_in"]
    customer_writes(house, "four")  # while nobody delivers
    house.store.write(lambda session: take_back(session, "node", house.now))
    house.wait(seconds=121)
    house.deliver()

    bodies = [text_of(mail) for mail in told(smtp_sink)[1:]]
    for text in ("two", "three", "four"):
        assert sum(text in body for body in bodies) == 1


def test_two_nodes_take_a_burst_once(house: House) -> None:
    customer_writes(house, "one")
    house.deliver()
    customer_writes(house, "two")
    customer_writes(house, "three")
    house.wait(seconds=121)
    first = house.store.write(lambda session: claim(session, "a", 40, house.now))
    second = house.store.write(lambda session: claim(session, "b", 40, house.now))
    assert [len(row.carried) for row in first] == [1]
    assert second == ()


def test_a_repeated_event_adds_nothing_to_a_burst(house: House, smtp_sink: SmtpSink) -> None:
    customer_writes(house, "one")
    house.deliver()
    event = Event("message_in", house.lead, house.add_message(text="two", message_id="two@x.test"))
    for _ in range(3):
        house.tell(event)
    house.wait(seconds=121)
    house.deliver()
    house.tell(event)
    house.deliver()
    assert text_of(told(smtp_sink)[-1]).count("two") == 1
    assert len(told(smtp_sink)) == 2


def test_gathering_costs_no_statement_where_nothing_is_gathered(house: House) -> None:
    said: list[str] = []

    def hear(_c: object, _cursor: object, statement: str, *_more: object) -> None:
        said.append(statement)

    sql_event.listen(house.store.writer, "before_cursor_execute", hear)
    try:
        customer_writes(house, "one")
        house.deliver()
    finally:
        sql_event.remove(house.store.writer, "before_cursor_execute", hear)
    assert not [
        statement
        for statement in said
        if "carried_by" in statement and "SELECT" in statement and "gather IN" in statement
    ]
    assert not [statement for statement in said if statement.startswith("SELECT") and "carried_by IN" in statement]


def test_a_note_after_a_customers_mail_leaves_the_customers_answer_in_the_list(
    house: House, smtp_sink: SmtpSink
) -> None:
    wishes(house, house.alice, reply="batched", note="batched")
    customer_writes(house, "one")
    note(house, "a note")
    customer_writes(house, "two", house.add_lead(title="Tables", base_subject="Tables"))
    house.wait(minutes=31)
    house.deliver()
    (mail,) = told(smtp_sink)
    words = text_of(mail).replace("<", " ").replace(">", " ").split()
    rows = {row.id: row.kind for row in house.rows(tables.outbox)}
    claims = [claim for word in words if (claim := read_token(word)) is not None]
    assert [(rows[claim.outbox_id], claim.intent.value) for claim in claims] == [
        ("message", "reply"), ("note", "note"), ("message", "reply"), ("message", "note")
    ]  # fmt: skip


# --- what people wish


def test_what_a_user_wants_gathered_comes_as_one_mail_after_half_an_hour(house: House, smtp_sink: SmtpSink) -> None:
    wishes(house, house.alice, reply="batched", note="batched")
    other = house.add_lead(title="Tables", base_subject="Tables")
    customer_writes(house, "one")
    customer_writes(house, "two", other)
    note(house, "a note")
    house.wait(minutes=29)
    house.deliver()
    assert told(smtp_sink) == []
    house.wait(minutes=2)
    house.deliver()
    (mail,) = told(smtp_sink)
    assert all(word in text_of(mail) for word in ("one", "two", "a note", "Tables"))
    (row,) = [row for row in house.rows(tables.outbox) if row.state == "sent"]
    assert row.kind == "batch"


def test_a_gathered_mail_of_one_lead_is_answered_like_any_other(house: House, smtp_sink: SmtpSink) -> None:
    wishes(house, house.alice, reply="batched")
    customer_writes(house, "one")
    customer_writes(house, "two")
    house.wait(minutes=31)
    house.deliver()
    (mail,) = told(smtp_sink)
    token = read_token(mail["Reply-To"].addresses[0].addr_spec)
    assert token is not None
    assert token.intent is Intent.REPLY


def test_what_is_switched_off_leaves_no_mail_and_says_why(house: House, smtp_sink: SmtpSink) -> None:
    wishes(house, house.alice, note="off", reply="digest")
    note(house, "a note")
    customer_writes(house, "one")
    house.deliver()
    assert told(smtp_sink) == []
    said = [(row.state, row.params["skipped"]) for row in house.rows(tables.outbox)]
    assert said == [("dropped", "switched_off"), ("dropped", "in_digest")]


def test_a_lead_that_was_merged_meanwhile_is_told_of_where_it_is_now(house: House, smtp_sink: SmtpSink) -> None:
    customer_writes(house, "one")
    house.deliver()
    customer_writes(house, "two")
    customer_writes(house, "three")
    other = house.add_lead(title="Tables", base_subject="Tables")
    moved = update(tables.outbox).where(tables.outbox.c.state == "queued").values(lead_id=other)
    house.store.write(lambda session: session.execute(moved))
    house.wait(seconds=121)
    house.deliver()
    assert told(smtp_sink)[-1]["Subject"] == "Carol Smith: Tables"
    with house.store.read() as session:
        assert session.execute(select(tables.outbox.c.id).where(tables.outbox.c.state == "queued")).all() == []


# --- what may go wrong meanwhile


def test_a_notice_that_cannot_be_made_takes_none_with_it(house: House, smtp_sink: SmtpSink) -> None:
    wishes(house, house.alice, reply="batched")
    customer_writes(house, "one")
    customer_writes(house, "two")
    house.wait(minutes=31)
    (taken,) = house.store.write(lambda session: claim(session, "node", 40, house.now))
    assert len(taken.carried) == 1
    house.store.write(lambda session: mark_unrendered(session, taken, "broken", house.now, posting(house.config)))
    customer_writes(house, "three")
    house.wait(minutes=31)
    house.deliver()
    assert sorted(word for mail in told(smtp_sink) for word in ("one", "two", "three") if word in text_of(mail)) == [
        "one", "three", "two"
    ]  # fmt: skip
    assert len(told(smtp_sink)) == 3


def test_a_list_that_cannot_be_made_is_told_one_by_one(house: House, smtp_sink: SmtpSink) -> None:
    wishes(house, house.alice, reply="batched")
    customer_writes(house, "one")
    customer_writes(house, "two", house.add_lead(title="Tables", base_subject="Tables"))
    house.wait(minutes=31)
    (taken,) = house.store.write(lambda session: claim(session, "node", 40, house.now))
    house.store.write(lambda session: mark_unrendered(session, taken, "broken", house.now, posting(house.config)))
    house.wait(minutes=1)
    house.deliver()
    assert sorted(mail["Subject"] for mail in told(smtp_sink)) == [
        "Carol Smith: Quote for 40 chairs",
        "Carol Smith: Tables",
    ]
    assert [(row.kind, row.state, row.carried_by) for row in house.rows(tables.outbox)] == [
        ("message", "sent", None), ("message", "sent", None), ("batch", "dropped", None)
    ]  # fmt: skip


def test_who_is_deactivated_is_sent_nothing_that_was_waiting(house: House, smtp_sink: SmtpSink) -> None:
    wishes(house, house.alice, reply="batched")
    house.follow(house.bob)
    wishes(house, house.bob, reply="batched")
    customer_writes(house, "one")
    house.store.write(lambda session: deactivate_user(session, house.alice, None, house.now))
    house.wait(minutes=31)
    house.deliver()
    assert told(smtp_sink) == []
    assert len(told(smtp_sink, "bob@firma.test")) == 1


@pytest.mark.parametrize("how_often", ["off", "weekly"])
def test_what_was_kept_for_a_digest_that_is_turned_off_is_told_gathered(
    house: House, smtp_sink: SmtpSink, how_often: str
) -> None:
    wishes(house, house.alice, reply="digest", note="off")
    customer_writes(house, "long ago")
    house.wait(hours=1)
    digest = {"user_id": house.alice, "local_date": house.now.date(), "state": "sent", "snapshot": {}}
    house.add(tables.digest, created_at=house.now, **digest)
    house.wait(hours=1)
    customer_writes(house, "one")
    customer_writes(house, "two")
    note(house, "not wanted")
    house.store.write(lambda session: set_digest(session, house.alice, how_often, None, house.now))
    house.deliver()
    (mail,) = told(smtp_sink)
    said = text_of(mail)
    assert "one" in said
    assert "two" in said
    assert "long ago" not in said
    assert "not wanted" not in said
    house.store.write(lambda session: set_digest(session, house.alice, how_often, None, house.now))
    house.deliver()
    assert len(told(smtp_sink)) == 1


@pytest.mark.parametrize("is_made", [True, False])
def test_a_list_tells_nothing_of_somebody_erased(house: House, smtp_sink: SmtpSink, is_made: bool) -> None:
    wishes(house, house.alice, reply="batched")
    dora = house.add_partner("Dora", "dora@other.test")
    by_dora: dict[str, Any] = {"author_partner_id": dora, "author_name": "Dora", "author_address": "dora@other.test"}
    tables_lead = house.add_lead(title="Tables", partner_id=dora)
    told_of = house.add_message(text="the others words", lead_id=tables_lead, message_id="d@other.test", **by_dora)
    house.tell(Event("message_in", tables_lead, told_of))
    customer_writes(house, "the erased words")
    house.wait(minutes=31)
    if is_made:
        house.deliver()
    else:
        house.store.write(lambda session: claim(session, "node", 40, house.now))
    house.store.write(lambda session: erase(session, house.carol, None, house.now))
    assert not [row for row in house.rows(tables.outbox) if b"the erased words" in (row.bytes or b"")]
    house.store.write(lambda session: take_back(session, "node", house.now))
    house.deliver()
    (mail,) = told(smtp_sink)
    assert "the others words" in text_of(mail)
    assert ("the erased words" in text_of(mail)) is is_made


def test_what_went_along_with_somebody_erased_is_told_by_itself(house: House, smtp_sink: SmtpSink) -> None:
    wishes(house, house.alice, reply="batched")
    customer_writes(house, "the customers words")
    dora = house.add_partner("Dora", "dora@other.test")
    by_dora: dict[str, Any] = {"author_partner_id": dora, "author_name": "Dora", "author_address": "dora@other.test"}
    house.tell(Event("message_in", house.lead, house.add_message(text="gone", message_id="d@other.test", **by_dora)))
    house.wait(minutes=31)
    house.store.write(lambda session: claim(session, "node", 40, house.now))
    house.store.write(lambda session: erase(session, dora, None, house.now))
    house.store.write(lambda session: take_back(session, "node", house.now))
    house.deliver()
    (mail,) = told(smtp_sink)
    assert "the customers words" in text_of(mail)
    assert "gone" not in text_of(mail)
