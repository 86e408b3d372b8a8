"""Mail that nobody of ours received before us: who sent it is checked here, against a real name server; nobody's word is taken."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

import pytest

from mailcrm import triage
from mailcrm.mail import Door, Envelope
from tests.daemon_house import DOMAIN, PROOF, SALES, House, address_in, answer, mail
from tests.dns_server import Signer, Zone, running_dns
from tests.journey_steps import (
    ALICE,
    ALICE_AT,
    CAROL,
    CAROL_AT,
    MALLORY_AT,
    carol_writes,
    kinds,
    known_person,
    last_inbound,
    outcome,
    plain,
    reply_address,
)
from tests.smtp_peer import CaughtMail

_FIRMAS = "192.0.2.10"  # the client that may send for firma.test
_FORGED_RESULTS = ("Authentication-Results", PROOF)


@dataclass
class Direct:
    """A house on the Internet, with its name server. Over the socket every client is 127.0.0.1, which is no relay here."""

    house: House
    zone: Zone

    def hand_in(self, raw: bytes, made: EmailMessage, mail_from: str = ALICE_AT) -> None:
        """Through the listener."""
        self.house.receive(raw, mail_from, [address_in(made["To"])])

    def from_client(self, client: str, made: EmailMessage, mail_from: str = ALICE_AT, raw: bytes = b"") -> None:
        """As the listener spools it for a client with this address."""
        to = (address_in(made["To"]),)
        envelope = Envelope(mail_from, to, self.house.clock(), Door.SMTP, client, helo="out.firma.test")
        self.house.base.spool.put(envelope, raw or made.as_bytes())
        self.house.settle()


@pytest.fixture
def direct(make_house: Callable[..., House]) -> Iterator[Direct]:
    with running_dns() as (zone, server):
        zone.txt("firma.test", f"v=spf1 ip4:{_FIRMAS} -all")
        zone.txt("_dmarc.firma.test", "v=DMARC1; p=reject")
        zone.txt("acme.example", "v=spf1 ip4:192.0.2.77 -all")
        zone.txt("_dmarc.acme.example", "v=DMARC1; p=reject")
        ALICES.publish(zone)
        security: dict[str, Any] = {"verify": "all", "dns_servers": [server], "dns_seconds": 2}
        yield Direct(make_house(security=security, smtp={"trusted_relays": []}), zone)


ALICES = Signer("firma.test")


def _costs(notice: CaughtMail, **more: Any) -> EmailMessage:
    return answer(notice, ALICE, "A pump costs 500 euros.", **more)


def test_a_signed_answer_reaches_the_customer_and_a_forged_result_above_it_changes_nothing(direct: Direct) -> None:
    made = _costs(carol_writes(direct.house), headers=[_FORGED_RESULTS])

    direct.hand_in(ALICES.sign(made.as_bytes()), made)

    assert outcome(direct.house) == ("reply", "reply_token")
    assert len(direct.house.to(CAROL_AT)) == 1
    row = last_inbound(direct.house)
    assert row.author_proof == "dmarc=pass (checked here)"
    assert row.auth["results"] == [["spf", "none"], ["dkim", "pass"], ["dmarc", "pass"]]  # 127.0.0.1 says nothing


@pytest.mark.parametrize(
    "forge",
    [
        lambda raw: raw,
        lambda raw: b"Authentication-Results: " + PROOF.encode() + b"\r\n" + raw,
        lambda raw: b"ARC-Authentication-Results: i=1; " + PROOF.encode() + b"\r\n" + raw,
        lambda raw: Signer("evil.example").sign(raw),
        lambda raw: ALICES.sign(raw).replace(b"500", b"900"),
        lambda raw: ALICES.sign(raw, length=True) + b"Pay to another account.\r\n",
        lambda raw: ALICES.sign(raw, signed=("from", "subject")),
        lambda raw: ALICES.sign(raw).replace(b"\r\nTo:", b"\r\nFrom: Bob Berg <bob@firma.test>\r\nTo:", 1),
    ],
    ids=["unsigned", "own results", "arc", "another domain", "changed", "longer", "without To", "two From"],
)
def test_a_forged_answer_is_held_and_asked_about(direct: Direct, forge: Callable[[bytes], bytes]) -> None:
    Signer("evil.example").publish(direct.zone)
    made = _costs(carol_writes(direct.house))

    direct.hand_in(forge(made.as_bytes()), made, MALLORY_AT)

    assert outcome(direct.house) == ("hold", "staff_not_proven")
    assert not direct.house.to(CAROL_AT)
    assert "Nothing was sent" in plain(direct.house.notice(ALICE_AT))


@pytest.mark.parametrize(
    ("client", "mail_from", "is_sent"),
    [
        (_FIRMAS, ALICE_AT, True),
        ("198.51.100.66", ALICE_AT, False),
        (_FIRMAS, MALLORY_AT, False),
    ],
    ids=["the domain's server", "elsewhere", "another reverse-path"],
)
def test_the_domains_server_is_proof_too(direct: Direct, client: str, mail_from: str, is_sent: bool) -> None:
    made = _costs(carol_writes(direct.house))

    direct.from_client(client, made, mail_from)

    assert bool(direct.house.to(CAROL_AT)) is is_sent
    assert outcome(direct.house) == (("reply", "reply_token") if is_sent else ("hold", "staff_not_proven"))


@pytest.mark.parametrize("fault", ["silent", "broken"])
def test_what_cannot_be_found_out_is_held(direct: Direct, fault: str) -> None:
    made = _costs(carol_writes(direct.house))
    getattr(direct.zone, fault).add("s1._domainkey.firma.test")

    direct.hand_in(ALICES.sign(made.as_bytes()), made)

    assert outcome(direct.house) == ("hold", "staff_not_proven")
    assert ["dmarc", "temperror"] in last_inbound(direct.house).auth["results"]


def test_a_signed_mail_handed_in_again_for_another_lead_reaches_nobody(direct: Direct) -> None:
    notice = carol_writes(direct.house)
    made = _costs(notice)
    raw = ALICES.sign(made.as_bytes())
    direct.hand_in(raw, made)
    direct.house.receive(mail("Dave <dave@other.example>", SALES, "Valve", "What does a valve cost?"))
    other = reply_address(direct.house.notice("bob@firma.test"))

    for again in (raw, raw.replace(str(made["To"]).encode(), other.encode()), b"Cc: " + other.encode() + b"\r\n" + raw):
        direct.house.receive(again, ALICE_AT, [other])

    assert len(direct.house.to(CAROL_AT)) == 1
    assert not direct.house.to("dave@other.example")


def test_strangers_cost_no_question_and_known_people_only_of_their_own_domain(direct: Direct) -> None:
    carol_writes(direct.house)
    assert direct.zone.asked == []

    signed = Signer("evil.example").sign(mail(CAROL, SALES, "Valve", "And a valve?").as_bytes())
    direct.house.receive(signed, MALLORY_AT, [SALES])

    assert {name for name, _ in direct.zone.asked} == {"_dmarc.acme.example"}
    assert last_inbound(direct.house).auth["results"][-1] == ["dmarc", "fail"]


def test_a_relay_of_ours_and_a_private_client_are_not_checked(make_house: Callable[..., House]) -> None:
    with running_dns() as (zone, server):
        house = make_house(security={"authserv_ids": ["mx.firma.test"], "dns_servers": [server]})
        direct = Direct(house, zone)
        notice = carol_writes(house)

        direct.from_client("10.0.0.9", _costs(notice, headers=[_FORGED_RESULTS]))
        assert outcome(house) == ("hold", "staff_not_proven")
        house.staff(_costs(notice))
        assert outcome(house) == ("reply", "reply_token")
        assert last_inbound(house).auth["by"] == "mx.firma.test"
        assert zone.asked == []


def test_switched_off_nothing_is_checked_and_nothing_is_proven(make_house: Callable[..., House]) -> None:
    with running_dns() as (zone, server):
        house = make_house(security={"verify": "off", "dns_servers": [server]}, smtp={"trusted_relays": []})
        ALICES.publish(zone)
        made = _costs(carol_writes(house))

        Direct(house, zone).from_client(_FIRMAS, made, raw=ALICES.sign(made.as_bytes()))

        assert outcome(house) == ("hold", "staff_not_proven")
        assert zone.asked == []


def test_what_a_person_decides_later_rests_on_what_was_believed_on_arrival(direct: Direct) -> None:
    """A stranger's own results in the mail are no proof when somebody attaches it either."""
    direct.house.people["carol"] = known_person(direct.house, CAROL_AT, "alice")
    carol_writes(direct.house)
    lead = direct.house.leads()[0]
    forged = mail(
        CAROL,
        f"nobody@{DOMAIN}",
        "Re: Pump for our cellar",
        "Please answer there from now on.",
        headers=[
            ("Reply-To", MALLORY_AT),
            ("Authentication-Results", "mx.firma.test; dmarc=pass header.from=acme.example"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
            ("Precedence", "bulk"),
        ],
    )
    direct.house.receive(forged, MALLORY_AT, [f"nobody@{DOMAIN}"])
    row = last_inbound(direct.house)
    assert row.state == "quiet"

    triage.attach(direct.house.base.desk(), row.id, lead.id, direct.house.people["alice"])

    assert kinds(direct.house, lead.id) == ["email_in", "email_in"]
    assert direct.house.leads()[0].reply_to == ""
