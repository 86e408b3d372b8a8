"""Where a mail goes: (mail, verdict, facts, rules, now) -> Route. Pure.

The routing table of DESIGN section 3 is the tuple ``RULES``: small functions in the order a person would explain them; the
first that answers wins. A rule answers None when it does not apply. Unsure is an answer too: hold.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mailcrm.address import address_key, looks_like_token
from mailcrm.letter import is_open_winmail
from mailcrm.mail import (
    AuthorKind,
    AutoReplyType,
    Command,
    Facts,
    Intent,
    LeadFacts,
    MailKind,
    NoticeKind,
    Orders,
    ParsedMail,
    Reason,
    RefHit,
    Route,
    RouteKind,
    TokenHit,
    Verb,
    Verdict,
)
from mailcrm.marker import has_marker
from mailcrm.orders import as_note, decision_of, digest_answer_of, is_undo, orders_of, without_commands
from mailcrm.rules import Rules
from mailcrm.threading.author import is_no_reply, is_role
from mailcrm.threading.owner import owner_of

_NO_WAY_OUT = frozenset(
    {
        NoticeKind.HELD,
        NoticeKind.LOOP,
        NoticeKind.DIGEST,
        NoticeKind.ADMIN,
        NoticeKind.ABSENCE,
        NoticeKind.REMINDER,
        NoticeKind.NOTE,
        NoticeKind.RECEIPT,
        NoticeKind.HISTORY,
    }
)
_NOT_ANSWERS = frozenset({MailKind.RECEIPT, MailKind.CHALLENGE, MailKind.FEEDBACK_REPORT})  # row 5 knows them
LATE = frozenset({Reason.ANSWERED_BY_ANOTHER, Reason.CUSTOMER_WROTE_AGAIN})
_MINUTES_10 = timedelta(minutes=10)
_HOURS_24 = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Case:
    """One mail and all that is known about it; what every rule looks at."""

    mail: ParsedMail
    verdict: Verdict
    facts: Facts
    rules: Rules
    now: datetime
    orders: Orders | None = None  # commands in it, of a proven user
    is_released: bool = False  # its writer was asked and said: send
    is_late_allowed: bool = False  # and knew who was quicker

    @property
    def is_outsider(self) -> bool:
        return self.facts.author.kind is AuthorKind.OUTSIDER

    @property
    def is_proven_user(self) -> bool:
        return self.facts.author.kind is AuthorKind.USER_PROVEN

    @property
    def author_key(self) -> str:
        return address_key(self.facts.author.address.address)


Rule = Callable[[Case], Route | None]


def decide(mail: ParsedMail, verdict: Verdict, facts: Facts, rules: Rules, now: datetime) -> Route:
    """The first rule that holds. Never raises on any mail; what fits nothing is held for triage."""
    orders = orders_of(mail, facts.writer, now) if facts.writer else None
    case = Case(mail, verdict, facts, rules, now, orders)
    return next(route for rule in RULES if (route := rule(case)) is not None)


# --- 1: what came before ------------------------------------------------------------------------------------------------


def came_before(case: Case) -> Route | None:
    """Row 1: the same mail again; or the same Message-ID with mostly the same text."""
    past = case.facts.past
    if past is None:
        return None
    if past.is_same_content:
        if not case.mail.has_message_id and case.now - past.received_at > _HOURS_24:
            return None
        return Route(RouteKind.DUPLICATE, Reason.DUPLICATE, lead_id=past.lead_id)
    if past.is_similar_text and past.message_row_id and case.facts.author.user_id is None:
        return Route(RouteKind.VARIANT, Reason.VARIANT, lead_id=past.lead_id)
    return None


# --- 2 to 5: what machines send -----------------------------------------------------------------------------------------


def delivery_report(case: Case) -> Route | None:
    """Row 2: a delivery report is the outcome of a mail of ours, or nothing."""
    if case.verdict.kind not in (MailKind.BOUNCE, MailKind.DELAY) and case.verdict.report is None:
        return None
    if case.facts.report_outbox_id is not None:
        return Route(RouteKind.REPORT, Reason.REPORT_TIED, case.verdict.detail, case.facts.report_lead_id)
    return Route(RouteKind.QUIET, Reason.REPORT_UNTIED, case.verdict.detail)


def unproven_user(case: Case) -> Route | None:
    """A user's address without proof never writes to a lead."""
    if case.facts.author.kind is not AuthorKind.USER_CLAIMED:
        return None
    lead_id = case.facts.tokens[0].lead_id if case.facts.tokens else None
    if lead_id is None and case.facts.refs:
        lead_id = case.facts.refs[0].lead_id
    return Route(RouteKind.HOLD, Reason.STAFF_NOT_PROVEN, lead_id=lead_id)


