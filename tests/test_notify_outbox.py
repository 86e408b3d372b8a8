"""Rows written with the change, claimed once, ended per recipient."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from mailcrm.mail import Event
from mailcrm.notify import outbox
from mailcrm.notify.gathering import Posting
from mailcrm.notify.outbox import Patience, RecipientResult, Result
from mailcrm.store import tables
from tests.notify_house import DOMAIN, NOW, House, opened_house

POST = Posting(DOMAIN)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with opened_house(tmp_path) as opened:
        yield opened


def claim(house: House, limit: int = 20, process: str = "node") -> tuple[outbox.Outgoing, ...]:
    return house.store.write(lambda session: outbox.claim(session, process, limit, house.now))


def answer(house: House, row: outbox.Outgoing, state: str, code: str = "", text: str = "") -> tuple[Event, ...]:
    answers = tuple(RecipientResult(one.id, state, code, text) for one in row.pending)
    return house.store.write(
        lambda session: outbox.mark_result(session, [Result(row, answers)], house.now, Patience(), POST)
    )


def states(house: House) -> list[tuple[str, str]]:
    return [(row.kind, row.state) for row in house.rows(tables.outbox)]


def test_telling_twice_writes_one_row(house: House) -> None:
    told = Event("message_in", house.lead, house.add_message())
    assert house.tell(told) == 1
    assert house.tell(told) == 0
    assert len(house.rows(tables.outbox)) == len(house.rows(tables.outbox_recipient)) == 1


def test_the_new_owner_of_a_new_lead_gets_one_mail(house: House) -> None:
    message = house.add_message()
    assert house.tell(Event("event_assigned", house.lead), Event("message_in", house.lead, message)) == 1
    assert house.tell(Event("event_assigned", house.lead, actor_user_id=house.bob)) == 1


def test_a_skipped_follower_has_a_dropped_row_that_says_so(house: House) -> None:
    house.follow(house.bob)
    message = house.add_message()
    assert house.tell(Event("message_in", house.lead, message, had_it_directly=("bob@firma.test",))) == 1
    dropped = next(row for row in house.rows(tables.outbox) if row.user_id == house.bob)
    assert (dropped.state, dropped.params["skipped"]) == ("dropped", "had_it_directly")
    assert [row.user_id for row in claim(house)] == [house.alice]


def test_our_message_ids_lead_back_to_the_lead_and_the_mail_to_its_message(house: House) -> None:
    house.follow(house.bob)
    message = house.add_message("email_out")
    house.tell(Event("message_out", house.lead, message, actor_user_id=house.alice))
    rows = house.rows(tables.outbox)
    assert {(ref.ref, ref.lead_id, ref.kind) for ref in house.rows(tables.message_ref)} == {
        (row.message_id, house.lead, "ours") for row in rows
    }
    carrier = next(row for row in rows if row.kind == "customer_reply")
    assert house.rows(tables.message)[0].outbox_id == carrier.id
    assert len({row.message_id for row in rows} | {bytes(row.reply_nonce) for row in rows}) == 4


def test_an_answer_goes_where_the_customer_last_wrote_from_and_to_confirmed_copies(house: House) -> None:
    house.add_message(author_address="carol@home.test")
    house.add_copy("Dave", "dave@customer.test")
    house.add_copy("Mallory", "mallory@evil.test", is_confirmed=False)
    house.add_copy("Erin", "erin@customer.test", gets_copies=False)
    house.add_copy("Bob", "bob@firma.test")
    house.tell(Event("message_out", house.lead, house.add_message("email_out"), actor_user_id=house.alice))
    to = [(row.kind, row.address) for row in house.rows(tables.outbox_recipient)]
    assert to == [("to", "carol@home.test"), ("cc", "dave@customer.test")]


def test_a_reply_to_of_the_customer_is_honoured(house: House) -> None:
    house.change(tables.lead, house.lead, reply_to="orders@customer.test")
    house.add_message()
    house.tell(Event("message_out", house.lead, house.add_message("email_out"), actor_user_id=house.alice))
    assert [row.address for row in house.rows(tables.outbox_recipient)] == ["orders@customer.test"]


def test_an_answer_to_a_new_person_goes_to_that_person_only(house: House) -> None:
    house.add_copy("Dave", "dave@customer.test")
    house.add_copy("Nina", "Nina@new.test", is_confirmed=False, gets_copies=False)
    message = house.add_message("email_out")
    house.tell(Event("message_out", house.lead, message, actor_user_id=house.alice, only_to_key="nina@new.test"))
    assert [(row.name, row.address) for row in house.rows(tables.outbox_recipient)] == [("Nina", "Nina@new.test")]


def test_the_deputies_of_an_absent_owner_are_followed_to_one_who_is_there(house: House) -> None:
    dan = house.add_user("Dan", "dan@firma.test")
    tomorrow = NOW + timedelta(days=1)
    house.change(tables.user, house.alice, absent_until=tomorrow, deputy_id=house.bob)
    house.change(tables.user, house.bob, absent_until=tomorrow, deputy_id=dan)
    house.tell(Event("message_in", house.lead, house.add_message()))
    assert {row.user_id for row in house.rows(tables.outbox)} == {house.alice, dan}


def test_deputies_that_name_each_other_end_in_nobody(house: House) -> None:
    tomorrow = NOW + timedelta(days=1)
    house.change(tables.user, house.alice, absent_until=tomorrow, deputy_id=house.bob)
    house.change(tables.user, house.bob, absent_until=tomorrow, deputy_id=house.alice)
    house.tell(Event("message_in", house.lead, house.add_message()))
    assert {row.user_id for row in house.rows(tables.outbox)} == {house.alice}


def add_held(house: House, number: int) -> int:
    return house.add(
        tables.inbound, content_key=f"k{number}", spool_id=f"s{number}", received_at=house.now, door="smtp",
        rcpt_to=[], route="hold", reason="staff_not_proven", state="held", decided_at=house.now, defects=[],
        author_user_id=house.bob,
    )  # fmt: skip


def test_one_question_per_lead_and_hour_and_ten_a_day(house: House) -> None:
    def ask(number: int, lead: int | None) -> int:
        return house.tell(Event("held", lead, inbound_id=add_held(house, number)))

    assert [ask(1, house.lead), ask(2, house.lead)] == [1, 0]
    house.wait(minutes=61)
    assert ask(3, house.lead) == 1
    leads = [house.add_lead() for _ in range(12)]
    assert sum(ask(10 + i, lead) for i, lead in enumerate(leads)) == 8
    house.wait(hours=24)
    assert ask(99, house.lead) == 1
    asked = [row.asked_at for row in house.rows(tables.inbound)]
    assert (asked[0], asked[1]) == (NOW, None)
    assert {row.user_id for row in house.rows(tables.outbox)} == {house.bob}


def test_a_loop_is_told_once_a_day_for_each_sender(house: House) -> None:
    loop = Event("loop", house.lead, detail="robot@customer.test")
    assert [house.tell(loop), house.tell(loop)] == [1, 0]
    assert house.tell(Event("loop", house.lead, detail="other@customer.test")) == 1
    house.wait(days=1)
    assert house.tell(loop) == 1


def test_a_row_is_claimed_once_and_its_attempt_is_counted_at_the_claim(house: House) -> None:
    house.tell(Event("message_in", house.lead, house.add_message()))
    assert [row.attempts for row in claim(house)] == [1]
    assert claim(house, process="other") == ()
    house.wait(minutes=2)
    assert claim(house, process="other") == (), "the lease still holds"
    house.wait(minutes=61)
    assert [row.attempts for row in claim(house, process="other")] == [2]


def test_a_restart_takes_back_what_it_had_claimed_at_once(house: House) -> None:
    house.tell(Event("message_in", house.lead, house.add_message()))
    claim(house)
    assert house.store.write(lambda session: outbox.take_back(session, "other", house.now)) == 0
    assert house.store.write(lambda session: outbox.take_back(session, "node", house.now)) == 1
    assert [row.attempts for row in claim(house)] == [2]


def test_a_deferred_mail_is_told_late_once_and_given_up_once(house: House) -> None:
    house.tell(Event("message_out", house.lead, house.add_message("email_out"), actor_user_id=house.bob))
    kinds = []
    end = NOW + timedelta(hours=50)
    while house.now < end:
        for row in claim(house):
            if row.kind == "customer_reply":
                kinds += [(e.kind, house.now - NOW) for e in answer(house, row, "deferred", "4.4.1", "no answer")]
            else:
                answer(house, row, "sent")
        house.wait(minutes=1)
    assert [kind for kind, _ in kinds] == ["message_delayed", "message_failed"]
    assert timedelta(hours=4) <= kinds[0][1] <= timedelta(hours=5)
    assert kinds[1][1] == timedelta(hours=48)
    failures = [row for row in house.rows(tables.outbox) if row.kind == "failed"]
    assert [row.user_id for row in failures] == [house.bob, house.bob]
    assert ("customer_reply", "failed") in states(house)


def test_a_notice_that_fails_tells_nobody(house: House) -> None:
    house.tell(Event("message_in", house.lead, house.add_message()))
    assert answer(house, claim(house)[0], "failed", "5.1.1", "no such user") == ()
    assert states(house) == [("message", "failed")]


def test_a_mail_that_cannot_be_made_is_failed_after_five_tries_and_its_writer_told(house: House) -> None:
    house.change(tables.lead, house.lead, owner_id=house.bob)
    house.tell(Event("message_out", house.lead, house.add_message("email_out"), actor_user_id=house.bob))
    for attempt in range(5):
        (row,) = claim(house)
        house.store.write(lambda session, row=row: outbox.mark_unrendered(session, row, "no blob", house.now, POST))  # type: ignore[misc]
        assert (states(house)[0][1] == "failed") is (attempt == 4)
        house.wait(hours=1)
    assert [row.kind for row in claim(house)] == ["failed"]


def test_a_held_mail_is_released_or_dropped_by_a_person(house: House) -> None:
    house.tell(Event("message_out", house.lead, house.add_message("email_out"), actor_user_id=house.alice))
    (row,) = claim(house)
    house.store.write(lambda session: outbox.hold(session, row, "a note", house.now, POST))
    assert states(house) == [("customer_reply", "held"), ("held", "queued")]
    assert house.store.write(lambda session: outbox.release(session, row.id, house.alice, house.now))
    assert not house.store.write(lambda session: outbox.release(session, row.id, house.alice, house.now))
    assert house.store.write(lambda session: outbox.drop(session, row.id, house.alice, house.now))
    assert not house.store.write(lambda session: outbox.drop(session, row.id, house.alice, house.now))
    assert {one.state for one in house.rows(tables.outbox_recipient) if one.outbox_id == row.id} == {"dropped"}


def test_telling_takes_few_statements(house: House) -> None:
    house.follow(house.bob)
    message = house.add_message()
    statements: list[Any] = []
    event.listen(house.store.writer, "before_cursor_execute", lambda *args: statements.append(args[2]))
    house.tell(Event("message_in", house.lead, message))
    assert len(statements) == 5  # BEGIN, the people, and a row in each of three tables
