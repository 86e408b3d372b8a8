"""Who sent a mail, checked by ourselves: SPF, DKIM and DMARC against a real name server on loopback, forged in every way."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from dkim.canonicalization import Relaxed, Simple
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcrm.ingest.understand import understand
from mailcrm.mail import AuthResults, Door, Envelope
from mailcrm.proof.check import HERE, check
from mailcrm.proof.resolver import DnsTrouble, Resolver, ResolverSettings, server_of
from mailcrm.proof.signature import content_of, relaxed, signatures, simple
from mailcrm.threading.author import is_disproven, staff_proof
from tests.dns_server import SIGNED, Signer, Zone, running_dns
from tests.values import DOMAIN, RULES

_CLIENT = "192.0.2.10"
_NOW = datetime.now(UTC)
_MAIL = (
    b"From: Alice Aalto <alice@firma.test>\r\nTo: rtoken@crm.firma.test\r\nSubject: Re: Pump\r\n"
    b"Date: Mon, 2 Mar 2026 08:00:00 +0000\r\nMessage-ID: <1@firma.test>\r\n\r\nIt costs 500.\r\n"
)


@dataclass
class World:
    """A name server, and what it costs to check a mail with it."""

    zone: Zone
    resolver: Resolver

    def results(self, raw: bytes = _MAIL, *, says_address: bool = True, **envelope: Any) -> AuthResults:
        plain = Envelope("alice@firma.test", (f"rtoken@{DOMAIN}",), _NOW, Door.SMTP, _CLIENT, helo="out.firma.test")
        made = replace(plain, **envelope)
        mail, _ = understand(raw, made)
        assert mail.from_ is not None
        return check(raw, made, mail.from_.domain, self.resolver.lookup(), says_address=says_address)

    def proof(self, raw: bytes = _MAIL, **envelope: Any) -> str:
        """In words, as the routing asks for it; "" where nothing is proven."""
        plain = Envelope("alice@firma.test", (f"rtoken@{DOMAIN}",), _NOW, Door.SMTP, _CLIENT)
        mail, _ = understand(raw, plain)
        return staff_proof(replace(mail, checked=self.results(raw, **envelope)), plain, RULES)


@pytest.fixture
def world() -> Iterator[World]:
    with running_dns() as (zone, server):
        zone.txt("firma.test", "v=spf1 ip4:192.0.2.0/24 -all")
        zone.txt("_dmarc.firma.test", "v=DMARC1; p=reject")
        yield World(zone, Resolver(ResolverSettings((server,), 0.5, 1.0)))


ALICES = Signer("firma.test")


def _signed(world: World, signer: Signer = ALICES, raw: bytes = _MAIL, **more: Any) -> bytes:
    signer.publish(world.zone)
    return signer.sign(raw, **more)


_ELSEWHERE: dict[str, Any] = {"peer": "198.51.100.9"}  # from where nobody may send for firma.test


# --- SPF ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "envelope", "result", "is_proof"),
    [
        ("v=spf1 ip4:192.0.2.0/24 -all", {}, "pass", True),
        ("v=spf1 ip4:192.0.2.0/24 -all", {"mail_from": "bounce@mail.firma.test"}, "none", False),
        ("v=spf1 ip4:192.0.2.0/24 -all", {"mail_from": "mallory@evil.example"}, "policy", False),
        ("v=spf1 ip4:192.0.2.0/24 -all", {"mail_from": "", "helo": "evil.example"}, "policy", False),
        ("v=spf1 ip4:192.0.2.0/24 -all", _ELSEWHERE, "fail", False),
        ("v=spf1 ip4:192.0.2.0/24 ~all", _ELSEWHERE, "softfail", False),
        ("v=spf1 ip4:192.0.2.0/24 ?all", _ELSEWHERE, "neutral", False),
        ("v=spf1 ip6:2001:db8::/32 -all", {"peer": "2001:db8::7"}, "pass", True),
        ("v=spf1 ip6:2001:db8::/32 -all", {"peer": "::ffff:192.0.2.10"}, "fail", False),
        ("v=spf1 a:out.firma.test -all", {}, "pass", True),
        ("v=spf1 mx -all", {}, "pass", True),
        ("v=spf1 include:sender.example -all", {}, "pass", True),
        ("v=spf1 include:gone.example -all", {}, "permerror", False),
        ("v=spf1 redirect=sender.example", {}, "pass", True),
        ("v=spf1 exists:%{l}.%{d} -all", {}, "pass", True),
        ("v=spf1 ptr -all", {}, "pass", True),
        ("v=spf1 include:firma.test -all", {}, "permerror", False),
        ("v=spf1 " + " ".join(f"a:h{n}.firma.test" for n in range(11)) + " -all", {}, "permerror", False),
        ("v=spf1 a:x1.test a:x2.test a:x3.test ip4:192.0.2.10 -all", {}, "permerror", False),
        ("v=spf1 ip4:192.0.2.999 -all", {}, "permerror", False),
        ("v=spf2 +all", {}, "none", False),
    ],
)
def test_spf_lets_only_the_domains_own_servers_speak_for_it(
    world: World, record: str, envelope: dict[str, Any], result: str, is_proof: bool
) -> None:
    world.zone.txt("firma.test", record)
    world.zone.txt("sender.example", "v=spf1 ip4:192.0.2.10 -all")
    world.zone.add("out.firma.test", "A", "192.0.2.10")
    world.zone.add("firma.test", "MX", "10 out.firma.test.")
    world.zone.add("alice.firma.test", "A", "127.0.0.2")
    world.zone.add("10.2.0.192.in-addr.arpa", "PTR", "out.firma.test.")
    for number in range(11):
        world.zone.add(f"h{number}.firma.test", "A", "198.51.100.1")

    found = world.results(**envelope)

    assert dict(found.results)["spf"] == result
    assert bool(world.proof(**envelope)) is is_proof


def test_two_spf_records_are_none(world: World) -> None:
    world.zone.txt("firma.test", "v=spf1 ip4:192.0.2.0/24 -all", "v=spf1 +all")

    assert dict(world.results().results)["spf"] == "permerror"


def test_a_null_reverse_path_is_judged_by_its_helo(world: World) -> None:
    world.zone.txt("out.firma.test", "v=spf1 ip4:192.0.2.10 -all")

    assert dict(world.results(mail_from="").results)["spf"] == "pass"


def test_an_address_that_is_not_the_clients_own_says_nothing(world: World) -> None:
    world.zone.txt("firma.test", "v=spf1 ip4:10.0.0.0/8 -all")

    found = world.results(peer="10.0.0.7", says_address=False)

    assert dict(found.results) == {"spf": "none", "dkim": "none", "dmarc": "fail"}


# --- DKIM ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signer", [ALICES, replace(ALICES, bits=2048), replace(ALICES, algorithm="ed25519-sha256")])
def test_a_signature_of_the_domain_is_proof_from_anywhere(world: World, signer: Signer) -> None:
    signed = _signed(world, signer)

    assert world.proof(signed, **_ELSEWHERE) == f"dmarc=pass ({HERE})"
    assert world.results(signed, **_ELSEWHERE).dkim_domains == ("firma.test",)


Change = Callable[[bytes], bytes]


def _replaced(old: bytes, new: bytes) -> Change:
    def change(raw: bytes) -> bytes:
        assert old in raw
        return raw.replace(old, new, 1)

    return change


def _on_top(line: bytes) -> Change:
    return lambda raw: line + b"\r\n" + raw


@pytest.mark.parametrize(
    "change",
    [
        _replaced(b"500", b"900"),
        _replaced(b"\r\n\r\nIt", b"\r\n\r\nPay Mallory.\r\nIt"),
        lambda raw: raw + b"Pay Mallory.\r\n",
        _replaced(b"Re: Pump", b"Re: Pumps"),
        _replaced(b"rtoken@", b"rother@"),
        _on_top(b"To: rother@crm.firma.test"),
        _on_top(b"Cc: rother@crm.firma.test"),
        _on_top(b"CC : rother@crm.firma.test"),
        _on_top(b"Subject: Send me the money"),
        _on_top(b"From: Mallory <mallory@firma.test>"),
        _on_top(b"X-A: b\rFrom: Mallory <mallory@firma.test>"),
        _on_top(b"X-A: b\rCc: rother@crm.firma.test"),
        _on_top(b"X-A: \0\r\nCc: rother@crm.firma.test"),
        _on_top(b"From Mallory\r\nCc: rother@crm.firma.test"),
        _on_top(b" folded into nothing"),
        _replaced(b"a=rsa-sha256", b"a=rsa-sha1"),
        _replaced(b"d=firma.test", b"d=other.test"),
        _replaced(b"DKIM-Signature: ", b"DKIM-Signature: " + b" " * 200),
        _replaced(b"v=1;", b"v=1; x=1;"),
        _replaced(b"v=1;", b"v=1; x=soon;"),
        _replaced(b" bh=", b" bh=QUJD"),
        _replaced(b" b=", b" b=QUJD"),
        _replaced(b"; h=from : ", b"; h="),
        _replaced(b"DKIM-Signature:", b"X-Signature:"),
    ],
)
def test_a_signed_mail_that_was_changed_proves_nothing(world: World, change: Change) -> None:
    signed = _signed(world)
    assert world.proof(signed, **_ELSEWHERE)

    assert world.proof(change(signed), **_ELSEWHERE) == ""


@pytest.mark.parametrize(
    ("signed", "more"),
    [
        (("from", "subject", "date"), {}),
        (("from", "to", "cc", "date"), {}),
        (("from", "to", "subject"), {"raw": _MAIL.replace(b"\r\nSubject", b"\r\nCc: bob@firma.test\r\nSubject")}),
        (SIGNED, {"length": True}),
    ],
)
def test_a_signature_that_leaves_open_what_is_said_to_whom_is_too_weak(
    world: World, signed: tuple[str, ...], more: dict[str, Any]
) -> None:
    made = _signed(world, signed=signed, **more)

    found = world.results(made, **_ELSEWHERE)

    assert dict(found.results) == {"spf": "fail", "dkim": "policy", "dmarc": "none"}
    assert world.proof(made, **_ELSEWHERE) == ""
    mail, _ = understand(made, Envelope("", (), _NOW, Door.SMTP, _CLIENT))
    assert not is_disproven(
        replace(mail, checked=found), Envelope("", (), _NOW, Door.SMTP), RULES
    )  # weak is not forged


def test_a_header_longer_than_is_read_proves_nothing(world: World) -> None:
    many = b"".join(b"X-%d: x\r\n" % n for n in range(1_001))

    assert content_of(many + _MAIL).fields is None
    assert content_of(b"X: " + b"x" * 300_000 + b"\r\n" + _MAIL).fields is None


def test_what_a_length_tag_leaves_open_may_be_written_by_anybody(world: World) -> None:
    signed = _signed(world, length=True) + b"Pay Mallory.\r\n"

    assert world.proof(signed, **_ELSEWHERE) == ""


@pytest.mark.parametrize(
    ("tags", "result"),
    [
        ({}, "pass"),
        ({"t": "y"}, "policy"),
        ({"t": "s"}, "pass"),
        ({"p": ""}, "fail"),
        ({"p": "AAAA"}, "fail"),
        ({"v": "DKIM2"}, "fail"),
        ({"k": "dsa"}, "fail"),
        ({"s": "web"}, "permerror"),
        ({"s": "email"}, "pass"),
        ({"n": "x" * 2_000}, "fail"),
    ],
)
def test_the_keys_record_says_what_it_is_good_for(world: World, tags: dict[str, str], result: str) -> None:
    signed = _signed(world)
    ALICES.publish(world.zone, **tags)

    assert dict(world.results(signed, **_ELSEWHERE).results)["dkim"] == result


def test_a_key_too_small_or_published_twice_is_no_key(world: World) -> None:
    small = replace(ALICES, bits=512)
    assert world.proof(_signed(world, small), **_ELSEWHERE) == ""

    signed = _signed(world, replace(ALICES, selector="twice"))
    name = "twice._domainkey.firma.test"
    world.zone.records[name, "TXT"] *= 2
    world.zone.records[name, "TXT"][1] = '"v=DKIM1; p="'
    assert world.proof(signed, **_ELSEWHERE) == ""


def test_a_signature_that_had_expired_on_arrival_is_none(world: World) -> None:
    until = int(time.time()) + 60
    signed = _signed(world)
    content = content_of(signed.replace(b"v=1;", b"v=1; x=%d;" % until, 1))

    def result(received_at: datetime) -> str:
        (found,) = signatures(content, world.resolver.lookup(), lambda _: True, received_at)
        return found.result

    assert result(_NOW) == "fail"  # the tag was added by another hand, so the signature is wrong
    assert result(_NOW + timedelta(minutes=2)) == "fail"


def test_only_so_many_signatures_are_looked_at_and_only_of_wanted_domains(world: World) -> None:
    signed = _signed(world)
    field = signed[: signed.index(b"From:")].replace(b"firma.test", b"evil.example")

    behind_strangers = world.results(field * 10 + signed, **_ELSEWHERE)
    behind_own = world.results(signed[: signed.index(b"From:")].replace(b"s1;", b"s2;") * 5 + signed, **_ELSEWHERE)

    assert behind_strangers.dkim_domains == ("firma.test",)
    assert not any("evil.example" in name for name, _ in world.zone.asked)
    assert behind_own.dkim_domains == ()
    assert [result for method, result in behind_own.results if method == "dkim"] == ["fail"] * 5


def test_a_mailing_lists_second_signature_does_no_harm(world: World) -> None:
    listed = Signer("list.example").sign(_signed(world))

    assert world.proof(listed, **_ELSEWHERE)


@given(st.lists(st.sampled_from([b" ", b"\t", b"a", b"\r\n", b"."]), max_size=30).map(b"".join))
def test_the_canonical_body_is_dkimpys(body: bytes) -> None:
    text = body if body.endswith(b"\r\n") else body + b"\r\n"  # as SMTP ends it

    assert relaxed(text) == Relaxed.canonicalize_body(text)
    assert simple(text) == Simple.canonicalize_body(text)


@pytest.mark.parametrize(
    "body",
    [b" " * 9_000_000 + b"x\r\n", b" \t" * 4_000_000, b"\r\n" * 4_000_000, b" x" * 4_000_000, b"\n\r" * 4_000_000],
    ids=["blanks", "tabs", "lines", "words", "line feeds"],
)
def test_a_body_made_to_be_slow_is_not(world: World, body: bytes) -> None:
    signed = _signed(world) + body
    started = time.monotonic()

    (found,) = signatures(content_of(signed), world.resolver.lookup(), lambda _: True, _NOW)

    assert found.result in ("fail", "pass")  # of a relaxed body, blank lines at the end are no part
    assert time.monotonic() - started < 3


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 900))
def test_nothing_that_comes_breaks_the_check(garbage: bytes, place: int) -> None:
    signed = Signer("firma.test").sign(_MAIL)
    resolver = Resolver(ResolverSettings(("127.0.0.1:1",), 0.05, 0.05))

    content = content_of(signed[:place] + garbage + signed[place:])

    assert all(one.result != "pass" for one in signatures(content, resolver.lookup(), lambda _: True, _NOW))


# --- DMARC --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "signer", "result"),
    [
        ("v=DMARC1; p=none", "firma.test", "pass"),
        ("v=DMARC1; p=none", "mail.firma.test", "pass"),
        ("v=DMARC1; p=none; adkim=r", "mail.firma.test", "pass"),
        ("v=DMARC1; p=none; adkim=s", "mail.firma.test", "fail"),
        ("v=DMARC1;p=none;adkim=S", "firma.test", "pass"),
        ("v=DMARC1; p=none", "evil.test", "fail"),
        ("v=DMARC1; p=none", "test", "fail"),
        ("v=DMARC2; p=none", "mail.firma.test", "none"),
        ("", "mail.firma.test", "none"),
    ],
)
def test_the_domain_says_whose_signatures_count(world: World, record: str, signer: str, result: str) -> None:
    world.zone.records.pop(("_dmarc.firma.test", "TXT"))
    if record:
        world.zone.txt("_dmarc.firma.test", record)

    found = world.results(_signed(world, Signer(signer)), **_ELSEWHERE)

    assert dict(found.results)["dmarc"] == result


@pytest.mark.parametrize(("aspf", "is_proof"), [("r", True), ("s", False)])
def test_the_domain_says_whose_reverse_paths_count(world: World, aspf: str, is_proof: bool) -> None:
    world.zone.txt("_dmarc.firma.test", f"v=DMARC1; p=reject; aspf={aspf}")
    world.zone.txt("bounces.firma.test", "v=spf1 ip4:192.0.2.10 -all")

    assert bool(world.proof(mail_from="b@bounces.firma.test")) is is_proof


def test_a_subdomain_obeys_its_organisation_unless_it_has_a_record_of_its_own(world: World) -> None:
    raw = _MAIL.replace(b"alice@firma.test", b"alice@oulu.firma.test")
    world.zone.txt("_dmarc.firma.test", "v=DMARC1; p=reject; adkim=s")
    made = _signed(world, raw=raw)

    assert dict(world.results(made, **_ELSEWHERE).results)["dmarc"] == "fail"
    world.zone.txt("_dmarc.oulu.firma.test", "v=DMARC1; p=none")
    fresh = Resolver(world.resolver.settings)
    assert dict(World(world.zone, fresh).results(made, **_ELSEWHERE).results)["dmarc"] == "pass"


def test_two_policies_are_none(world: World) -> None:
    world.zone.txt("_dmarc.firma.test", "v=DMARC1; p=none; adkim=s", "v=DMARC1; p=none")

    assert dict(world.results(_signed(world, Signer("mail.firma.test")), **_ELSEWHERE).results)["dmarc"] == "none"


# --- what the name server does ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["silent", "broken"])
@pytest.mark.parametrize(
    ("name", "results"),
    [
        ("s1._domainkey.firma.test", {"spf": "fail", "dkim": "temperror", "dmarc": "temperror"}),
        ("firma.test", {"spf": "temperror", "dkim": "pass", "dmarc": "pass"}),
        ("_dmarc.firma.test", {"spf": "fail", "dkim": "pass", "dmarc": "temperror"}),
    ],
)
def test_what_cannot_be_found_out_now_is_a_temporary_error(
    world: World, fault: str, name: str, results: dict[str, str]
) -> None:
    made = _signed(world)
    getattr(world.zone, fault).add(name)

    assert dict(world.results(made, **_ELSEWHERE).results) == results


def test_while_a_policy_is_unknown_only_the_domain_itself_counts(world: World) -> None:
    world.zone.silent.add("_dmarc.firma.test")

    assert world.proof(_signed(world), **_ELSEWHERE)
    assert not world.proof(_signed(world, Signer("mail.firma.test")), **_ELSEWHERE)


def test_a_name_server_that_says_nothing_costs_no_more_than_is_allowed(world: World) -> None:
    made = _signed(world)
    world.zone.silent.add("*")

    started = time.monotonic()
    first = world.results(made)
    took, again = time.monotonic() - started, time.monotonic()
    second = world.results(made)

    assert (
        dict(first.results) == dict(second.results) == {"spf": "temperror", "dkim": "temperror", "dmarc": "temperror"}
    )
    assert took < 1.5
    assert time.monotonic() - again < took  # what was not answered a moment ago is not asked again


def test_answers_are_remembered_and_so_is_that_there_is_none(world: World) -> None:
    made = _signed(world)
    for _ in range(3):
        world.results(made)

    assert [world.zone.count(n) for n in ("firma.test", "s1._domainkey.firma.test", "_dmarc.firma.test")] == [1, 1, 1]


def test_a_long_answer_comes_by_tcp(world: World) -> None:
    world.zone.txt("firma.test", *[f"note {n} {'x' * 200}" for n in range(20)], "v=spf1 ip4:192.0.2.0/24 -all")

    assert dict(world.results().results)["spf"] == "pass"


def test_a_mail_may_ask_only_so_many_questions(world: World) -> None:
    lookup = world.resolver.lookup()

    def ask_all() -> None:
        for number in range(100):
            lookup.txt(f"n{number}.firma.test")

    with pytest.raises(DnsTrouble):
        ask_all()
    assert len(world.zone.asked) < 70


@pytest.mark.parametrize(
    "name", ["a" * 64 + ".test", "a..test", ".".join(["abcdefgh"] * 40), "ä\udc80.test", "\\x.test", ""]
)
def test_a_name_that_cannot_be_is_empty_or_trouble(world: World, name: str) -> None:
    with contextlib.suppress(DnsTrouble):
        assert world.resolver.lookup().txt(name) == ()


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("192.0.2.53", ("192.0.2.53", 53)),
        ("127.0.0.1:5353", ("127.0.0.1", 5353)),
        ("2001:db8::53", ("2001:db8::53", 53)),
        ("[2001:db8::53]:5353", ("2001:db8::53", 5353)),
        ("[2001:db8::53]", ("2001:db8::53", 53)),
    ],
)
def test_a_name_server_is_named_with_or_without_a_port(text: str, server: tuple[str, int]) -> None:
    assert server_of(text) == server


# --- who is asked about -------------------------------------------------------------------------------------------------


def test_two_addresses_in_from_prove_neither(world: World) -> None:
    raw = _MAIL.replace(b"<alice@firma.test>", b"<alice@firma.test>, Mallory <mallory@evil.example>")

    assert world.proof(_signed(world, raw=raw)) == ""


def test_an_address_as_display_name_proves_only_the_address(world: World) -> None:
    raw = _MAIL.replace(b"Alice Aalto <alice@firma.test>", b'"alice@firma.test" <mallory@evil.example>')

    found = world.results(_signed(world, raw=raw))

    assert found.dmarc_from == "evil.example"
    assert (found.dkim_domains, found.spf_domain) == ((), "")


def test_arc_and_the_senders_own_results_are_not_believed(world: World) -> None:
    raw = (
        b"Authentication-Results: mx.firma.test; dmarc=pass header.from=firma.test\r\n"
        b"ARC-Authentication-Results: i=1; mx.firma.test; dmarc=pass header.from=firma.test\r\n"
        b"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=mx.firma.test; s=s1; b=AAAA\r\n" + _MAIL
    )

    assert world.proof(raw, **_ELSEWHERE) == ""