def own_mail_in_a_loop(case: Case) -> Route | None:
    """Row 3: our own mail comes back, or has wandered too long."""
    if case.facts.is_own_mail and not case.is_proven_user and case.facts.author.kind is not AuthorKind.MACHINE:
        return Route(RouteKind.HOLD, Reason.LOOP_OWN_MAIL)
    if case.mail.received_count > case.rules.max_received:
        return Route(RouteKind.HOLD, Reason.LOOP_RECEIVED, str(case.mail.received_count))
    return None


def too_many(case: Case) -> Route | None:
    """Row 3: more from one writer than a person writes."""
    if not case.is_outsider or _is_trusted(case):
        return None
    facts, rules = case.facts, case.rules
    on_lead = _lead_found(case)
    if on_lead is not None:
        recent = [r for r in facts.recents if r.lead_id == on_lead and case.now - r.received_at < _MINUTES_10]
        if len(recent) >= rules.max_messages_per_lead:
            return Route(RouteKind.HOLD, Reason.LOOP_MESSAGES, str(len(recent)), on_lead)
    equal = sum(r.text_key == case.mail.text_key for r in facts.recents)
    if equal >= rules.max_equal_bodies and not facts.author.is_form:
        return Route(RouteKind.HOLD, Reason.LOOP_EQUAL_BODIES, str(equal), on_lead)
    if on_lead is None and sum(r.is_new_lead for r in facts.recents) >= rules.max_new_leads_per_address:
        return Route(RouteKind.HOLD, Reason.LOOP_NEW_LEADS)
    if on_lead is None and facts.domain_new_leads >= rules.max_new_leads_per_domain:
        return Route(RouteKind.HOLD, Reason.LOOP_NEW_LEADS_DOMAIN)
    return None


def _is_trusted(case: Case) -> bool:
    return case.author_key in case.rules.trusted_senders or (
        case.author_key.rpartition("@")[2] in case.rules.trusted_senders
    )


def _lead_found(case: Case) -> int | None:
    """The lead that a token or a reference names, whatever is then decided about it."""
    tokens = [t.lead_id for t in (*case.facts.tokens, *_one(case.facts.return_path)) if t.lead_id is not None]
    return tokens[0] if tokens else (case.facts.refs[0].lead_id if case.facts.refs else None)


def _one(hit: TokenHit | None) -> tuple[TokenHit, ...]:
    return (hit,) if hit else ()


def automatic_reply(case: Case) -> Route | None:
    """Row 4: folded on the lead it answers; never a lead, never answered. A colleague's absence is not the customer's word."""
    is_to_return_path = case.facts.return_path is not None and case.verdict.is_machine
    is_answer = is_to_return_path and case.verdict.kind not in _NOT_ANSWERS
    if case.verdict.kind is not MailKind.AUTO_REPLY and not is_answer:
        return None
    hits = (*case.facts.tokens, *_one(case.facts.return_path))
    if is_own_absence(case, hits):
        return Route(RouteKind.ABSENCE, Reason.STAFF_ABSENT, lead_id=_lead_found(case))
    if any(hit.user_id is not None for hit in hits) or case.facts.author.user_id is not None:
        return Route(RouteKind.QUIET, Reason.AUTO_REPLY_WITHOUT_LEAD, "from staff", _lead_found(case))
    lead_id = _lead_found(case)
    if lead_id is None:
        return Route(RouteKind.QUIET, Reason.AUTO_REPLY_WITHOUT_LEAD)
    return Route(RouteKind.FOLD, Reason.AUTO_REPLY_ON_LEAD, lead_id=lead_id)


def is_own_absence(case: Case, hits: Sequence[TokenHit]) -> bool:
    """Whether a user's mail box says with proof that they are away, in answer to a mail that was printed for this very user."""
    said, author = case.verdict.auto_reply, case.facts.author
    if said is None or said.type is not AutoReplyType.OUT_OF_OFFICE or author.user_id is None or not author.proof:
        return False
    return any(hit.user_id == author.user_id and hit.in_envelope for hit in hits)


def machine_mail(case: Case) -> Route | None:
    """Row 5: receipts change the state of their mail; challenges, complaints and system notices are quiet."""
    kind = case.verdict.kind
    if kind is MailKind.RECEIPT:
        lead_id = _lead_found(case)
        tied = Reason.RECEIPT_TIED if lead_id is not None else Reason.RECEIPT_UNTIED
        return Route(RouteKind.RECEIPT if lead_id is not None else RouteKind.QUIET, tied, lead_id=lead_id)
    if kind in (MailKind.CHALLENGE, MailKind.FEEDBACK_REPORT, MailKind.SYSTEM):
        return Route(RouteKind.QUIET, Reason.QUIET_MACHINE, kind.value)
    if case.facts.author.kind is AuthorKind.MACHINE and case.facts.author.user_id is not None:
        return Route(RouteKind.QUIET, Reason.QUIET_MACHINE, "from staff")
    return None


# --- 6: reply addresses -------------------------------------------------------------------------------------------------


