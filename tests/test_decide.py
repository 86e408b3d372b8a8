"""The routing table, rule by rule: each row's evidence, and the same mail without it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mailcrm.decide import RULES as TABLE
from mailcrm.decide import Case, decide, leaking_piece, new_lead_by_hand, staff_reply_fault
from mailcrm.mail import Address, Author, AuthorKind, Intent, MailKind, Reason, RefHit, Route, RouteKind
from mailcrm.marker import MARKER
from tests.values import (
    ALICE,
    ALICES,
    BOB,
    CAROL,
    CLAIMED,
    CUSTOMER,
    DOMAIN,
    MACHINE,
    NOW,
    RULES,
    STAFF,
    a_file,
    a_lead,
    a_mail,
    a_partner,
    a_past,
    a_recent,
    a_token,
    a_verdict,
    an_alias,
    facts_of,
)

_ALIAS = (an_alias(),)
_REF = (RefHit(10, "m0@acme.example", is_own_id=False),)
_TO_CAROL = frozenset({"carol@acme.example"})
_BOBS = Author(AuthorKind.USER_PROVEN, Address("Bob", "bob@firma.test"), BOB, "dmarc=pass")


def _route(
    author: Author = CUSTOMER,
    kind: MailKind = MailKind.HUMAN,
    mail: dict[str, Any] | None = None,
    verdict: dict[str, Any] | None = None,
    **facts: Any,
) -> Route:
    return decide(a_mail(**(mail or {})), a_verdict(kind, **(verdict or {})), facts_of(author, **facts), RULES, NOW)


def _said(route: Route) -> tuple[RouteKind, Reason]:
    return route.kind, route.reason


def test_every_mail_finds_a_rule_since_the_last_one_always_answers() -> None:
    for author in (CUSTOMER, STAFF, CLAIMED, MACHINE):
        for kind in MailKind:
            assert _route(author, kind).reason in Reason
    assert TABLE[-1](Case(a_mail(), a_verdict(), facts_of(), RULES, NOW)) is not None


# --- 1 ------------------------------------------------------------------------------------------------------------------


def test_the_same_content_again_is_a_duplicate() -> None:
    assert _said(_route(past=a_past(), aliases=_ALIAS)) == (RouteKind.DUPLICATE, Reason.DUPLICATE)


@pytest.mark.parametrize(("hours", "is_duplicate"), [(23, True), (25, False)])
def test_without_a_message_id_a_repeat_is_a_duplicate_for_a_day(hours: int, is_duplicate: bool) -> None:
    past = a_past(received_at=NOW - timedelta(hours=hours))

    route = _route(mail={"has_message_id": False, "message_id": ""}, past=past, aliases=_ALIAS)

    assert (route.kind is RouteKind.DUPLICATE) is is_duplicate


@pytest.mark.parametrize(
    ("author", "changes", "kind"),
    [
        (CUSTOMER, {}, RouteKind.VARIANT),
        (CUSTOMER, {"is_similar_text": False}, RouteKind.NEW_LEAD),
        (CUSTOMER, {"message_row_id": None}, RouteKind.NEW_LEAD),
        (STAFF, {}, RouteKind.HOLD),
    ],
    ids=["similar", "other text", "not on a lead", "a user's"],
)
def test_the_same_message_id_with_similar_text_is_a_variant(
    author: Author, changes: dict[str, Any], kind: RouteKind
) -> None:
    past = a_past(**{"is_same_content": False, "is_similar_text": True, **changes})

    assert _route(author, past=past, aliases=_ALIAS).kind is kind


# --- 2 to 5 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [MailKind.BOUNCE, MailKind.DELAY])
def test_a_report_is_the_outcome_of_its_mail_or_nothing(kind: MailKind) -> None:
    tied = _route(MACHINE, kind, report_outbox_id=4, report_lead_id=10, aliases=_ALIAS)
    untied = _route(MACHINE, kind, aliases=_ALIAS)

    assert (_said(tied), tied.lead_id) == ((RouteKind.REPORT, Reason.REPORT_TIED), 10)
    assert _said(untied) == (RouteKind.QUIET, Reason.REPORT_UNTIED)


@pytest.mark.parametrize(("author", "is_held"), [(CUSTOMER, True), (CLAIMED, True), (STAFF, False), (MACHINE, False)])
def test_our_own_mail_comes_back_only_from_a_proven_user(author: Author, is_held: bool) -> None:
    route = _route(author, is_own_mail=True, aliases=_ALIAS)

    assert (route.reason is Reason.LOOP_OWN_MAIL) is is_held


@pytest.mark.parametrize(("count", "is_held"), [(30, False), (31, True)])
def test_more_received_fields_than_allowed_are_a_loop(count: int, is_held: bool) -> None:
    route = _route(mail={"received_count": count}, aliases=_ALIAS)

    assert (route.reason is Reason.LOOP_RECEIVED) is is_held


def _new_leads(count: int) -> dict[str, Any]:
    return {"recents": tuple(a_recent(is_new_lead=True, lead_id=n) for n in range(count)), "aliases": _ALIAS}


def _on_one_lead(count: int, **changes: Any) -> dict[str, Any]:
    recents = tuple(a_recent(**changes) for _ in range(count))
    return {"recents": recents, "refs": _REF, "leads": (a_lead(),)}


def _equal(count: int) -> dict[str, Any]:
    return {"recents": tuple(a_recent(text_key="t", lead_id=n) for n in range(count)), "aliases": _ALIAS}


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (_new_leads(20), Reason.LOOP_NEW_LEADS),
        (_new_leads(19), Reason.ALIAS),
        ({"domain_new_leads": 50, "aliases": _ALIAS}, Reason.LOOP_NEW_LEADS_DOMAIN),
        ({"domain_new_leads": 49, "aliases": _ALIAS}, Reason.ALIAS),
        (_on_one_lead(10), Reason.LOOP_MESSAGES),
        (_on_one_lead(9), Reason.REFERENCES),
        (_on_one_lead(10, received_at=NOW - timedelta(minutes=11)), Reason.REFERENCES),
        (_on_one_lead(10, lead_id=11), Reason.REFERENCES),
        (_equal(5), Reason.LOOP_EQUAL_BODIES),
        (_equal(4), Reason.ALIAS),
    ],
)
def test_more_than_a_person_writes_is_held(facts: dict[str, Any], reason: Reason) -> None:
    assert _route(**facts).reason is reason


@pytest.mark.parametrize("trusted", ["carol@acme.example", "acme.example"])
def test_a_trusted_sender_may_write_more(trusted: str) -> None:
    rules = replace(RULES, trusted_senders=frozenset({trusted}))

    route = decide(a_mail(), a_verdict(), facts_of(**_new_leads(30)), rules, NOW)

    assert route.reason is Reason.ALIAS


def test_equal_mails_of_a_form_are_no_loop() -> None:
    assert _route(replace(CUSTOMER, is_form=True), **_equal(9)).reason is Reason.ALIAS


@pytest.mark.parametrize(
    ("author", "facts", "expected"),
    [
        (MACHINE, {"tokens": (a_token(user_id=None),)}, (RouteKind.FOLD, Reason.AUTO_REPLY_ON_LEAD)),
        (MACHINE, {"refs": _REF}, (RouteKind.FOLD, Reason.AUTO_REPLY_ON_LEAD)),
        (MACHINE, {"return_path": a_token(user_id=None)}, (RouteKind.FOLD, Reason.AUTO_REPLY_ON_LEAD)),
        (MACHINE, {"aliases": _ALIAS}, (RouteKind.QUIET, Reason.AUTO_REPLY_WITHOUT_LEAD)),
        (MACHINE, {"tokens": (a_token(),)}, (RouteKind.QUIET, Reason.AUTO_REPLY_WITHOUT_LEAD)),
        (replace(MACHINE, user_id=ALICE), {"refs": _REF}, (RouteKind.QUIET, Reason.AUTO_REPLY_WITHOUT_LEAD)),
    ],
    ids=["token", "reference", "return-path", "no lead", "a notice's token", "a user's"],
)
def test_an_automatic_reply_is_folded_on_the_customers_lead_or_quiet(
    author: Author, facts: dict[str, Any], expected: tuple[RouteKind, Reason]
) -> None:
    assert _said(_route(author, MailKind.AUTO_REPLY, **facts)) == expected


def test_what_a_machine_sends_to_a_return_path_answers_that_mail() -> None:
    hit = a_token(user_id=None)

    assert _route(MACHINE, MailKind.SYSTEM, return_path=hit).kind is RouteKind.FOLD
    assert _route(MACHINE, MailKind.RECEIPT, return_path=hit).reason is Reason.RECEIPT_TIED
    assert _route(MACHINE, MailKind.CHALLENGE, return_path=hit).reason is Reason.QUIET_MACHINE
    assert _route(MACHINE, MailKind.SYSTEM).reason is Reason.QUIET_MACHINE
    assert _route(MACHINE, MailKind.RECEIPT).reason is Reason.RECEIPT_UNTIED


def test_a_machine_at_a_users_address_opens_no_lead() -> None:
    author = replace(MACHINE, address=ALICES, user_id=ALICE)

    assert _said(_route(author, MailKind.CALENDAR, aliases=_ALIAS)) == (RouteKind.QUIET, Reason.QUIET_MACHINE)
    assert _said(_route(MACHINE, MailKind.CALENDAR, aliases=_ALIAS)) == (RouteKind.NEW_LEAD, Reason.ALIAS)


# --- a user by claim ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "lead_id"), [({"tokens": (a_token(),)}, 10), ({"refs": _REF}, 10), ({"aliases": _ALIAS}, None)]
)
def test_a_users_address_without_proof_is_held_with_its_lead(facts: dict[str, Any], lead_id: int | None) -> None:
    route = _route(CLAIMED, **facts)

    assert (_said(route), route.lead_id) == ((RouteKind.HOLD, Reason.STAFF_NOT_PROVEN), lead_id)


# --- 6: a user's token --------------------------------------------------------------------------------------------------


def _staff(author: Author = STAFF, mail: dict[str, Any] | None = None, **facts: Any) -> Route:
    given: dict[str, Any] = {"tokens": (a_token(),), "leads": (a_lead(),)}
    return _route(author, mail=mail, **{**given, **facts})


_NOTE = a_token(intent=Intent.NOTE)
_NOTE_IN_HEADER = a_token(intent=Intent.NOTE, in_envelope=False)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, (RouteKind.REPLY, Reason.REPLY_TOKEN)),
        ({"tokens": (_NOTE,)}, (RouteKind.NOTE, Reason.NOTE_TOKEN)),
        ({"tokens": (_NOTE_IN_HEADER,)}, (RouteKind.NOTE, Reason.NOTE_TOKEN)),
        ({"tokens": (a_token(), _NOTE)}, (RouteKind.NOTE, Reason.NOTE_ADDRESS_PRESENT)),
        ({"tokens": (a_token(), _NOTE_IN_HEADER)}, (RouteKind.NOTE, Reason.NOTE_ADDRESS_PRESENT)),
        ({"tokens": (a_token(), a_token(11))}, (RouteKind.HOLD, Reason.TOKENS_OF_TWO_LEADS)),
        ({"tokens": (a_token(None),)}, (RouteKind.HOLD, Reason.INTENT_NOT_BUILT)),
        ({"tokens": (a_token(intent=Intent.DIGEST),)}, (RouteKind.HOLD, Reason.INTENT_NOT_BUILT)),
        ({"tokens": (a_token(kind="held"),)}, (RouteKind.HOLD, Reason.INTENT_NOT_BUILT)),
        ({"tokens": (a_token(is_retired=True),)}, (RouteKind.HOLD, Reason.CUSTOMER_OR_NOTE)),
        ({"tokens": (a_token(user_id=None),)}, (RouteKind.HOLD, Reason.CUSTOMER_OR_NOTE)),
        ({"outsiders_in_header": _TO_CAROL}, (RouteKind.SENT, Reason.SENT_DIRECTLY)),
        ({"suppressed_keys": _TO_CAROL}, (RouteKind.HOLD, Reason.SUPPRESSED_RECIPIENT)),
    ],
    ids=[
        "reply", "note", "note in the header", "reply and note", "note in the header beside", "two leads", "no lead",
        "digest", "a question", "retired", "a customer's own", "the customer has it", "suppressed",
    ],
)  # fmt: skip
def test_a_proven_users_token(facts: dict[str, Any], expected: tuple[RouteKind, Reason]) -> None:
    assert _said(_staff(**facts)) == expected


def test_an_empty_note_is_held_but_one_with_a_file_is_not() -> None:
    assert _staff(mail={"new_text": " "}, tokens=(_NOTE,)).reason is Reason.STAFF_REPLY_EMPTY
    assert _staff(mail={"new_text": " ", "attachments": (a_file(),)}, tokens=(_NOTE,)).kind is RouteKind.NOTE


def test_the_first_answer_takes_an_unassigned_lead() -> None:
    assert _staff(leads=(a_lead(owner_id=None),)).takes_lead
    assert not _staff().takes_lead
    assert not _staff(leads=()).takes_lead


@pytest.mark.parametrize(
    ("lead", "answered_by", "is_held"),
    [
        ({"owner_reason": "owner_took_it", "owner_id": ALICE}, ALICE, True),
        ({"owner_reason": "owner_took_it", "owner_id": ALICE}, None, False),
        ({"owner_reason": "owner_took_it", "owner_id": ALICE}, BOB, False),
        ({"owner_reason": "owner_took_it", "owner_id": BOB}, ALICE, False),
        ({"owner_reason": "owner_by_rotation", "owner_id": ALICE}, ALICE, False),
    ],
)
def test_the_second_answer_to_an_unassigned_lead_is_held(
    lead: dict[str, Any], answered_by: int | None, is_held: bool
) -> None:
    route = _staff(_BOBS, leads=(a_lead(**lead),), answered_by_user_id=answered_by)

    assert (route.reason is Reason.ANSWERED_BY_ANOTHER) is is_held


def test_an_answer_to_a_new_person_is_held_until_they_are_known() -> None:
    token = a_token(is_unconfirmed=True, author_key="mallory@evil.example")
    known = a_lead(known_keys=frozenset({"carol@acme.example", "mallory@evil.example"}))

    held = _staff(tokens=(token,))

    assert (_said(held), held.only_to_key) == ((RouteKind.HOLD, Reason.NEW_PERSON_REPLY), "mallory@evil.example")
    answered = _staff(tokens=(token,), leads=(known,))
    assert (answered.kind, answered.only_to_key) == (RouteKind.REPLY, "mallory@evil.example")


# --- what must not leave ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mail", "reason"),
    [
        ({"attachments": (a_file("winmail.dat", "application/octet-stream"),)}, Reason.STAFF_REPLY_UNREADABLE_PART),
        ({"attachments": (a_file("x", "application/ms-tnef"),)}, Reason.STAFF_REPLY_UNREADABLE_PART),
        ({"attachments": (a_file("x", "message/rfc822"),)}, Reason.STAFF_REPLY_UNREADABLE_PART),
        ({"new_text": " ", "attachments": (a_file(sha256="known"),)}, Reason.STAFF_REPLY_EMPTY),
        ({"new_text": " ", "attachments": (a_file(),)}, Reason.REPLY_TOKEN),
        ({"new_text": f"500 euros.\n> {MARKER}"}, Reason.STAFF_REPLY_LEAKS),
        ({"new_text": "See http://crm-page.firma.test/leads/1"}, Reason.STAFF_REPLY_LEAKS),
        ({"new_text": f"Write to <r{'a' * 26}@{DOMAIN}>."}, Reason.STAFF_REPLY_LEAKS),
        ({"new_text": "ok\n  Stage:   Quote sent\n"}, Reason.STAFF_REPLY_LEAKS),
        ({"new_text": f"Write to sales@{DOMAIN} or r{'a' * 26}@elsewhere.example"}, Reason.REPLY_TOKEN),
    ],
)
def test_a_staff_reply_with_something_of_ours_in_it_is_held(mail: dict[str, Any], reason: Reason) -> None:
    route = _staff(mail=mail, card_lines=("Stage: Quote sent",), sent_hashes=frozenset({"known"}))

    assert route.reason is reason


def test_without_a_page_no_link_is_looked_for() -> None:
    assert leaking_piece("see http:///x", (), replace(RULES, page_host="")) == ""
    assert staff_reply_fault(Case(a_mail(), a_verdict(), facts_of(STAFF), RULES, NOW)) is None


# --- 6: an outsider's token ---------------------------------------------------------------------------------------------


def _outside(author: Author = CUSTOMER, verdict: dict[str, Any] | None = None, **facts: Any) -> Route:
    given: dict[str, Any] = {"tokens": (a_token(user_id=None),), "leads": (a_lead(), a_lead(11))}
    return _route(author, verdict=verdict, **{**given, **facts})


_MALLORYS = replace(CUSTOMER, address=Address("", "mallory@evil.example"))


def test_a_customers_token_is_the_lead() -> None:
    route = _outside()

    assert (_said(route), route.lead_id) == ((RouteKind.APPEND, Reason.REPLY_TOKEN), 10)
    assert (route.is_unconfirmed, route.is_staff_token_misused, route.retire_outbox_id) == (False, False, None)


def test_a_customer_on_a_staff_token_retires_it() -> None:
    route = _outside(tokens=(a_token(),))

    assert (route.reason, route.retire_outbox_id) == (Reason.OUTSIDER_USED_STAFF_TOKEN, 100)
    assert route.is_staff_token_misused


def test_tokens_of_two_leads_from_an_outsider_are_the_newer_ones() -> None:
    route = _outside(tokens=(a_token(11, None), a_token(10, None)))

    assert (route.lead_id, route.also_lead_id) == (11, 10)


def test_a_token_in_the_header_or_of_no_lead_finds_nothing_for_an_outsider() -> None:
    for token in (a_token(in_envelope=False), a_token(None, None), a_token(99, None)):
        assert _outside(tokens=(token,), aliases=_ALIAS).kind is RouteKind.NEW_LEAD


def test_a_stranger_on_a_token_is_unconfirmed_and_their_spam_is_quiet() -> None:
    assert _outside(_MALLORYS).is_unconfirmed
    assert _outside(_MALLORYS, verdict={"is_spam": True}).reason is Reason.QUIET_SPAM
    assert _outside(verdict={"is_spam": True}).reason is Reason.REPLY_TOKEN


def test_a_customers_address_that_a_relay_calls_forged_is_nobody_known() -> None:
    assert _outside(is_disproven=True).is_unconfirmed
    assert _outside(is_disproven=True, is_same_company_proven=True).is_unconfirmed
    assert _route(is_disproven=True, refs=_REF, leads=(a_lead(),)).reason is Reason.REFERENCES_UNCONFIRMED
    assert not _route(
        mail={"has_reply_prefix": True}, is_disproven=True, subject_lead_id=10, leads=(a_lead(),), aliases=_ALIAS
    ).is_guess


@pytest.mark.parametrize(
    ("address", "is_proven", "is_new"),
    [("dan@acme.example", True, False), ("dan@acme.example", False, True), ("dan@evil.example", True, True)],
)
def test_a_colleague_of_the_customer_is_known_with_proof(address: str, is_proven: bool, is_new: bool) -> None:
    author = replace(CUSTOMER, address=Address("", address))

    assert _outside(author, is_same_company_proven=is_proven).is_unconfirmed is is_new
    nobodys = a_lead(company_domain="", known_keys=frozenset())
    assert _outside(author, is_same_company_proven=is_proven, leads=(nobodys,)).is_unconfirmed


# --- 7 to 9 -------------------------------------------------------------------------------------------------------------


def test_a_user_without_token_is_logged_if_the_customer_has_the_mail_and_asked_else() -> None:
    facts: dict[str, Any] = {"refs": _REF, "leads": (a_lead(),)}

    assert _route(STAFF, **facts, outsiders_in_header=_TO_CAROL).reason is Reason.SENT_DIRECTLY
    assert _route(STAFF, **facts).reason is Reason.CUSTOMER_OR_NOTE
    assert _route(STAFF, aliases=_ALIAS).reason is Reason.FORWARD_OR_COPY


def test_references_find_the_lead_of_the_newest_known_id() -> None:
    own = (RefHit(10, "m1@acme.example", is_own_id=True),)
    leads = (a_lead(),)

    assert _said(_route(refs=_REF, leads=leads)) == (RouteKind.APPEND, Reason.REFERENCES)
    assert _route(refs=own, leads=leads).reason is Reason.NAMED_BY_EARLIER_REPLY
    assert _route(_MALLORYS, refs=_REF, leads=leads).reason is Reason.REFERENCES_UNCONFIRMED
    assert _route(_MALLORYS, verdict={"is_spam": True}, refs=_REF, leads=leads).reason is Reason.QUIET_SPAM
    assert _route(refs=_REF, aliases=_ALIAS).reason is Reason.ALIAS


@pytest.mark.parametrize(
    ("lead", "kind", "wakes"),
    [
        ({}, RouteKind.APPEND, False),
        ({"stage_kind": "on_hold"}, RouteKind.APPEND, True),
        ({"outcome": "won", "last_message_at": NOW - timedelta(days=29)}, RouteKind.APPEND, False),
        ({"outcome": "won", "last_message_at": NOW - timedelta(days=31)}, RouteKind.NEW_LEAD, False),
        ({"outcome": "won", "last_message_at": None, "closed_at": NOW - timedelta(days=31)}, RouteKind.NEW_LEAD, False),
        ({"outcome": "won", "last_message_at": None, "closed_at": None}, RouteKind.APPEND, False),
        ({"outcome": "lost", "closed_at": NOW - timedelta(days=89)}, RouteKind.APPEND, True),
        ({"outcome": "cancelled", "closed_at": NOW - timedelta(days=91)}, RouteKind.NEW_LEAD, False),
        ({"outcome": "lost", "closed_at": None}, RouteKind.APPEND, True),
    ],
)
def test_a_closed_lead_wakes_stays_or_is_continued(lead: dict[str, Any], kind: RouteKind, wakes: bool) -> None:
    route = _outside(leads=(a_lead(**lead),))

    assert (route.kind, route.wakes_lead) == (kind, wakes)
    assert route.is_closed_lead is (kind is RouteKind.APPEND and bool(lead.get("outcome")))
    if kind is RouteKind.NEW_LEAD:
        assert (route.follows_lead_id, route.owner_id, route.owner_reason) == (10, ALICE, Reason.OWNER_OF_THREAD)


# --- 10 -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("author", "mail", "is_guess"),
    [
        (CUSTOMER, {}, True),
        (CUSTOMER, {"has_reply_prefix": False}, False),
        (CUSTOMER, {"base_subject": "Pump 12345"}, False),
        (replace(CUSTOMER, is_form=True), {}, False),
        (replace(CUSTOMER, address=Address("", "info@acme.example")), {}, False),
        (replace(CUSTOMER, address=Address("", "noreply@acme.example")), {}, False),
        (replace(CUSTOMER, address=Address("", f"x@{DOMAIN}")), {}, False),
        (MACHINE, {}, False),
    ],
)
def test_a_subject_is_a_guess_only_with_every_condition(author: Author, mail: dict[str, Any], is_guess: bool) -> None:
    mail = {"has_reply_prefix": True, **mail}

    route = _route(author, mail=mail, subject_lead_id=10, leads=(a_lead(),), aliases=_ALIAS)

    assert route.is_guess is is_guess
    assert _route(author, mail=mail, leads=(a_lead(),), aliases=_ALIAS).is_guess is False


# --- 11 to 14 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "facts", "one_click", "reason"),
    [
        ({"is_spam": True}, {}, False, Reason.QUIET_SPAM),
        ({"is_bulk": True}, {}, False, Reason.QUIET_BULK),
        ({"is_bulk": True}, {"is_own_list": True}, False, Reason.ALIAS),
        ({"is_bulk": True}, {"partner": a_partner(owner_id=BOB)}, False, Reason.ALIAS),
        ({"is_bulk": True}, {"partner": a_partner(owner_id=BOB)}, True, Reason.QUIET_BULK),
        ({"is_bulk": True}, {"partner": a_partner()}, False, Reason.QUIET_BULK),
        ({"is_bulk": True, "is_spam": True}, {"partner": a_partner(owner_id=BOB)}, False, Reason.QUIET_SPAM),
    ],
)
def test_bulk_and_spam_are_quiet(
    verdict: dict[str, Any], facts: dict[str, Any], one_click: bool, reason: Reason
) -> None:
    route = _route(mail={"has_one_click_unsubscribe": one_click}, verdict=verdict, aliases=_ALIAS, **facts)

    assert route.reason is reason


def test_mail_to_the_administrators_goes_to_them_unless_an_alias_was_meant_too() -> None:
    assert _route(is_to_admin=True).kind is RouteKind.ADMIN
    assert _route(is_to_admin=True, aliases=_ALIAS).kind is RouteKind.NEW_LEAD
    assert _route(verdict={"is_machine": True}, is_to_admin=True).kind is RouteKind.QUIET


def test_of_several_aliases_the_first_gives_the_team_and_all_give_tags() -> None:
    second = an_alias(2, key=f"export@{DOMAIN}", tags=("export", "web"), owner_id=BOB)
    third = an_alias(1, key=f"myynti@{DOMAIN}", tags=())

    route = _route(aliases=(an_alias(owner_id=ALICE), second, third))

    assert (route.alias, route.also_team_ids, route.tags) == (an_alias(owner_id=ALICE), (2,), ("web", "export"))
    assert (route.owner_id, route.owner_reason, route.detail) == (ALICE, Reason.OWNER_OF_ALIAS, f"sales@{DOMAIN}")


def test_a_suppliers_mail_is_the_teams() -> None:
    supplier = a_partner(relation="supplier")

    assert _route(aliases=_ALIAS, partner=supplier).also_team_ids == (1,)
    assert _route(unknown_local_parts=("x@y",), partner=supplier).kind is RouteKind.TRIAGE


def test_an_unknown_local_part_is_a_lead_only_for_a_known_partner() -> None:
    unknown: dict[str, Any] = {"unknown_local_parts": (f"salse@{DOMAIN}",)}

    assert _route(**unknown, partner=a_partner()).reason is Reason.KNOWN_PARTNER_WRITES
    assert _route(**unknown).reason is Reason.UNKNOWN_LOCAL_PART
    assert _route(verdict={"is_machine": True}, **unknown).reason is Reason.NULL_PATH_NEVER_ISSUED


def test_what_fits_nothing_waits_for_a_person_unless_a_machine_sent_it() -> None:
    assert _said(_route()) == (RouteKind.TRIAGE, Reason.NOTHING_FITS)
    assert _said(_route(MACHINE, verdict={"is_machine": True})) == (RouteKind.QUIET, Reason.QUIET_MACHINE)


def test_a_lead_made_by_hand_has_an_owner_by_the_same_chain() -> None:
    route = new_lead_by_hand(a_mail(), a_verdict(), facts_of(partner=a_partner(owner_id=BOB)), RULES, NOW)

    assert (_said(route), route.owner_id, route.alias) == ((RouteKind.NEW_LEAD, Reason.BY_HAND), BOB, None)
    assert CAROL.address == facts_of().author.address.address
