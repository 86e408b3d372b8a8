"""The outbox is emptied against a real peer that refuses, delays and goes away."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import update

from mailcrm.mail import Event
from mailcrm.notify.composer import composer
from mailcrm.notify.deliver import Deliverer, deliver_settings, relay_settings
from mailcrm.notify.letterhead import letterhead
from mailcrm.notify.outbox import release
from mailcrm.notify.relay import Answer, SmtpRelay
from mailcrm.store import tables
from tests.notify_house import KEYRING, House, opened_house, read, text_of
from tests.servers import wait_until
from tests.smtp_peer import SmtpSink


@pytest.fixture
def house(tmp_path: Path, smtp_sink: SmtpSink) -> Iterator[House]:
    with opened_house(tmp_path, smtp_sink.port) as opened:
        yield opened


def states(house: House) -> dict[str, tuple[str, str]]:
    return {row.address: (row.state, row.code) for row in house.rows(tables.outbox_recipient)}


def answer(house: House, text: str = "Of course.") -> int:
    message = house.add_message("email_out", text)
    house.tell(Event("message_out", house.lead, message, actor_user_id=house.alice))
    return message


def test_one_of_three_refused_and_one_deferred_are_each_told_apart(house: House, smtp_sink: SmtpSink) -> None:
    house.add_copy("Dave", "dave@customer.test")
    house.add_copy("Erin", "erin@customer.test")
    smtp_sink.refuse_recipient("dave@customer.test")
    smtp_sink.refuse_recipient("erin@customer.test", "450 4.2.1 Greylisted", times=1)
    answer(house)
    house.deliver()
    assert states(house) == {
        "carol@customer.test": ("sent", "2.0.0"),
        "dave@customer.test": ("failed", "5.1.1"),
        "erin@customer.test": ("deferred", "4.2.1"),
        "alice@firma.test": ("sent", "2.0.0"),
    }
    house.wait(minutes=1)
    house.deliver()
    first, again = (m for m in smtp_sink.mails if "alice@firma.test" not in m.rcpt_to)
    assert (first.rcpt_to, again.rcpt_to) == (("carol@customer.test",), ("erin@customer.test",))
    assert first.raw == again.raw
    assert house.rows(tables.outbox)[0].state == "partly"


def test_a_mail_taken_without_a_word_is_repeated_with_the_same_bytes(house: House, smtp_sink: SmtpSink) -> None:
    smtp_sink.drop_after_data()
    answer(house)
    house.deliver()
    assert states(house)["carol@customer.test"][0] == "deferred"
    house.wait(minutes=1)
    house.deliver()
    first, again = smtp_sink.mails
    assert first.raw == again.raw
    assert states(house)["carol@customer.test"][0] == "sent"


@pytest.mark.parametrize("fault", ["refuse_data", "drop_inside_data"])
def test_a_temporary_fault_waits_a_minute(house: House, smtp_sink: SmtpSink, fault: str) -> None:
    getattr(smtp_sink, fault)()
    answer(house)
    house.deliver()
    assert states(house)["carol@customer.test"][0] == "deferred"
    assert house.deliver() == 0
    house.wait(minutes=1)
    assert house.deliver() == 1
    assert len(smtp_sink.mails) == 1


def test_an_absent_relay_loses_nothing(house: House, smtp_sink: SmtpSink) -> None:
    smtp_sink.stop()
    for _ in range(5):
        house.tell(Event("message_in", house.lead, house.add_message()))
    house.deliver()
    assert {row.state for row in house.rows(tables.outbox)} == {"queued"}
    smtp_sink.start()
    house.wait(minutes=1)
    house.deliver()
    assert len(smtp_sink.mails) == 5


def test_a_busy_relay_is_waited_for(house: House, smtp_sink: SmtpSink) -> None:
    smtp_sink.greet("421 4.3.2 Busy")
    answer(house)
    house.deliver()
    assert states(house)["carol@customer.test"][0] == "deferred"


def test_a_notice_found_too_large_comes_again_without_its_files(house: House, smtp_sink: SmtpSink) -> None:
    message = house.add_message()
    house.attach(message, "offer.pdf", b"%PDF")
    smtp_sink.refuse_data("552 5.3.4 Too large")
    house.tell(Event("message_in", house.lead, message))
    house.deliver()
    (mail,) = smtp_sink.mails
    assert list(mail.parsed().iter_attachments()) == []
    assert "offer.pdf, 0 kB: https://page.firma.test/attachments/" in text_of(mail.parsed())


def test_a_customers_mail_found_too_large_is_failed_and_told(house: House, smtp_sink: SmtpSink) -> None:
    smtp_sink.refuse_data("552 5.3.4 Too large")
    answer(house)
    house.deliver()
    assert states(house)["carol@customer.test"] == ("failed", "5.3.4")
    assert smtp_sink.mails[0].rcpt_to == ("alice@firma.test",)


def test_a_mail_that_cannot_be_made_stops_no_other(house: House, smtp_sink: SmtpSink) -> None:
    message = house.add_message()
    house.attach(message, "gone.pdf", b"%PDF")
    house.blobs.remove(house.rows(tables.attachment)[0].sha256)
    house.tell(Event("message_in", house.lead, message))
    house.tell(Event("message_in", house.lead, house.add_message()))
    house.deliver()
    assert len(smtp_sink.mails) == 1
    for _ in range(5):
        house.wait(hours=1)
        house.deliver()
    broken = house.rows(tables.outbox)[0]
    assert (broken.state, broken.attempts) == ("failed", 5)
    assert "FileNotFoundError" in house.rows(tables.outbox_recipient)[0].text


def test_a_mail_that_the_relay_chokes_on_makes_no_answer_forgotten(house: House, smtp_sink: SmtpSink) -> None:
    class Choking(SmtpRelay):
        def send(self, mail_from: str, rcpt_to: Sequence[str], raw: bytes) -> dict[str, Answer]:
            if b"chokes" in raw:
                raise RuntimeError
            return super().send(mail_from, rcpt_to, raw)

    for text in ("first", "chokes", "third", "fourth"):
        house.tell(Event("message_in", house.lead, house.add_message("email_in", text)))
    settings, relay = deliver_settings(house.config, KEYRING, "node"), relay_settings(house.config)
    deliverer = Deliverer(house.store, settings, lambda: house.now, house.blobs, lambda: Choking(relay))
    deliverer.run_once()
    deliverer.close()
    assert len(smtp_sink.mails) == 3
    assert [row.state for row in house.rows(tables.outbox)] == ["sent", "queued", "sent", "sent"]
    assert all(row.lease_until is None for row in house.rows(tables.outbox))


def test_a_mail_that_quotes_a_note_is_held_and_its_writer_asked(house: House, smtp_sink: SmtpSink) -> None:
    house.add_message("note", "The margin is thin here, so do not go below 11 500 euros.")
    answer(house, "As we said: the margin is thin here, so do not go below 11 500 euros.")
    house.deliver()
    assert [mail.rcpt_to for mail in smtp_sink.mails] == [("alice@firma.test",)]
    row = house.rows(tables.outbox)[0]
    assert (row.state, row.bytes, row.params["held"]) == ("held", None, "The mail holds text of an internal note")


def test_a_released_mail_is_looked_at_again_and_leaves_when_nothing_is_found(house: House, smtp_sink: SmtpSink) -> None:
    note = house.add_message("note", "The margin is thin here, so do not go below 11 500 euros.")
    answer(house, "As we said: the margin is thin here, so do not go below 11 500 euros.")

    def release_and_deliver() -> str:
        held = house.rows(tables.outbox)[0]
        assert house.store.write(lambda session: release(session, held.id, house.alice, house.now))
        house.deliver()
        return states(house)["carol@customer.test"][0]

    house.deliver()
    assert release_and_deliver() != "sent"
    assert smtp_sink.mails_to("carol@customer.test") == ()
    message = tables.message
    house.store.write(
        lambda session: session.execute(update(message).where(message.c.id == note).values(text="", new_text=""))
    )
    assert release_and_deliver() == "sent"
    assert len(smtp_sink.mails_to("carol@customer.test")) == 1


def test_running_delivers_when_woken_and_ends_when_told(house: House, smtp_sink: SmtpSink) -> None:
    deliverer = house.deliverer()
    thread = threading.Thread(target=deliverer.run)
    thread.start()
    try:
        answer(house)
        deliverer.wake()
        smtp_sink.wait_for(1)
    finally:
        deliverer.stop()
        thread.join(10)
        deliverer.close()
    assert not thread.is_alive()
    wait_until(lambda: states(house)["carol@customer.test"][0] == "sent")


def test_a_connection_is_kept_for_many_mails(house: House, smtp_sink: SmtpSink) -> None:
    for _ in range(45):
        house.tell(Event("message_in", house.lead, house.add_message()))
    assert house.deliver() == 45
    assert len(smtp_sink.mails) == 45
    assert {row.state for row in house.rows(tables.outbox)} == {"sent"}


# --- notices made in another process ------------------------------------------------------------------------------------


def test_many_notices_are_made_in_another_process_as_they_would_be_here(house: House, smtp_sink: SmtpSink) -> None:
    for number in range(8):
        message = house.add_message(text=f"Question {number} \u2013 ääkköset", message_id=f"{number}@customer.test")
        if number == 3:
            house.attach(message, "plan.pdf", b"%PDF-1.4")
        house.tell(Event("message_in", house.lead, message))
    answer(house)
    house.change(tables.outbox, house.rows(tables.outbox)[5].id, user_id=None)  # cannot be made
    composing = composer(letterhead(house.config, KEYRING), 1)
    deliverer = house.deliverer(composing)
    try:
        deliverer.run_once()
    finally:
        deliverer.close()
        composing.close()
    rows = house.rows(tables.outbox)
    assert [row.state for row in rows] == ["sent"] * 5 + ["queued"] + ["sent"] * 3
    assert len(smtp_sink.mails) == 8
    [failed] = [one for one in house.rows(tables.outbox_recipient) if one.outbox_id == rows[5].id]
    assert "is gone" in failed.text
    for number, row in enumerate(rows[:8]):
        if number != 5:
            assert f"Question {number} \u2013 ääkköset" in text_of(read(row.bytes))


def test_a_mail_to_somebody_who_is_not_on_its_lead_is_held_until_a_person_sends_it(
    house: House, smtp_sink: SmtpSink
) -> None:
    answer(house)
    (one,) = [row for row in house.rows(tables.outbox_recipient) if row.address == "carol@customer.test"]
    house.change(tables.outbox_recipient, one.id, address="eve@rival.test", key="eve@rival.test")

    house.deliver()

    assert smtp_sink.mails_to("eve@rival.test") == ()
    held = house.rows(tables.outbox)[0]
    assert held.params["held"] == "The mail goes to somebody who is not on this lead: eve@rival.test"
    house.store.write(lambda session: release(session, held.id, house.alice, house.now))
    house.deliver()
    assert len(smtp_sink.mails_to("eve@rival.test")) == 1


def _eves_file(house: House, kind: str = "email_in") -> None:
    """A file that came from, or went to, another customer."""
    eve = house.add_partner("Eve Rival", "eve@rival.test")
    house.change(tables.partner, eve, company_id=None)
    theirs = house.add_lead(partner_id=eve, company_id=None)
    house.attach(house.add_message(kind, "See the drawing.", lead_id=theirs), "cellar.pdf", b"%PDF what only Eve has")


def _answer_with_the_file(house: House) -> None:
    message = house.add_message("email_out", "Like this one.")
    house.attach(message, "cellar.pdf", b"%PDF what only Eve has")
    house.tell(Event("message_out", house.lead, message, actor_user_id=house.alice))
    house.deliver()


def test_a_file_of_another_customer_is_held_until_a_person_sends_it(house: House, smtp_sink: SmtpSink) -> None:
    _eves_file(house)

    _answer_with_the_file(house)

    assert smtp_sink.mails_to("carol@customer.test") == ()
    held = house.rows(tables.outbox)[0]
    assert held.params["held"] == "The mail holds a file of another customer: cellar.pdf"
    house.store.write(lambda session: release(session, held.id, house.alice, house.now))
    house.deliver()
    assert len(smtp_sink.mails_to("carol@customer.test")) == 1


@pytest.mark.parametrize("whose", ["ours", "theirs too"])
def test_a_file_that_we_sent_before_or_that_this_customer_sent_too_leaves(
    house: House, smtp_sink: SmtpSink, whose: str
) -> None:
    _eves_file(house)
    if whose == "ours":
        _eves_file_again = house.add_message("email_out", "Our price list.", lead_id=house.add_lead())
        house.attach(_eves_file_again, "cellar.pdf", b"%PDF what only Eve has")
    else:
        house.attach(house.add_message("email_in", "Mine."), "cellar.pdf", b"%PDF what only Eve has")

    _answer_with_the_file(house)

    assert len(smtp_sink.mails_to("carol@customer.test")) == 1