def staff_token(case: Case) -> Route | None:
    """Row 6 for a proven user: permission comes from the envelope, restriction from everywhere."""
    if not case.is_proven_user:
        return None
    permitting = [t for t in case.facts.tokens if t.in_envelope]
    notes = [t for t in case.facts.tokens if t.intent is Intent.NOTE]
    if not permitting and not notes:
        return None
    named = permitting or notes
    own = [t for t in permitting if t.intent in (Intent.UNDO, Intent.DECIDE) or t.digest_id is not None]
    if own and not notes:
        return _by_own_token(case, own[0])
    if len({t.lead_id for t in named if t.lead_id is not None}) > 1:
        return Route(RouteKind.HOLD, Reason.TOKENS_OF_TWO_LEADS)
    lead_id = named[0].lead_id
    if lead_id is None and any(t.kind == NoticeKind.BATCH for t in permitting):
        return _to_a_list(case, permitting)
    if lead_id is None:
        return Route(RouteKind.HOLD, Reason.INTENT_NOT_BUILT)
    if case.orders and (against := _orders_fault(case, permitting, lead_id)):
        return against
    if notes:
        return _note(case, lead_id, len(notes) < len(case.facts.tokens))
    if any(t.intent is not Intent.REPLY or t.kind in _NO_WAY_OUT for t in permitting):
        return Route(RouteKind.HOLD, Reason.INTENT_NOT_BUILT, lead_id=lead_id)
    return _reply(case, permitting[0], lead_id)


def _to_a_list(case: Case, permitting: list[TokenHit]) -> Route:
    """An answer to a list of several leads: which one it is for nobody can know; commands that need none are done."""
    if case.orders is None or case.orders.text:
        return Route(RouteKind.HOLD, Reason.WHICH_LEAD)
    return _orders_fault(case, permitting, None) or _inside(case, case.orders, None, Reason.COMMANDS)


def _orders_fault(case: Case, permitting: list[TokenHit], lead_id: int | None) -> Route | None:
    """What speaks against obeying: a line that is not understood, or a token that was not addressed to us by its writer."""
    if case.orders is None or (lead_id is not None and has_outsider_of(case, lead_id)):
        return None  # who has it directly has its commands too: it is logged as it is
    if case.orders.faults and not case.is_released:
        detail = case.orders.faults[0].line[:200]
        return Route(RouteKind.HOLD, Reason.COMMAND_NOT_UNDERSTOOD, detail, lead_id, orders=case.orders)
    if not any(t.user_id is not None and not t.is_retired and _is_addressed(case, t) for t in permitting):
        return Route(RouteKind.HOLD, Reason.CUSTOMER_OR_NOTE, lead_id=lead_id)
    return None


def _by_own_token(case: Case, token: TokenHit) -> Route:
    """The answer to a receipt, a digest or a question: it does what was offered, anything else stays inside."""
    if token.is_retired or token.user_id != case.facts.author.user_id or not _is_addressed(case, token):
        return Route(RouteKind.HOLD, Reason.CUSTOMER_OR_NOTE, lead_id=token.lead_id)
    if token.intent is Intent.DECIDE and (decision := decision_of(case.mail)) is not None:
        said = Route(RouteKind.RELEASE, Reason.RELEASED_BY_MAIL, decision.value, token.lead_id)
        return replace(said, question_id=token.outbox_id, decision=decision)
    if token.intent is Intent.UNDO and is_undo(case.mail):
        orders = Orders((Command(Verb.UNDO, "undo", number=token.outbox_id),))
        return Route(RouteKind.COMMANDS, Reason.UNDO_TOKEN, lead_id=token.lead_id, orders=orders)
    if token.digest_id is not None and case.facts.writer is not None:
        answer = digest_answer_of(case.mail, token.digest_id, case.facts.writer, case.now)
        return Route(RouteKind.COMMANDS, Reason.DIGEST_ANSWER, answer=answer)
    if case.orders and (against := _orders_fault(case, [token], token.lead_id)):
        return against
    if case.orders:
        return _inside(case, case.orders, token.lead_id, Reason.COMMANDS)
    if token.lead_id is None:
        return Route(RouteKind.HOLD, Reason.INTENT_NOT_BUILT)
    return _note(case, token.lead_id, had_reply_address=False)


def _inside(case: Case, orders: Orders, lead_id: int | None, reason: Reason) -> Route:
    """Commands, and words or files that stay inside."""
    kept = as_note(orders)
    files = [a for a in case.mail.attachments if a.sha256 not in case.facts.sent_hashes and not a.is_inline]
    kind = RouteKind.NOTE if kept.note or files else RouteKind.COMMANDS
    return Route(kind, reason, lead_id=lead_id, orders=kept, is_lenient=case.is_released)


def _is_new_lead(orders: Orders) -> bool:
    return any(command.verb is Verb.NEW for command in orders.commands)


