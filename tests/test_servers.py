"""The servers the other tests rely on are real and do what their helpers say."""

import smtplib
from collections.abc import Callable
from datetime import UTC, datetime

import psycopg
import pytest
from playwright.sync_api import Page
from sqlalchemy import create_engine, text

from tests.servers import Dovecot, Postfix, ServerMissing, program
from tests.smtp_peer import SmtpSink, smtp_send

RAW = (
    b"From: carol@customer.example\r\nTo: sales@crm.firma.example\r\nSubject: Tarjouspyynt\xc3\xb6\r\n"
    b"\r\nHei\r\n..dot\r\n"
)
CAROL = "carol@customer.example"
ALICE = "alice@firma.example"
BOB = "bob@firma.example"


def test_a_missing_server_fails_with_the_step_that_installs_it() -> None:
    with pytest.raises(ServerMissing, match=r"make test.*apt-get install cyrus-imapd"):
        program("cyrus-master", package="cyrus-imapd")


def test_postgres_gives_each_caller_an_empty_database(make_postgres_database: Callable[..., str]) -> None:
    urls = [make_postgres_database(), make_postgres_database()]
    for url in urls:
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE lead (id int)"))
        engine.dispose()
    assert len(set(urls)) == 2


def test_postgres_copies_a_database_that_holds_tables(make_postgres_database: Callable[..., str]) -> None:
    migrated = make_postgres_database().replace("+psycopg", "")
    with psycopg.connect(migrated) as connection:
        connection.execute("CREATE TABLE lead (id int)")
    copy = make_postgres_database(template=migrated.rpartition("/")[2]).replace("+psycopg", "")
    with psycopg.connect(copy) as connection:
        assert connection.execute("SELECT count(*) FROM lead").fetchone() == (0,)


def test_dovecot_keeps_what_was_appended(dovecot: Dovecot) -> None:
    account = dovecot.new_account()
    at = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    dovecot.append(account, RAW, RAW, at=at)
    with dovecot.session(account) as client:
        client.select_folder("INBOX")
        mails = client.fetch([1, 2], ["BODY.PEEK[]", "INTERNALDATE"])
    assert [mail[b"BODY[]"] for mail in mails.values()] == [RAW, RAW]
    assert mails[1][b"INTERNALDATE"] == at


def test_dovecot_renumbers_a_mailbox(dovecot: Dovecot) -> None:
    account = dovecot.new_account()
    dovecot.append(account, RAW, RAW)
    with dovecot.session(account) as client:
        client.select_folder("INBOX")
        client.delete_messages([1])
        client.expunge()
    before = dovecot.uid_validity(account)
    dovecot.renumber(account)
    assert dovecot.uid_validity(account) != before
    with dovecot.session(account) as client:
        client.select_folder("INBOX")
        assert client.search() == [1]


def test_dovecot_loses_its_connections_and_comes_back(dovecot: Dovecot) -> None:
    account = dovecot.new_account()
    dovecot.append(account, RAW)
    with dovecot.session(account) as client:
        dovecot.kill_connections()
        with pytest.raises((OSError, client.AbortError)):
            client.noop()
    dovecot.stop()
    with pytest.raises(ConnectionRefusedError), dovecot.session(account):
        pass
    dovecot.start()
    with dovecot.session(account) as client:
        assert client.select_folder("INBOX")[b"EXISTS"] == 1


def test_postfix_relays_a_domain_it_was_told_of(postfix: Postfix, smtp_sink: SmtpSink) -> None:
    postfix.route("firma.example", smtp_sink.host, smtp_sink.port)
    answer = smtp_send(postfix.host, postfix.port, CAROL, [ALICE], RAW)
    assert answer.is_accepted
    (mail,) = smtp_sink.wait_for(1)
    assert (mail.mail_from, mail.rcpt_to) == (CAROL, (ALICE,))
    assert mail.raw.startswith(b"Received:")
    assert mail.raw.partition(b"\r\n\r\n")[2] == RAW.partition(b"\r\n\r\n")[2]


def test_postfix_tries_again_after_a_temporary_refusal(postfix: Postfix, smtp_sink: SmtpSink) -> None:
    postfix.route("later.example", smtp_sink.host, smtp_sink.port)
    smtp_sink.refuse_data("451 4.3.0 Not yet")
    smtp_send(postfix.host, postfix.port, CAROL, ["dave@later.example"], RAW)
    (mail,) = smtp_sink.wait_for(1, timeout=30)
    assert mail.rcpt_to == ("dave@later.example",)


