"""Journeys of mail that is fetched from a mailbox of a real Dovecot, on both databases."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import select

from mailcrm.store.tables import inbound, team
from tests.daemon_house import EXPORT, PROOF, SALES, House, answer, mail
from tests.servers import Dovecot, DovecotAccount, wait_until

ALICE, CAROL = "alice@firma.test", "carol@kala.test"
LONG_AGO = datetime.now(UTC) - timedelta(days=30)


@dataclass
class Mailbox:
    """A house that fetches from a mailbox, and the mailbox."""

    house: House
    dovecot: Dovecot
    account: DovecotAccount

    def append(self, *made: EmailMessage, top: tuple[tuple[str, str], ...] = ()) -> None:
        """Mail as it lies in the mailbox: with what the last server wrote on top."""
        head = "".join(f"{name}: {value}\r\n" for name, value in top).encode()
        self.dovecot.append(self.account, *(head + one.as_bytes() for one in made))

    def receive(self, made: EmailMessage, top: tuple[tuple[str, str], ...] = ()) -> None:
        before = self.seen()
        self.append(made, top=top)
        self.wait(before + 1)

    def seen(self) -> int:
        return sum(row.copies for row in self.house.inbounds())

    def wait(self, count: int) -> None:
        """Until so many copies were placed, and all they cause has happened."""
        wait_until(lambda: self.seen() >= count, timeout=20, what=f"{count} copies; {self.house.inbounds()}")
        self.house.settle()


@pytest.fixture
def open_mailbox(
    make_house: Callable[..., House], dovecot: Dovecot, tmp_path: Path
) -> Callable[[DovecotAccount | None], Mailbox]:
    """Start a house on an account, a new one unless given; returns when the door has looked for the first time."""

    def open_(account: DovecotAccount | None = None) -> Mailbox:
        account = account or dovecot.new_account()
        secret = tmp_path / "password"
        secret.write_text(account.password)
        server = {"host": account.host, "port": account.port, "tls": "none", "user": account.user}
        believed = {"authserv_ids": ["mx.firma.test"]}
        settings = {"name": "box", "password_file": str(secret), "poll_seconds": 1, **server, **believed}
        house = make_house(imap=[settings])
        cursors = house.config.data_dir / "imap"
        wait_until(lambda: any(cursors.glob("*.json")), what="the first look at the mailbox")
        return Mailbox(house, dovecot, account)

    return open_


@pytest.fixture
def mailbox(open_mailbox: Callable[[], Mailbox]) -> Mailbox:
    return open_mailbox()


def question(subject: str = "Sails", to: str = SALES) -> EmailMessage:
    return mail(f"Carol <{CAROL}>", to, subject, f"Do you sew? I ask about {subject}.")


@pytest.mark.parametrize("first", ["smtp", "imap"])
def test_the_same_mail_by_smtp_and_imap_has_one_effect(mailbox: Mailbox, first: str) -> None:
    made = question()
    top = (("Return-Path", f"<{CAROL}>"), ("Delivered-To", SALES), ("Received", "from mx by box; now"))
    if first == "smtp":
        mailbox.house.receive(made)
        mailbox.receive(made, top)
    else:
        mailbox.receive(made, top)
        mailbox.house.receive(made)
    [row] = mailbox.house.inbounds()
    assert (row.door, row.copies, row.state) == (first, 2, "done")
    [lead] = mailbox.house.leads()
    assert len(mailbox.house.chatter(lead.id)) == 1
    assert len(mailbox.house.sink.mails) == 1


def test_a_thousand_old_mails_at_the_first_connection_make_no_lead(
    open_mailbox: Callable[[DovecotAccount], Mailbox], dovecot: Dovecot
) -> None:
    account = dovecot.new_account()
    old = [question(f"Old order {number}").as_bytes() for number in range(1000)]
    dovecot.append(account, *old, at=LONG_AGO)
    mailbox = open_mailbox(account)
    mailbox.receive(question("New order"))
    assert [row.subject for row in mailbox.house.inbounds()] == ["New order"]
    assert len(mailbox.house.leads()) == len(mailbox.house.sink.mails) == 1


def test_a_mailbox_that_is_renumbered_tells_nobody_anything_twice(mailbox: Mailbox) -> None:
    mailbox.receive(question("Order 1"))
    mailbox.receive(question("Order 2"))
    mailbox.dovecot.renumber(mailbox.account)
    mailbox.append(question("Order 3"))
    is_there = select(inbound.c.id).where(inbound.c.subject == "Order 3")
    wait_until(lambda: mailbox.house.one(is_there) is not None, timeout=30, what="the third order")
    mailbox.house.settle()
    assert len(mailbox.house.inbounds()) == len(mailbox.house.leads()) == len(mailbox.house.sink.mails) == 3


def test_the_address_a_mail_was_delivered_to_says_which_team_it_is_for(mailbox: Mailbox) -> None:
    mailbox.receive(question(to="everybody@list.test"), (("Delivered-To", EXPORT),))
    [lead] = mailbox.house.leads()
    assert mailbox.house.one(select(team.c.name).where(team.c.id == lead.team_id)) == "Export"
    [row] = mailbox.house.inbounds()
    assert row.rcpt_to == [EXPORT]
    assert mailbox.house.to("erin@firma.test")


def test_an_answer_that_is_fetched_reaches_the_customer_and_the_customers_answer_the_lead(mailbox: Mailbox) -> None:
    house = mailbox.house
    mailbox.receive(question(), (("Delivered-To", SALES),))
    reply = answer(house.notice(ALICE), ALICE, "We do.")
    proof = ("Authentication-Results", PROOF)
    mailbox.receive(reply, (("Return-Path", f"<{ALICE}>"), ("Delivered-To", str(reply["To"])), proof))
    sent = house.notice(CAROL)
    assert b"We do." in sent.raw
    back = answer(sent, f"Carol <{CAROL}>", "Good.")
    for name in ("In-Reply-To", "References"):
        del back[name]
    back.replace_header("To", "undisclosed@list.test")
    mailbox.receive(back, (("Delivered-To", str(sent.parsed()["Reply-To"]).rpartition("<")[2].rstrip(">")),))
    [lead] = house.leads()
    assert [entry.kind for entry in house.chatter(lead.id)] == ["email_in", "email_out", "email_in"]
    assert len(house.to(ALICE)) == 2


def test_a_connection_that_is_lost_loses_no_mail(mailbox: Mailbox) -> None:
    mailbox.receive(question("Order 1"))
    mailbox.dovecot.kill_connections()
    mailbox.receive(question("Order 2"))
    assert len(mailbox.house.leads()) == 2