def staff_commands(case: Case) -> Route | None:
    """A proven user without a token: what needs no lead (a new one, an absence, help) is done, the rest asked about."""
    if not case.is_proven_user or case.orders is None or case.facts.outsiders_in_header:
        return None
    if any(command.verb.needs_lead for command in case.orders.commands[:1]):
        return None
    if not any(case.rules.is_ours(a.address) for a in (*case.mail.to, *case.mail.cc)):
        return None  # its writer did not address it to us
    if case.orders.faults and not case.is_released:
        detail = case.orders.faults[0].line[:200]
        return Route(RouteKind.HOLD, Reason.COMMAND_NOT_UNDERSTOOD, detail, orders=case.orders)
    if not case.orders.commands:
        return None
    return _inside(case, case.orders, None, Reason.COMMANDS)


def address_confirmed(case: Case) -> Route | None:
    """An answer to our question whether an address is a user's: by that user, or with proof from that very address."""
    asked = [t for t in case.facts.tokens if t.in_envelope and t.intent is Intent.CONFIRM and t.claimed_key]
    if not asked or case.facts.author.kind is AuthorKind.MACHINE:
        return None
    token = asked[0]
    is_user = case.is_proven_user and case.facts.author.user_id == token.user_id
    is_proven = case.facts.is_same_company_proven or (case.rules.is_token_enough and not case.facts.is_disproven)
    if not token.is_retired and (is_user or (is_proven and case.author_key == token.claimed_key)):
        return Route(RouteKind.CONFIRM, Reason.ADDRESS_CONFIRMED, token.claimed_key)
    return Route(RouteKind.HOLD, Reason.ADDRESS_NOT_PROVEN, token.claimed_key)


def _note(case: Case, lead_id: int, had_reply_address: bool) -> Route:
    reason = Reason.NOTE_ADDRESS_PRESENT if had_reply_address else Reason.NOTE_TOKEN
    if case.orders:
        return _inside(case, case.orders, lead_id, reason)
    if not case.mail.new_text.strip() and not case.mail.attachments:
        return Route(RouteKind.HOLD, Reason.STAFF_REPLY_EMPTY, lead_id=lead_id)
    return Route(RouteKind.NOTE, reason, lead_id=lead_id)


def _reply(case: Case, token: TokenHit, lead_id: int) -> Route:
    """A reply that may leave the house, unless something speaks against it."""
    facts, orders = case.facts, case.orders
    if has_outsider_of(case, lead_id):
        return Route(RouteKind.SENT, Reason.SENT_DIRECTLY, lead_id=lead_id)
    if orders and (not orders.text or _is_new_lead(orders)):
        inside = replace(_inside(case, orders, lead_id, Reason.COMMANDS), may_leave=not token.is_unconfirmed)
        return _against_invitation(case, orders, lead_id) or inside
    if orders:
        case = replace(case, mail=without_commands(case.mail, orders.text))
    # Who has a signed mail of a salesperson's could hand it in again for another lead: what leaves must be addressed to it.
    if token.is_retired or token.user_id is None or not _is_addressed(case, token):
        return Route(RouteKind.HOLD, Reason.CUSTOMER_OR_NOTE, lead_id=lead_id)
    lead = facts.lead(lead_id)
    against = staff_reply_fault(case)
    if against is not None:
        return replace(against, lead_id=lead_id)
    if token.is_unconfirmed and lead and token.author_key not in lead.known_keys:
        return Route(RouteKind.HOLD, Reason.NEW_PERSON_REPLY, token.author_key, lead_id, only_to_key=token.author_key)
    if facts.suppressed_keys:
        return Route(RouteKind.HOLD, Reason.SUPPRESSED_RECIPIENT, ", ".join(sorted(facts.suppressed_keys)), lead_id)
    if not case.is_late_allowed and (late := _late(case, lead)) is not None:
        return replace(late, lead_id=lead_id)
    return Route(
        RouteKind.REPLY,
        Reason.REPLY_TOKEN,
        lead_id=lead_id,
        takes_lead=lead is not None and lead.owner_id is None,
        only_to_key=token.author_key if token.is_unconfirmed else "",
        orders=orders,
        may_leave=True,
        is_lenient=case.is_released,
    )


def _against_invitation(case: Case, orders: Orders, lead_id: int) -> Route | None:
    """What speaks against an invitation alone is what speaks against any mail to the customer."""
    if not any(command.verb is Verb.INVITE for command in orders.commands):
        return None
    if case.facts.suppressed_keys:
        return Route(
            RouteKind.HOLD, Reason.SUPPRESSED_RECIPIENT, ", ".join(sorted(case.facts.suppressed_keys)), lead_id
        )
    late = None if case.is_late_allowed else _late(case, case.facts.lead(lead_id))
    return replace(late, lead_id=lead_id) if late else None


