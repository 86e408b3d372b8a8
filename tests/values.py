"""Values for tests of pure functions: a mail, a verdict, facts, rules and leads, each complete and changed where a test says so."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

from mailcrm.mail import (
    Address,
    AliasFacts,
    Attachment,
    Author,
    AuthorKind,
    AuthResults,
    Door,
    Envelope,
    Facts,
    Intent,
    LeadFacts,
    MailKind,
    ParsedMail,
    PartnerFacts,
    Past,
    Reason,
    Recent,
    TokenHit,
    Verdict,
)
from mailcrm.rules import Rules

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
DOMAIN = "crm.firma.test"
ALICE, BOB = 1, 2
CAROL = Address("Carol Customer", "carol@acme.example")
ALICES = Address("Alice Aalto", "alice@firma.test")
RULES = Rules(
    domains=frozenset({DOMAIN}),
    notify_key=f"notify@{DOMAIN}",
    page_host="crm-page.firma.test",
    authserv_ids=frozenset({"mx.firma.test"}),
    trusted_networks=(ip_network("127.0.0.0/8"),),
)


def a_mail(**changes: Any) -> ParsedMail:
    """Carol's plain mail."""
    given: dict[str, Any] = {
        "content_key": "01aa",
        "text_key": "t",
        "has_message_id": True,
        "message_id": "m1@acme.example",
        "from_": CAROL,
        "subject": "Pump for our cellar",
        "base_subject": "Pump for our cellar",
        "text": "What does it cost?",
        "new_text": "What does it cost?",
        "date": NOW,
        "language": "en",
        "size": 1000,
        "received_count": 1,
    }
    empty: dict[str, Any] = {"sender": None, "has_reply_prefix": False, "has_one_click_unsubscribe": False}
    empty |= dict.fromkeys(("date_raw", "html", "html_raw", "marker"), "")
    lists = ("in_reply_to", "references", "reply_to", "to", "cc", "segments", "attachments", "forwarded", "auth")
    empty |= dict.fromkeys((*lists, "list_ids", "original_to", "defects"), ())
    return ParsedMail(**{**empty, **given, **changes})


def a_verdict(kind: MailKind = MailKind.HUMAN, **changes: Any) -> Verdict:
    machines = (MailKind.AUTO_REPLY, MailKind.BOUNCE, MailKind.DELAY, MailKind.RECEIPT, MailKind.SYSTEM)
    is_machine = kind in (*machines, MailKind.CHALLENGE, MailKind.FEEDBACK_REPORT)
    return replace(Verdict(kind, Reason.WRITTEN_BY_A_PERSON, is_machine=is_machine), **changes)


def an_envelope(**changes: Any) -> Envelope:
    plain = Envelope("carol@acme.example", (f"sales@{DOMAIN}",), NOW, Door.SMTP, "127.0.0.1")
    return replace(plain, **changes)


CUSTOMER = Author(AuthorKind.OUTSIDER, CAROL)
STAFF = Author(AuthorKind.USER_PROVEN, ALICES, ALICE, "dmarc=pass (mx.firma.test)")
CLAIMED = Author(AuthorKind.USER_CLAIMED, ALICES, ALICE)
MACHINE = Author(AuthorKind.MACHINE, CAROL)


def facts_of(author: Author = CUSTOMER, **changes: Any) -> Facts:
    return Facts(author=author, **changes)


def a_lead(number: int = 10, **changes: Any) -> LeadFacts:
    """An open lead of Carol's, owned by Alice."""
    lead = LeadFacts(
        id=number,
        partner_id=5,
        owner_id=ALICE,
        owner_reason="owner_by_rotation",
        team_id=1,
        outcome="",
        stage_kind="open",
        created_at=NOW - timedelta(days=1),
        closed_at=None,
        last_message_at=NOW - timedelta(hours=1),
        known_keys=frozenset({"carol@acme.example"}),
        unconfirmed_keys=frozenset(),
        company_domain="acme.example",
    )
    return replace(lead, **changes)


def a_token(lead_id: int | None = 10, user_id: int | None = ALICE, **changes: Any) -> TokenHit:
    """A reply token in the envelope, printed for Alice in a notice."""
    hit = TokenHit(
        100, Intent.REPLY, lead_id, user_id, 7, in_envelope=True, author_key="carol@acme.example", kind="message"
    )
    return replace(hit, **changes)


def an_alias(team_id: int = 1, **changes: Any) -> AliasFacts:
    return replace(AliasFacts(f"sales@{DOMAIN}", team_id, None, "web", "email", "", ("web",)), **changes)


def a_partner(**changes: Any) -> PartnerFacts:
    return replace(PartnerFacts(5, "prospect", None, None, None), **changes)


def a_past(**changes: Any) -> Past:
    past = Past(
        inbound_id=3,
        is_same_content=True,
        is_similar_text=False,
        received_at=NOW - timedelta(hours=1),
        route="new_lead",
        reason="alias",
        state="done",
        lead_id=10,
        message_row_id=7,
        decided_by_id=None,
        rcpt_to=(),
        proven_rcpt_to=(),
        author="outsider",
        author_proof="",
    )
    return replace(past, **changes)


def a_recent(**changes: Any) -> Recent:
    return replace(Recent(NOW - timedelta(minutes=1), 10, False, "other"), **changes)


def a_file(filename: str = "quote.pdf", content_type: str = "application/pdf", sha256: str = "ff") -> Attachment:
    return Attachment(filename, content_type, 4, sha256, "", False, b"file")


def auth_results(**changes: Any) -> AuthResults:
    passed = AuthResults("mx.firma.test", 0, (("dmarc", "pass"),), (), "", "firma.test")
    return replace(passed, **changes)