def test_the_sink_keeps_envelope_and_bytes(smtp_sink: SmtpSink) -> None:
    answer = smtp_send(smtp_sink.host, smtp_sink.port, CAROL, [ALICE, "järvi@firma.example"], RAW)
    assert answer.is_accepted
    (mail,) = smtp_sink.wait_for(1, to=ALICE)
    assert (mail.mail_from, mail.rcpt_to, mail.raw) == (CAROL, (ALICE, "järvi@firma.example"), RAW)
    assert mail.parsed()["Subject"] == "Tarjouspyyntö"


def test_the_sink_refuses_one_recipient_of_two(smtp_sink: SmtpSink) -> None:
    smtp_sink.refuse_recipient(BOB, "452 4.2.2 Full", times=1)
    first = smtp_send(smtp_sink.host, smtp_sink.port, CAROL, [ALICE, BOB], RAW)
    second = smtp_send(smtp_sink.host, smtp_sink.port, CAROL, [ALICE, BOB], RAW)
    assert (first.recipients[ALICE].code, first.recipients[BOB].code) == (250, 452)
    assert second.recipients[BOB].code == 250
    assert [mail.rcpt_to for mail in smtp_sink.mails] == [(ALICE,), (ALICE, BOB)]
    assert len(smtp_sink.mails_to(BOB)) == 1


def test_the_sink_refuses_sender_and_content(smtp_sink: SmtpSink) -> None:
    smtp_sink.refuse_sender("mallory@evil.example")
    assert smtp_send(smtp_sink.host, smtp_sink.port, "mallory@evil.example", [ALICE], RAW).mail.code == 550
    smtp_sink.refuse_data("552 5.3.4 Too big")
    answer = smtp_send(smtp_sink.host, smtp_sink.port, CAROL, [ALICE], RAW)
    assert answer.data is not None
    assert (answer.data.code, smtp_sink.mails) == (552, ())
    assert smtp_send(smtp_sink.host, smtp_sink.port, CAROL, [ALICE], RAW).is_accepted


def test_the_sink_drops_the_connection_inside_the_content(smtp_sink: SmtpSink) -> None:
    smtp_sink.drop_inside_data()
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        smtp_send(smtp_sink.host, smtp_sink.port, CAROL, [ALICE], RAW)
    assert smtp_sink.mails == ()


def test_the_sink_takes_a_mail_and_drops_the_connection(smtp_sink: SmtpSink) -> None:
    smtp_sink.drop_after_data()
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        smtp_send(smtp_sink.host, smtp_sink.port, CAROL, [ALICE], RAW)
    assert len(smtp_sink.wait_for(1)) == 1


def test_the_sink_answers_late(smtp_sink: SmtpSink) -> None:
    smtp_sink.delay_data(1)
    with pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
        smtp_send(smtp_sink.host, smtp_sink.port, CAROL, [ALICE], RAW, timeout=0.2)
    smtp_sink.behave()
    assert smtp_send(smtp_sink.host, smtp_sink.port, CAROL, [ALICE], RAW).is_accepted


def test_the_sink_is_away_and_comes_back_on_its_port(smtp_sink: SmtpSink) -> None:
    smtp_sink.stop()
    with pytest.raises(ConnectionRefusedError):
        smtp_send(smtp_sink.host, smtp_sink.port, CAROL, [ALICE], RAW)
    smtp_sink.start()
    smtp_sink.greet("421 4.3.2 Busy")
    with pytest.raises(smtplib.SMTPConnectError):
        smtp_send(smtp_sink.host, smtp_sink.port, CAROL, [ALICE], RAW)
    smtp_sink.behave()
    assert smtp_send(smtp_sink.host, smtp_sink.port, CAROL, [ALICE], RAW).is_accepted


def test_a_page_is_rendered_with_letters(page: Page) -> None:
    page.set_content("<h1>Myyntiputki: ä€</h1><button onclick=\"this.textContent='moved'\">move</button>")
    page.get_by_role("button", name="move").click()
    assert page.get_by_role("button").inner_text() == "moved"
    assert page.screenshot().startswith(b"\x89PNG")