def _late(case: Case, lead: LeadFacts | None) -> Route | None:
    """Somebody else answered, or the customer wrote again, after the mail that this one answers."""
    later = case.facts.later if case.rules.is_late_reply_held else None
    if later is not None:
        reason = Reason.CUSTOMER_WROTE_AGAIN if later.user_id is None else Reason.ANSWERED_BY_ANOTHER
        return Route(RouteKind.HOLD, reason, f"{later.name}: {later.text}"[:200])
    if is_answered_by_another(case, lead):
        return Route(RouteKind.HOLD, Reason.ANSWERED_BY_ANOTHER, case.facts.later.name if case.facts.later else "")
    return None


def _is_addressed(case: Case, token: TokenHit) -> bool:
    """Whether the writer addressed the mail to this token. A second To may have been put on top of the one they signed."""
    return token.is_named and not {"several to fields", "several cc fields"} & set(case.mail.defects)


def is_answered_by_another(case: Case, lead: LeadFacts | None) -> bool:
    """Two members answered a notice of a lead nobody owned: the first took it, this is the second."""
    return (
        lead is not None
        and lead.owner_reason == Reason.OWNER_TOOK_IT
        and lead.owner_id != case.facts.author.user_id
        and case.facts.answered_by_user_id not in (None, case.facts.author.user_id)
    )


def has_outsider_of(case: Case, lead_id: int) -> bool:
    """Whether an outside person of the lead is in the mail's own To or Cc, and so has it already."""
    lead = case.facts.lead(lead_id)
    return lead is not None and bool(case.facts.outsiders_in_header & (lead.known_keys | lead.unconfirmed_keys))


def staff_reply_fault(case: Case) -> Route | None:
    """What must not reach a customer in a salesperson's mail, or cannot be read well enough to tell (DESIGN section 5)."""
    mail = case.mail
    for part in mail.attachments:
        if is_open_winmail(part) and mail.new_text.strip():
            continue  # what is in it stands beside it and is looked at itself
        if part.content_type in _UNREADABLE_TYPES or part.filename.lower().endswith(_UNREADABLE_NAMES):
            return Route(RouteKind.HOLD, Reason.STAFF_REPLY_UNREADABLE_PART, part.filename)
    own = [a for a in mail.attachments if a.sha256 not in case.facts.sent_hashes]
    if not mail.new_text.strip() and not own:
        return Route(RouteKind.HOLD, Reason.STAFF_REPLY_EMPTY)
    found = leaking_piece(mail.new_text, case.facts.card_lines, case.rules)
    return Route(RouteKind.HOLD, Reason.STAFF_REPLY_LEAKS, found) if found else None


# Mails in files: what they hold is encoded, so that nobody sees a notice in it.
_UNREADABLE_TYPES = frozenset(
    {"application/ms-tnef", "application/vnd.ms-tnef", "application/vnd.ms-outlook", "application/mbox",
     "message/rfc822", "message/global", "message/partial"}
)  # fmt: skip
_UNREADABLE_NAMES = ("winmail.dat", ".eml", ".msg", ".oft", ".mht", ".mhtml", ".emlx", ".mbox", ".pst", ".tnef")


def leaking_piece(text: str, card_lines: tuple[str, ...], rules: Rules) -> str:
    """What of ours stands in newly written text, in a word; "" if nothing."""
    if has_marker(text):
        return "marker line"
    folded = text.casefold()
    if rules.page_host and f"//{rules.page_host.casefold()}/" in folded:
        return "link to our page"
    for word in folded.replace("<", " ").replace(">", " ").replace(":", " ").split():
        local, at, domain = word.strip("()[].,;\"'").rpartition("@")
        if at and domain in rules.domains and looks_like_token(local):
            return "reply address"
    lines = {_bare(line) for line in text.splitlines()}
    return next(("line of the card" for line in card_lines if _bare(line) in lines), "")


def _bare(line: str) -> str:
    """For comparing: cells of a table become text without the colon between them."""
    return " ".join(line.casefold().replace(":", " ").split())


def outsider_token(case: Case) -> Route | None:
    """Row 6 for an outsider: always email_in, whatever token was used."""
    hits = [t for t in (*case.facts.tokens, *_one(case.facts.return_path)) if t.in_envelope and t.lead_id is not None]
    if not case.is_outsider or not hits:
        return None
    leads = sorted({t.lead_id for t in hits if t.lead_id is not None})
    lead = case.facts.lead(leads[-1])
    if lead is None:
        return None
    if case.verdict.is_spam and not is_known_on(case, lead):
        return Route(RouteKind.QUIET, Reason.QUIET_SPAM, case.verdict.detail)
    staff = next((t for t in hits if t.user_id is not None), None)
    route = _on_lead(case, lead, Reason.OUTSIDER_USED_STAFF_TOKEN if staff else Reason.REPLY_TOKEN)
    return replace(
        route,
        is_unconfirmed=not is_known_on(case, lead),
        also_lead_id=leads[0] if len(leads) > 1 else None,
        is_staff_token_misused=staff is not None,
        retire_outbox_id=staff.outbox_id if staff else None,
    )


