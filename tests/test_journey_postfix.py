"""The described set-up: a real Postfix in front of the listener and behind the outbox."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon_house import DOMAIN, SALES, House, address_in, answer, mail, proven, running_house
from tests.servers import Postfix
from tests.smtp_peer import SmtpSink, smtp_send


@pytest.fixture
def house(tmp_path: Path, smtp_sink: SmtpSink, postfix: Postfix) -> Iterator[House]:
    with running_house(tmp_path / "house", smtp_sink, relay={"host": postfix.host, "port": postfix.port}) as running:
        assert running.listening.smtp is not None
        postfix.route(DOMAIN, *running.listening.smtp)
        for domain in ("firma.test", "acme.example"):
            postfix.route(domain, smtp_sink.host, smtp_sink.port)
        yield running


def test_a_mail_goes_through_postfix_to_the_owner_and_the_answer_through_it_to_the_customer(
    house: House, postfix: Postfix, smtp_sink: SmtpSink
) -> None:
    question = mail("Carol Smith <carol@acme.example>", SALES, "Chairs for the café", "Twenty chairs, please.\n\nCarol")
    assert smtp_send(postfix.host, postfix.port, "carol@acme.example", [SALES], question.as_bytes()).is_accepted
    (notice,) = smtp_sink.wait_for(1, to="alice@firma.test", timeout=30)
    assert notice.mail_from.startswith("b")
    assert "Twenty chairs" in notice.raw.decode("utf-8", "replace")

    reply = answer(notice, "Alice Aalto <alice@firma.test>", "They cost 200.\n\nAlice")
    to = address_in(reply["To"])
    assert smtp_send(postfix.host, postfix.port, "alice@firma.test", [to], proven(reply)).is_accepted
    (carried,) = smtp_sink.wait_for(1, to="carol@acme.example", timeout=30)
    assert address_in(carried.parsed()["From"]) == SALES
    assert "They cost 200." in carried.raw.decode()
    assert "firma.test>" not in carried.raw.decode().replace(f"@{DOMAIN}>", "")

    staff = [row for row in house.inbounds() if row.from_key == "alice@firma.test"]
    assert [(row.author, row.route) for row in staff] == [("user_proven", "reply")]


def test_results_that_came_with_the_mail_prove_nothing_below_a_strangers_trace(
    house: House, postfix: Postfix, smtp_sink: SmtpSink
) -> None:
    smtp = (postfix.host, postfix.port)
    question = mail("Carol Smith <carol@acme.example>", SALES, "Chairs", "Twenty chairs, please.")
    assert smtp_send(*smtp, "carol@acme.example", [SALES], question.as_bytes()).is_accepted
    (notice,) = smtp_sink.wait_for(1, to="alice@firma.test", timeout=30)
    forged = answer(notice, "Alice Aalto <alice@firma.test>", "Pay to this account instead.")
    trace = b"Received: from evil.example by relay.example; Mon, 23 Nov 2026 10:00:00 +0000\r\n"
    assert smtp_send(*smtp, "mallory@evil.example", [address_in(forged["To"])], trace + proven(forged)).is_accepted
    smtp_sink.wait_for(2, to="alice@firma.test", timeout=30)  # the question whether she wrote this
    assert smtp_sink.mails_to("carol@acme.example") == ()
    assert [row.state for row in house.inbounds() if row.from_key == "alice@firma.test"] == ["held"]
