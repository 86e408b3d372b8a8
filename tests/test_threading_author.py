"""Who wrote a mail: proof is a trusted relay's word, a form's mail is its visitor's, a machine is nobody."""

from dataclasses import replace
from typing import Any

import pytest

from mailcrm.mail import Address, AuthorKind, Door, FormFields, MailKind, WrittenBy
from mailcrm.threading.author import (
    StaffAddress,
    author_of,
    is_disproven,
    is_no_reply,
    is_role,
    staff_proof,
    trusted_results,
)
from tests.values import ALICE, ALICES, CAROL, DOMAIN, RULES, a_mail, a_verdict, an_envelope, auth_results

_STAFF = {"alice@firma.test": StaffAddress("alice@firma.test", ALICE, True)}
_GONE = {"alice@firma.test": StaffAddress("alice@firma.test", ALICE, False)}
_VISITOR = Address("Dora", "dora@gmail.com")


def _alices(**results: Any) -> Any:
    return a_mail(from_=ALICES, auth=(auth_results(**results),))


@pytest.mark.parametrize(
    ("results", "proof"),
    [
        ({}, "dmarc=pass (mx.firma.test)"),
        ({"dmarc_from": ""}, "dmarc=pass (mx.firma.test)"),
        ({"dmarc_from": "evil.example"}, ""),
        ({"results": (("dmarc", "fail"),), "dkim_domains": ("firma.test",)}, ""),
        ({"results": (("dmarc", "none"),), "dkim_domains": ("mail.firma.test",)}, "dkim=pass (mx.firma.test)"),
        ({"results": (), "dkim_domains": ("evil.example",)}, ""),
        ({"results": (("spf", "pass"),), "spf_domain": "firma.test"}, "spf=pass (mx.firma.test)"),
        ({"results": (("spf", "pass"),), "spf_domain": "evil.example"}, ""),
        ({"results": (("spf", "fail"), ("spf", "pass")), "spf_domain": "firma.test"}, ""),
        ({"results": (("dmarc", "none"), ("dmarc", "pass"))}, ""),
        ({"results": (("dmarc", "temperror"),)}, ""),
        ({"authserv_id": "mx.evil.example"}, ""),
        ({"authserv_id": "MX.Firma.Test", "received_above": 1}, "dmarc=pass (MX.Firma.Test)"),
        ({"received_above": 2}, ""),
    ],
)
def test_only_an_aligned_pass_of_a_trusted_relay_is_proof(results: dict[str, Any], proof: str) -> None:
    made = _alices(**results)

    author = author_of(made, a_verdict(), an_envelope(), _STAFF, RULES)

    assert (author.proof, author.user_id) == (proof, ALICE)
    assert author.kind is (AuthorKind.USER_PROVEN if proof else AuthorKind.USER_CLAIMED)
    assert staff_proof(made, an_envelope(), RULES) == proof


def test_only_the_topmost_trusted_result_counts() -> None:
    failed = auth_results(results=(("dmarc", "fail"),))
    other = auth_results(authserv_id="elsewhere.example")

    assert staff_proof(a_mail(from_=ALICES, auth=(failed, auth_results())), an_envelope(), RULES) == ""
    assert staff_proof(a_mail(from_=ALICES, auth=(other, auth_results())), an_envelope(), RULES)
    assert trusted_results(a_mail(), an_envelope(), RULES) is None


def test_a_mail_without_from_or_with_several_is_never_proven() -> None:
    several = replace(_alices(), defects=("several From",))

    assert staff_proof(a_mail(from_=None, auth=(auth_results(),)), an_envelope(), RULES) == ""
    assert staff_proof(several, an_envelope(), RULES) == ""
    assert is_disproven(several, an_envelope(), RULES)


def test_a_failed_proof_is_known_from_a_missing_one() -> None:
    assert is_disproven(_alices(results=(("dmarc", "fail"),)), an_envelope(), RULES)
    assert not is_disproven(_alices(results=(("dmarc", "none"),)), an_envelope(), RULES)
    assert not is_disproven(a_mail(from_=ALICES), an_envelope(), RULES)


def test_results_count_only_through_a_door_of_ours() -> None:
    rules = replace(RULES, imap_authserv_ids={"box": frozenset({"imap.firma.test"})})
    by_imap = an_envelope(peer="box", door=Door.IMAP)

    assert staff_proof(_alices(), an_envelope(), rules)
    assert not staff_proof(_alices(), an_envelope(peer="203.0.113.9"), rules)
    assert not staff_proof(_alices(), by_imap, rules)
    assert staff_proof(_alices(authserv_id="imap.firma.test"), by_imap, rules)


def test_a_deactivated_user_proves_nothing() -> None:
    author = author_of(_alices(), a_verdict(), an_envelope(), _GONE, RULES)

    assert (author.kind, author.proof) == (AuthorKind.USER_CLAIMED, "")