def is_known_on(case: Case, lead: LeadFacts) -> bool:
    """Whether the writer is somebody of this lead: its partner, a confirmed participant, or proven to be of the same company.

    Nobody is, whose address a relay of ours says was forged, or whom only a stranger's mail names.
    """
    if case.facts.is_disproven or _is_hearsay(case):
        return False
    if case.author_key in lead.known_keys:
        return True
    domain = case.author_key.rpartition("@")[2]
    return case.facts.is_same_company_proven and bool(lead.company_domain) and lead.company_domain == domain


def _is_hearsay(case: Case) -> bool:
    """Whether a field of somebody else's mail names its writer (a list that rewrote From, says that mail); our own lists may."""
    from_ = case.mail.from_
    is_own_word = from_ is not None and address_key(from_.address) == case.author_key
    return case.mail.written_by is not None and not (is_own_word or case.facts.is_own_list)


# --- 7 to 9: staff without a token, and references ----------------------------------------------------------------------


def staff_forward(case: Case) -> Route | None:
    """Row 7: a proven user forwards a customer's mail. Whose it is must be plain; else they are asked."""
    about = case.facts.about
    if not case.is_proven_user or about is None or not about.is_forward:
        return None
    writers = frozenset(address_key(one.address) for one in about.writers)
    if about.addressed and not writers & case.facts.outsiders_in_header:
        return Route(RouteKind.HOLD, Reason.FORWARD_OR_COPY)  # handed on to a third person, with us in copy
    if not writers:
        is_named = any(level.from_ and "@" in level.from_.address for level in case.mail.forwarded)
        return Route(RouteKind.HOLD, Reason.FORWARD_OF_OURS if is_named else Reason.FORWARD_WITHOUT_SENDER)
    if (found := _lead_forwarded_of(case, writers)) is not None:
        return _forwarded_on(case, found, Reason.FORWARDED_OF_LEAD)
    if about.person is None:
        return Route(RouteKind.HOLD, Reason.FORWARD_OF_SEVERAL, ", ".join(sorted(writers)))
    if (lead := case.facts.lead(about.subject_lead_id)) is not None:
        return _forwarded_on(case, lead, Reason.FORWARDED_SAME_SUBJECT)
    if (lead := case.facts.lead(about.latest_lead_id)) is not None:
        return _forwarded_on(case, lead, Reason.FORWARDED_SAME_PERSON)
    return replace(_users_own_lead(case, Reason.FORWARDED, Reason.OWNER_FORWARDED_IT), kind=RouteKind.FORWARD)


def _lead_forwarded_of(case: Case, writers: frozenset[str]) -> LeadFacts | None:
    """Where an attached mail lies, or a mail that the forward's own fields name: if all its writers are people of that lead."""
    about = case.facts.about
    ids = (*(about.carried_lead_ids if about else ()), *(hit.lead_id for hit in case.facts.refs[:2]))
    found = (case.facts.lead(lead_id) for lead_id in ids)
    return next((lead for lead in found if lead and writers <= lead.known_keys | lead.unconfirmed_keys), None)


def _forwarded_on(case: Case, lead: LeadFacts, reason: Reason) -> Route:
    """On the lead, or on the one that continues it if it was closed long ago."""
    route = _on_lead(case, lead, reason)
    if route.kind is RouteKind.NEW_LEAD:
        route = _users_own_lead(case, route.reason, Reason.OWNER_FORWARDED_IT)
        route = replace(route, follows_lead_id=lead.id)
    return replace(route, kind=RouteKind.FORWARD)


def _users_own_lead(case: Case, reason: Reason, owner_reason: Reason) -> Route:
    """A new lead for the customer whom the mail is about, owned by its writer if they may own one."""
    route = _new_lead(case, reason)
    user_id = case.facts.author.user_id
    if user_id is None or user_id in case.facts.inactive_user_ids:
        return route
    return replace(route, owner_id=user_id, owner_reason=owner_reason)


def staff_copy(case: Case) -> Route | None:
    """Row 8: a proven user writes to a customer with us in Cc or Bcc. A mail within a known thread opens nothing new."""
    if not case.is_proven_user:
        return None
    if case.facts.refs and has_outsider_of(case, case.facts.refs[0].lead_id):
        return Route(RouteKind.SENT, Reason.SENT_DIRECTLY, lead_id=case.facts.refs[0].lead_id)
    about = case.facts.about
    if about is None or not about.addressed:
        return None
    lead = case.facts.lead(about.subject_lead_id) or case.facts.lead(about.latest_lead_id)
    if lead is not None:
        return Route(RouteKind.SENT, Reason.COPY_TO_CUSTOMER, lead_id=lead.id)
    if case.facts.refs:
        return None
    return replace(_users_own_lead(case, Reason.COPY_OPENS_LEAD, Reason.OWNER_WROTE_FIRST), kind=RouteKind.SENT)


