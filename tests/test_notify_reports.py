"""What comes back about a mail of ours: the recipients' states, who is told, and who is written to no more."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailcrm.mail import Event, Report, ReportRecipient
from mailcrm.notify.reports import apply_report
from mailcrm.notify.suppress import lift
from mailcrm.store import tables
from tests.notify_house import House, opened_house
from tests.smtp_peer import SmtpSink


@pytest.fixture
def house(tmp_path: Path, smtp_sink: SmtpSink) -> Iterator[House]:
    with opened_house(tmp_path, smtp_sink.port) as opened:
        yield opened


def sent(house: House) -> int:
    """The outbox id of an answer that left."""
    house.tell(Event("message_out", house.lead, house.add_message("email_out"), actor_user_id=house.alice))
    house.deliver()
    return int(house.rows(tables.outbox)[-1].id)


def report(
    house: House, outbox_id: int, action: str, status: str = "5.1.1", to: str = "carol@customer.test"
) -> list[str]:
    about = Report((ReportRecipient(to, action, status, "what the peer said"),), "")
    return [e.kind for e in house.store.write(lambda session: apply_report(session, outbox_id, about, house.now))]


def states(house: House, outbox_id: int) -> list[tuple[str, str, str]]:
    rows = [row for row in house.rows(tables.outbox_recipient) if row.outbox_id == outbox_id]
    return [(row.address, row.state, row.code) for row in rows]


def suppressed(house: House) -> list[str]:
    return [row.key for row in house.rows(tables.suppression)]


def test_a_bounce_is_told_once_and_ends_the_recipient(house: House) -> None:
    house.add_copy("Dave", "dave@customer.test")
    row = sent(house)
    assert report(house, row, "failed") == ["message_failed"]
    assert report(house, row, "failed") == report(house, row, "delayed") == []
    assert states(house, row) == [("carol@customer.test", "bounced", "5.1.1"), ("dave@customer.test", "sent", "2.0.0")]
    assert house.rows(tables.outbox)[-1].state == "partly"
    assert report(house, row, "failed", to="DAVE@customer.test") == ["message_failed"]
    assert house.rows(tables.outbox)[-1].state == "failed"


def test_a_delay_is_told_once_after_four_hours(house: House) -> None:
    row = sent(house)
    assert report(house, row, "delayed", "4.4.1") == []
    assert states(house, row)[0][1] == "delayed"
    later = sent(house)
    house.wait(hours=4)
    assert report(house, later, "delayed", "4.4.1") == ["message_delayed"]
    assert report(house, later, "delayed", "4.4.1") == []


def test_a_success_report_changes_nothing(house: House) -> None:
    row = sent(house)
    assert report(house, row, "delivered", "2.0.0") == []
    assert states(house, row) == [("carol@customer.test", "sent", "2.0.0")]


def test_a_single_recipient_is_meant_even_under_a_forwarders_address(house: House) -> None:
    row = sent(house)
    assert report(house, row, "failed", to="carol@elsewhere.test") == ["message_failed"]


def test_an_address_that_was_never_written_to_is_nobody(house: House) -> None:
    house.add_copy("Dave", "dave@customer.test")
    assert report(house, sent(house), "failed", to="mallory@evil.test") == []


def test_a_bounced_notice_and_an_unknown_row_tell_nobody(house: House) -> None:
    house.tell(Event("message_in", house.lead, house.add_message()))
    house.deliver()
    notice = house.rows(tables.outbox)[0].id
    assert report(house, notice, "failed", to="alice@firma.test") == report(house, 999, "failed") == []
    assert states(house, notice)[0][1] == "bounced"


def test_two_bounces_in_a_week_suppress_an_address_that_does_not_exist(house: House) -> None:
    report(house, sent(house), "failed")
    assert suppressed(house) == []
    house.wait(days=8)
    report(house, sent(house), "failed", "5.1.10")
    assert suppressed(house) == []
    house.wait(days=1)
    report(house, sent(house), "failed")
    assert suppressed(house) == ["carol@customer.test"]
    assert house.store.write(lambda session: lift(session, "carol@customer.test"))
    assert not house.store.write(lambda session: lift(session, "carol@customer.test"))


@pytest.mark.parametrize("status", ["4.4.1", "5.2.2", "5.7.1"])
def test_a_full_mailbox_or_a_policy_suppresses_nobody(house: House, status: str) -> None:
    for _ in range(3):
        report(house, sent(house), "failed", status)
    assert suppressed(house) == []


def test_a_users_own_address_is_never_suppressed(house: House) -> None:
    for _ in range(3):
        house.tell(Event("message_in", house.lead, house.add_message()))
        house.deliver()
        report(house, house.rows(tables.outbox)[-1].id, "failed", to="alice@firma.test")
    assert suppressed(house) == []