def test_a_machine_is_a_machine_also_at_a_users_address() -> None:
    absent = author_of(_alices(), a_verdict(MailKind.AUTO_REPLY), an_envelope(), _STAFF, RULES)
    unknown = author_of(a_mail(), a_verdict(MailKind.AUTO_REPLY), an_envelope(), _STAFF, RULES)

    assert (absent.kind, absent.user_id) == (AuthorKind.MACHINE, ALICE)
    assert (unknown.kind, unknown.user_id) == (AuthorKind.MACHINE, None)


def test_without_from_the_envelope_says_who_wrote() -> None:
    author = author_of(a_mail(from_=None), a_verdict(), an_envelope(), {}, RULES)

    assert author.address == Address("", "carol@acme.example")


def test_a_result_that_names_no_domain_is_not_believed_about_a_name_that_holds_an_address() -> None:
    odd = a_mail(from_=Address("mallory@evil.example", ALICES.address), auth=(auth_results(dmarc_from=""),))

    assert staff_proof(odd, an_envelope(), RULES) == ""


@pytest.mark.parametrize(
    ("from_", "reply_to", "is_staff_domain", "is_form"),
    [
        (f"www@{DOMAIN}", _VISITOR, False, True),
        ("noreply@forms.example", _VISITOR, False, True),
        ("info@acme.example", _VISITOR, False, True),
        ("www-data@firma.test", _VISITOR, True, True),
        ("carol@acme.example", _VISITOR, False, False),
        (f"www@{DOMAIN}", None, False, False),
        (f"www@{DOMAIN}", Address("", f"www@{DOMAIN}"), False, False),
        (f"www@{DOMAIN}", Address("", f"sales@{DOMAIN}"), False, False),
        (f"www@{DOMAIN}", ALICES, False, False),
        (f"www@{DOMAIN}", Address("", "broken"), False, False),
    ],
)
def test_the_person_behind_a_forms_mail(
    from_: str, reply_to: Address | None, is_staff_domain: bool, is_form: bool
) -> None:
    made = a_mail(from_=Address("", from_), reply_to=(reply_to,) if reply_to else ())

    author = author_of(made, a_verdict(), an_envelope(), _STAFF, RULES, is_from_staff_domain=is_staff_domain)

    assert author.is_form is is_form
    assert author.address.address == (_VISITOR.address if is_form else from_)
    assert author.kind is AuthorKind.OUTSIDER


def test_a_form_that_sends_with_a_null_reverse_path_is_still_its_visitor() -> None:
    verdict = a_verdict(is_machine=True)
    form = a_mail(from_=Address("", f"www@{DOMAIN}"), reply_to=(_VISITOR,))
    plain = a_mail(from_=CAROL)

    assert author_of(form, verdict, an_envelope(mail_from=""), {}, RULES).address == _VISITOR
    assert author_of(plain, verdict, an_envelope(mail_from=""), {}, RULES).kind is AuthorKind.MACHINE


def test_roles_and_addresses_nobody_reads_are_known_by_their_local_part() -> None:
    assert is_role("Info@acme.example")
    assert not is_role("carol@info.example")
    assert is_no_reply("shop-noreply@acme.example")
    assert not is_no_reply("carol@noreply.example")


_FILLED = FormFields(_VISITOR, "", "", "We need a pump.", (("Name", "Dora"), ("Email", "dora@gmail.com")))


def test_a_form_without_reply_to_is_its_visitors_if_nobody_else_could_have_written_it() -> None:
    filled = replace(a_verdict(), form=_FILLED)

    for sender in ("noreply@host.example", "wordpress@acme.example", f"form@{DOMAIN}"):
        author = author_of(a_mail(from_=Address("", sender)), filled, an_envelope(), _STAFF, RULES)
        assert (author.kind, author.address, author.is_form) == (AuthorKind.OUTSIDER, _VISITOR, True)
    assert author_of(a_mail(), filled, an_envelope(), _STAFF, RULES).address == CAROL


def test_a_form_never_speaks_for_a_user() -> None:
    filled = replace(a_verdict(), form=replace(_FILLED, person=ALICES))

    author = author_of(a_mail(from_=Address("", "noreply@host.example")), filled, an_envelope(), _STAFF, RULES)

    assert author.address.address == "noreply@host.example"


def test_a_mail_whose_from_a_list_rewrote_is_its_writers() -> None:
    lists = Address("Dora via List", "list@group.example")
    rewritten = a_mail(from_=lists, written_by=WrittenBy(_VISITOR, "x-original-from"))
    forged = a_mail(from_=lists, written_by=WrittenBy(ALICES, "x-original-from"))

    author = author_of(rewritten, a_verdict(), an_envelope(), _STAFF, RULES)

    assert (author.kind, author.address, author.proof) == (AuthorKind.OUTSIDER, _VISITOR, "x-original-from")
    assert author_of(forged, a_verdict(), an_envelope(), _STAFF, RULES).address == lists