def staff_without_token(case: Case) -> Route | None:
    """Row 9 for a proven user without a token, and what is left of rows 7 and 8: they are asked."""
    if not case.is_proven_user:
        return None
    if case.facts.refs:
        return Route(RouteKind.HOLD, Reason.CUSTOMER_OR_NOTE, lead_id=case.facts.refs[0].lead_id)
    return Route(RouteKind.HOLD, Reason.FORWARD_OR_COPY)


def by_references(case: Case) -> Route | None:
    """Row 9: the lead of the newest id that is known."""
    if not case.facts.refs:
        return None
    hit = case.facts.refs[0]
    lead = case.facts.lead(hit.lead_id)
    if lead is None:
        return None
    if case.verdict.is_spam and not is_known_on(case, lead):
        return Route(RouteKind.QUIET, Reason.QUIET_SPAM, case.verdict.detail)
    if not is_known_on(case, lead):
        return replace(_on_lead(case, lead, Reason.REFERENCES_UNCONFIRMED), is_unconfirmed=True, detail=hit.ref)
    return replace(_on_lead(case, lead, _ref_reason(hit)), detail=hit.ref)


def _ref_reason(hit: RefHit) -> Reason:
    return Reason.NAMED_BY_EARLIER_REPLY if hit.is_own_id else Reason.REFERENCES


def _on_lead(case: Case, lead: LeadFacts, reason: Reason) -> Route:
    """An outsider's mail on a lead that may be closed: wake it, append, or open the lead that continues it."""
    rules = case.rules
    if lead.outcome == "won":
        last = lead.last_message_at or lead.closed_at or case.now
        if case.now - last > rules.won_age:
            return _continued(case, lead)
        return Route(RouteKind.APPEND, reason, lead_id=lead.id, is_closed_lead=True)
    if lead.outcome in ("lost", "cancelled"):
        if case.now - (lead.closed_at or case.now) > rules.wake_age:
            return _continued(case, lead)
        return Route(RouteKind.APPEND, reason, lead_id=lead.id, wakes_lead=True, is_closed_lead=True)
    return Route(RouteKind.APPEND, reason, lead_id=lead.id, wakes_lead=lead.stage_kind == "on_hold")


def _continued(case: Case, lead: LeadFacts) -> Route:
    route = _new_lead(case, Reason.CLOSED_LEAD_CONTINUED, previous_owner_id=lead.owner_id)
    return replace(route, follows_lead_id=lead.id)


def by_meeting(case: Case) -> Route | None:
    """Row 5: an update, an answer or a cancellation goes to the lead of its meeting, from people who are known there only."""
    if not case.is_outsider or case.verdict.kind is not MailKind.CALENDAR:
        return None
    leads = (case.facts.lead(lead_id) for lead_id in case.facts.meeting_lead_ids)
    lead = next((lead for lead in leads if lead and is_known_on(case, lead)), None)
    if lead is not None:
        return _on_lead(case, lead, Reason.MEETING_ON_LEAD)
    # The UID of an invitation of ours is 128 random bits: like a Message-ID of ours it leads here whoever answers.
    ours = case.facts.lead(case.facts.our_meeting_lead_id)
    return replace(_on_lead(case, ours, Reason.MEETING_ON_LEAD), is_unconfirmed=True) if ours else None


# --- 10 to 14: mails that start something -------------------------------------------------------------------------------


def by_subject(case: Case) -> Route | None:
    """Row 10: a "Re:" with the same subject from the same person, marked as a guess. Lookup kept all its other conditions."""
    lead = case.facts.lead(case.facts.subject_lead_id)
    if lead is None or not case.is_outsider or not is_subject_evidence(case):
        return None
    return replace(_on_lead(case, lead, Reason.SAME_SUBJECT), is_guess=True)


def is_subject_evidence(case: Case) -> bool:
    """Whether this mail may be placed by its subject at all: a reply prefix, eight letters, a person's own address."""
    address = case.facts.author.address.address
    return (
        case.mail.has_reply_prefix
        and sum(c.isalpha() for c in case.mail.base_subject) >= 8
        and not case.facts.author.is_form
        and not case.facts.is_disproven
        and not is_role(address)
        and not is_no_reply(address)
        and not case.rules.is_ours(address)
    )


def bulk(case: Case) -> Route | None:
    """Row 11: newsletters and spam are kept and shown, but open nothing."""
    verdict, facts = case.verdict, case.facts
    if verdict.is_spam:
        return Route(RouteKind.QUIET, Reason.QUIET_SPAM, verdict.detail)
    if not verdict.is_bulk or facts.is_own_list:
        return None
    has_owner = facts.partner is not None and facts.partner.owner_id is not None
    if has_owner and not case.mail.has_one_click_unsubscribe:
        return None
    return Route(RouteKind.QUIET, Reason.QUIET_BULK, verdict.detail)


