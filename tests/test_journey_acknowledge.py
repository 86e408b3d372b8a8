"""A first mail is acknowledged where the firm wants it: once, in the customer's language, to people only. Over real sockets."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime

import pytest
from sqlalchemy import func, select

from mailcrm.address import read_token
from mailcrm.crm.erase import erase
from mailcrm.mail import Door, Envelope
from mailcrm.store.tables import acknowledgement, outbox
from tests.daemon_house import SALES, House, answer, mail, proven
from tests.dns_server import running_dns
from tests.journey_steps import ALICE, ALICE_AT, CAROL, CAROL_AT, everything, plain, reply_address
from tests.smtp_peer import CaughtMail

PROVEN = "mx.firma.test; dmarc=pass header.from=acme.example"
ENGLISH = (
    "Hello, could you tell me what a pump for our cellar would cost? We would need it before the winter. Thank you!"
)
FINNISH = (
    "Hei, mitä kellarin pumppu maksaisi? Tarvitsisimme sen ennen talvea, ja olisi hyvä, jos toimitus onnistuu. Kiitos!"
)
SWEDISH = (
    "Hej, vad skulle en pump till vår källare kosta? Vi behöver den före vintern och undrar när ni kan leverera. Tack!"
)
GERMAN = "Guten Tag, was würde eine Pumpe für unseren Keller kosten? Wir brauchen sie vor dem Winter. Vielen Dank!"


@pytest.fixture
def house(make_house: Callable[..., House]) -> House:
    return make_house(acknowledge={"enabled": True, "days": 30})


def first_mail(
    text: str = ENGLISH, from_: str = CAROL, subject: str = "Pump for our cellar", **more: str
) -> EmailMessage:
    return mail(from_, SALES, subject, text, headers=[(name.replace("_", "-"), value) for name, value in more.items()])


def receive(house: House, made: EmailMessage, proof: str = PROVEN, mail_from: str = CAROL_AT) -> None:
    house.receive(proven(made, proof), mail_from, [SALES])


def told(house: House, address: str = CAROL_AT) -> tuple[CaughtMail, ...]:
    return house.to(address)


def test_a_first_mail_is_acknowledged_and_the_answer_to_that_threads(house: House) -> None:
    receive(house, first_mail())

    (ack,) = told(house)
    said = ack.parsed()
    assert ack.mail_from == ""
    assert said["Auto-Submitted"] == "auto-replied"
    assert said["X-Auto-Response-Suppress"] == "All"
    assert said["Subject"] == "Re: Pump for our cellar"
    assert said["From"] == f"Firma <{SALES}>"
    assert said["To"] == f"Carol Customer <{CAROL_AT}>"
    assert "It has arrived" in plain(ack)
    assert ENGLISH not in everything(ack)
    assert read_token(reply_address(ack)) is not None
    assert len(house.to(ALICE_AT)) == 1

    receive(house, answer(ack, CAROL, "It is a deep cellar."), PROVEN)

    assert len(house.leads()) == 1
    assert len(told(house)) == 1
    events = [row for row in house.chatter(house.leads()[0].id, "event") if row.event == "acknowledged"]
    assert [row.event_data for row in events] == [{"address": CAROL_AT, "language": "en"}]


def test_it_changes_nothing_of_who_waits_and_of_what_alice_may_answer(house: House) -> None:
    receive(house, first_mail())

    (lead,) = house.leads()
    assert lead.waiting_on == "us"
    house.staff(answer(house.notice(ALICE_AT), ALICE, "500 euros."))
    assert "500 euros." in plain(told(house)[-1])


@pytest.mark.parametrize(
    ("text", "words"),
    [(ENGLISH, "It has arrived"), (FINNISH, "tullut perille"), (SWEDISH, "kommit fram"), (GERMAN, "It has arrived")],
)
def test_it_speaks_the_customers_language(house: House, text: str, words: str) -> None:
    receive(house, first_mail(text))

    assert words in plain(told(house)[0])


def test_the_firm_writes_its_own_words(make_house: Callable[..., House]) -> None:
    house = make_house(acknowledge={"enabled": True, "text_fi": "Kiitos: {subject}. T. {company}", "text_sv": ""})

    receive(house, first_mail(FINNISH, subject="Pumppu {company}"))
    receive(house, first_mail(SWEDISH, from_="Sven <sven@acme.example>"), mail_from="sven@acme.example")

    assert plain(told(house)[0]).strip() == "Kiitos: Pumppu {company}. T. Firma"
    assert "It has arrived" in plain(told(house, "sven@acme.example")[0])


def test_it_is_off_until_somebody_turns_it_on(make_house: Callable[..., House]) -> None:
    house = make_house()
    receive(house, first_mail())
    assert len(house.leads()) == 1
    assert told(house) == ()


def test_it_comes_once_a_period(house: House) -> None:
    receive(house, first_mail())
    receive(house, first_mail(subject="A valve too"))
    receive(house, first_mail(from_="Carol <CAROL@acme.example>", subject="And a hose"))
    assert len(house.leads()) == 3
    assert len(told(house)) == 1

    house.clock.move(timedelta(days=31))
    later = first_mail(subject="A year later")
    del later["Date"]
    later["Date"] = format_datetime(house.clock())
    receive(house, later)

    assert len(told(house)) == 2
    assert house.one(select(func.count()).select_from(acknowledgement)) == 1


def test_the_same_mail_twice_is_acknowledged_once(house: House) -> None:
    made = first_mail()
    receive(house, made)
    receive(house, made)
    assert len(told(house)) == 1


_AUTOMATIC = {
    "auto-submitted": first_mail(Auto_Submitted="auto-generated"),
    "bulk": first_mail(Precedence="bulk"),
    "junk": first_mail(Precedence="junk"),
    "a list": first_mail(List_Id="<news.acme.example>"),
    "a list that names only its help": first_mail(
        List_Help="<mailto:help@acme.example>", List_Unsubscribe="<https://x.example>"
    ),
    "no answer wanted": first_mail(X_Auto_Response_Suppress="All"),
    "out of office": first_mail("I am away.", subject="Out of office: Pump for our cellar"),
    "a bounce": first_mail(
        "Undelivered.", from_="Mail Delivery <mailer-daemon@acme.example>", subject="Undelivered mail"
    ),
    "no-reply": first_mail(from_="Shop <no-reply@acme.example>"),
    "a list's owner": first_mail(from_="Owner <owner-pumps@acme.example>"),
    "answers go elsewhere": first_mail(Reply_To="victim@elsewhere.example"),
    "spam": first_mail(X_Spam_Flag="YES"),
    "long ago": first_mail(Date=format_datetime(datetime.now(UTC) - timedelta(days=3))),
    "from us": first_mail(from_=f"Sales <{SALES}>"),
    "a colleague": first_mail(from_=ALICE),
}


@pytest.mark.parametrize("kind", _AUTOMATIC)
def test_what_no_person_wrote_or_would_read_is_not_acknowledged(house: House, kind: str) -> None:
    made = _AUTOMATIC[kind]
    address = str(made["From"]).rpartition("<")[2].rstrip(">")
    proof = f"mx.firma.test; dmarc=pass header.from={address.rpartition('@')[2]}"

    receive(house, made, proof, mail_from=address)

    assert _acknowledgements(house) == 0


@pytest.mark.parametrize(
    ("proof", "mail_from"),
    [
        ("", CAROL_AT),
        ("mx.firma.test; dmarc=none header.from=acme.example", CAROL_AT),
        ("mx.firma.test; dmarc=fail header.from=acme.example", CAROL_AT),
        ("mx.firma.test; spf=pass smtp.mailfrom=mallory@evil.example", "mallory@evil.example"),
        ("mx.evil.example; dmarc=pass header.from=acme.example", CAROL_AT),
        (PROVEN, ""),
        (PROVEN, "bounces@mailer.example"),
    ],
)
def test_who_may_not_have_written_is_not_written_to(house: House, proof: str, mail_from: str) -> None:
    """Backscatter: a From that anybody can write, or a return-path in another house."""
    receive(house, first_mail(), proof, mail_from)

    assert _acknowledgements(house) == 0


def test_a_mail_that_does_not_name_us_is_not_acknowledged(house: House) -> None:
    made = first_mail()
    del made["To"]
    made["To"] = "undisclosed-recipients:;"
    receive(house, made)
    assert _acknowledgements(house) == 0


def test_an_answering_machine_without_manners_is_met_once(house: House) -> None:
    """It answers each mail with a new one, to the sales address, without a word that it is a machine."""
    receive(house, first_mail())
    for turn in range(4):
        receive(
            house,
            first_mail(
                f"We thank you for your message number {turn} and will come back to you.", subject=f"Case {turn}"
            ),
        )

    assert len(told(house)) == 1


@pytest.mark.parametrize(("client", "count"), [("192.0.2.77", 1), ("192.0.2.78", 0)])
def test_where_no_relay_looked_a_stranger_is_proven_here(
    make_house: Callable[..., House], client: str, count: int
) -> None:
    """On port 25, with a real name server: SPF of a domain that nobody knew before."""
    with running_dns() as (zone, server):
        zone.txt("acme.example", "v=spf1 ip4:192.0.2.77 -all")
        zone.txt("_dmarc.acme.example", "v=DMARC1; p=none")
        security = {"verify": "all", "dns_servers": [server], "dns_seconds": 2}
        house = make_house(security=security, smtp={"trusted_relays": []}, acknowledge={"enabled": True})
        envelope = Envelope(CAROL_AT, (SALES,), house.clock(), Door.SMTP, client, helo="out.acme.example")

        house.base.spool.put(envelope, first_mail().as_bytes())
        house.settle()

        assert len(house.leads()) == 1
        assert len(told(house)) == count


def test_who_is_erased_is_forgotten_here_too(house: House) -> None:
    receive(house, first_mail())
    (lead,) = house.leads()

    house.base.store.write(lambda session: erase(session, lead.partner_id, house.people["mona"], house.clock()))

    assert house.one(select(func.count()).select_from(acknowledgement)) == 0
    assert all(CAROL_AT not in str(row.event_data) for row in house.chatter(lead.id, "event"))


def _acknowledgements(house: House) -> int:
    found = house.one(select(func.count()).select_from(outbox).where(outbox.c.kind == "acknowledgement"))
    assert isinstance(found, int)
    return found
