"""TLS with a self-made certificate, each way: mail fetched, taken in, handed to the relay. Nothing leaves in the clear."""

import asyncio
import smtplib
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from mailcrm.mail import Temporary
from mailcrm.notify.relay import RelaySettings, SmtpRelay
from tests.daemon_house import SALES, House, mail
from tests.servers import LOOPBACK, Dovecot, free_port, make_certificate, wait_until

ALICE, CAROL = "alice@firma.test", "carol@kala.test"
RAW = b"From: a@firma.test\r\nTo: carol@kala.test\r\nSubject: x\r\n\r\nHello.\r\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    make_certificate(path)
    return path


class Peer:
    """An SMTP server that keeps what it was given, and whether that came through TLS."""

    def __init__(self) -> None:
        self.port = free_port()
        self.taken: list[tuple[bool, list[str]]] = []
        self.open: list[Any] = []

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 -- aiosmtpd's name
        assert server.transport is not None
        self.open.append(getattr(server, "_original_transport", None) or server.transport)
        self.taken.append((server.transport.get_extra_info("ssl_object") is not None, envelope.rcpt_tos))
        return "250 2.0.0 taken"


@contextmanager
def peer(certificate: Path, tls: str) -> Iterator[Peer]:
    """``tls``: none, starttls (and nothing without it) or tls."""
    handler = Peer()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    options: dict[str, Any] = {
        "none": {},
        "starttls": {"tls_context": context, "require_starttls": True},
        "tls": {"ssl_context": context},
    }
    controller = Controller(handler, hostname=LOOPBACK, port=handler.port, **options[tls])
    controller.start()
    try:
        yield handler
    finally:
        asyncio.run_coroutine_threadsafe(_ended(handler.open), controller.loop).result(10)
        controller.stop()


async def _ended(transports: Sequence[Any]) -> None:
    """A relay's connection is kept for the next mail; aiosmtpd does not close it when it stops."""
    for transport in transports:
        transport.abort()
    await asyncio.sleep(0)  # the loop calls what closes the sockets
    await asyncio.sleep(0)


def handed_over(port: int, tls: str, ca_file: str = "") -> str:
    relay = SmtpRelay(RelaySettings(LOOPBACK, port, tls, timeout=5, ca_file=ca_file))
    try:
        return relay.send("a@firma.test", [CAROL], RAW)[CAROL].state
    finally:
        relay.close()


# --- to the relay -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_mail_is_handed_to_the_relay_through_tls(certificate: Path, tls: str) -> None:
    with peer(certificate, tls) as taking:
        assert handed_over(taking.port, tls, str(certificate)) == "sent"
        assert taking.taken == [(True, [CAROL])]


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_relay_with_a_certificate_nobody_vouches_for_gets_nothing(certificate: Path, tls: str) -> None:
    with peer(certificate, tls) as taking:
        with pytest.raises(Temporary, match="certificate"):
            handed_over(taking.port, tls)
        assert taking.taken == []


def test_a_relay_that_has_no_starttls_any_more_gets_nothing(certificate: Path) -> None:
    with peer(certificate, "none") as taking:
        with pytest.raises(Temporary, match="STARTTLS"):
            handed_over(taking.port, "starttls", str(certificate))
        assert taking.taken == []


# --- the whole house ----------------------------------------------------------------------------------------------------


def question() -> bytes:
    return mail(f"Carol <{CAROL}>", SALES, "Sails", "Do you sew?").as_bytes()


def test_a_customers_mail_that_came_through_starttls_is_told_through_starttls(
    make_house: Callable[..., House], certificate: Path
) -> None:
    with peer(certificate, "starttls") as taking:
        pair = {"tls_certificate": str(certificate), "tls_key": str(certificate)}
        relay = {"port": taking.port, "tls": "starttls", "ca_file": str(certificate)}
        house = make_house(smtp=pair, relay=relay)
        assert house.listening.smtp is not None
        with smtplib.SMTP(*house.listening.smtp, timeout=20) as client:
            client.starttls(context=ssl.create_default_context(cafile=str(certificate)))
            client.sendmail(CAROL, [SALES], question())
        wait_until(lambda: bool(taking.taken), what="the notice")
        assert taking.taken == [(True, [ALICE])]


@pytest.mark.parametrize("tls", ["tls", "starttls"])
def test_a_mailbox_is_read_through_tls(
    make_house: Callable[..., House], dovecot: Dovecot, tmp_path: Path, tls: str
) -> None:
    house = fetching_house(make_house, dovecot, tmp_path, tls, str(dovecot.certificate))
    house.sink.wait_for(1, to=ALICE)
    assert [row.door for row in house.inbounds()] == ["imap"]


@pytest.mark.parametrize("tls", ["tls", "starttls"])
def test_a_mailbox_whose_certificate_nobody_vouches_for_is_not_logged_into(
    make_house: Callable[..., House], dovecot: Dovecot, tmp_path: Path, caplog: pytest.LogCaptureFixture, tls: str
) -> None:
    account = dovecot.new_account()
    house = start(make_house, dovecot, account.user, tmp_path, tls, "")
    wait_until(lambda: "certificate verify failed" in caplog.text, what="a line in the log")
    assert not list((house.config.data_dir / "imap").glob("*.json"))


def fetching_house(make_house: Callable[..., House], dovecot: Dovecot, tmp_path: Path, tls: str, ca_file: str) -> House:
    """A house that has looked into a new mailbox once, where a customer's mail then arrives."""
    account = dovecot.new_account()
    house = start(make_house, dovecot, account.user, tmp_path, tls, ca_file)
    cursors = house.config.data_dir / "imap"
    wait_until(lambda: any(cursors.glob("*.json")), what="the first look at the mailbox")
    dovecot.append(account, question())
    return house


def start(
    make_house: Callable[..., House], dovecot: Dovecot, user: str, tmp_path: Path, tls: str, ca_file: str
) -> House:
    secret = tmp_path / "password"
    secret.write_text(dovecot.password)
    port = dovecot.tls_port if tls == "tls" else dovecot.port
    box = {"name": "box", "host": LOOPBACK, "port": port, "tls": tls, "user": user, "password_file": str(secret)}
    return make_house(imap=[{**box, "ca_file": ca_file}])