def admin_address(case: Case) -> Route | None:
    """Row 13: postmaster@, abuse@ and the notify address go to the admins and are never leads."""
    if not case.facts.is_to_admin or case.facts.aliases:
        return None
    return Route(RouteKind.QUIET if case.verdict.is_machine else RouteKind.ADMIN, Reason.ADMIN_ADDRESS)


def addressed_to_alias(case: Case) -> Route | None:
    """Row 12: a new lead for the alias's team; a supplier's mail only reaches the team."""
    if not case.facts.aliases:
        return None
    first = case.facts.aliases[0]
    if case.facts.partner is not None and case.facts.partner.relation == "supplier":
        return Route(RouteKind.TEAM, Reason.SUPPLIER, alias=first, also_team_ids=(first.team_id,))
    return _new_lead(case, Reason.ALIAS)


def unknown_local_part(case: Case) -> Route | None:
    """Row 13: a lead if we know the writer, else triage; a report to an address never issued is nothing."""
    if not case.facts.unknown_local_parts:
        return None
    if case.verdict.is_machine:
        return Route(RouteKind.QUIET, Reason.NULL_PATH_NEVER_ISSUED, case.facts.unknown_local_parts[0])
    if case.facts.partner is not None and case.facts.partner.relation != "supplier":
        return _new_lead(case, Reason.KNOWN_PARTNER_WRITES)
    return Route(RouteKind.TRIAGE, Reason.UNKNOWN_LOCAL_PART, case.facts.unknown_local_parts[0])


def nothing_fits(case: Case) -> Route | None:
    """Row 14."""
    if case.verdict.is_machine:
        return Route(RouteKind.QUIET, Reason.QUIET_MACHINE)
    return Route(RouteKind.TRIAGE, Reason.NOTHING_FITS)


def _new_lead(case: Case, reason: Reason, previous_owner_id: int | None = None) -> Route:
    aliases = case.facts.aliases
    first = aliases[0] if aliases else None
    owner = owner_of(case.facts, first.owner_id if first else None, previous_owner_id)
    return Route(
        RouteKind.NEW_LEAD,
        reason,
        detail=first.key if first else "",
        alias=first,
        also_team_ids=tuple(dict.fromkeys(a.team_id for a in aliases if first and a.team_id != first.team_id)),
        tags=tuple(dict.fromkeys(tag for a in aliases for tag in a.tags)),
        owner_id=owner.user_id,
        owner_reason=owner.reason,
    )


def decide_released(
    mail: ParsedMail, verdict: Verdict, facts: Facts, rules: Rules, now: datetime, *, is_late_allowed: bool = False
) -> Route:
    """The route of a colleague's held mail that its writer released: lines that are not understood are left out.

    ``is_late_allowed``: they were asked because somebody had been quicker, and now send it all the same.
    """
    case = _released(mail, verdict, facts, rules, now)
    case = replace(case, is_late_allowed=is_late_allowed)
    route = staff_token(case) or staff_commands(case) or Route(RouteKind.HOLD, Reason.CUSTOMER_OR_NOTE)
    return replace(route, reason=Reason.RELEASED_BY_MAIL) if route.kind is RouteKind.REPLY else route


def kept_inside(
    mail: ParsedMail, verdict: Verdict, facts: Facts, rules: Rules, now: datetime, lead_id: int | None
) -> Route:
    """The route of a colleague's held mail whose writer said: note. Its commands are obeyed."""
    case = _released(mail, verdict, facts, rules, now)
    if case.orders:
        return _inside(case, case.orders, lead_id, Reason.RELEASED_BY_MAIL)
    return Route(RouteKind.NOTE, Reason.RELEASED_BY_MAIL, lead_id=lead_id)


def _released(mail: ParsedMail, verdict: Verdict, facts: Facts, rules: Rules, now: datetime) -> Case:
    orders = orders_of(mail, facts.writer, now) if facts.writer else None
    return Case(mail, verdict, facts, rules, now, orders, is_released=True)


def sent_by_hand(case: Case, lead_id: int) -> Route | None:
    """Where a person's "send" takes a mail with commands and nothing to send; None if there is text for the customer."""
    if case.orders is None or (case.orders.text and not _is_new_lead(case.orders)):
        return None
    return _inside(case, case.orders, lead_id, Reason.BY_HAND)


def new_lead_by_hand(mail: ParsedMail, verdict: Verdict, facts: Facts, rules: Rules, now: datetime) -> Route:
    """The route of "make lead" in triage."""
    return _new_lead(Case(mail, verdict, facts, rules, now), Reason.BY_HAND)


RULES: tuple[Rule, ...] = (
    came_before,
    delivery_report,
    own_mail_in_a_loop,
    too_many,
    automatic_reply,
    machine_mail,
    unproven_user,
    address_confirmed,
    staff_token,
    outsider_token,
    staff_commands,
    staff_forward,
    staff_copy,
    staff_without_token,
    by_references,
    by_meeting,
    by_subject,
    bulk,
    admin_address,
    addressed_to_alias,
    unknown_local_part,
    nothing_fits,
)
