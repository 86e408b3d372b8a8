"""What the database knows about a mail: every read of the inbound path, each with a name. Returns ``Facts``; writes nothing.

Read inside the write transaction that will place the mail, after the locks of ``lock_keys`` were taken (PostgreSQL): two mails
of one new writer then see each other.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import BindParameter, Row, and_, bindparam, case, func, literal, or_, select, text, true, union_all

from mailcrm.address import (
    TokenClaim,
    address_key,
    read_marker,
    read_return_path,
    read_token,
    verify_marker,
    verify_return_path,
    verify_token,
)
from mailcrm.lookalike import name_key
from mailcrm.mail import (
    AliasFacts,
    Author,
    AuthorKind,
    CompanyFacts,
    Envelope,
    Facts,
    Hint,
    HintKind,
    Intent,
    Later,
    LeadFacts,
    Member,
    NoticeKind,
    ParsedMail,
    PartnerFacts,
    Past,
    Recent,
    RefHit,
    TokenHit,
    Verdict,
    Writer,
)
from mailcrm.rules import Rules
from mailcrm.store.engine import Session, remembered
from mailcrm.store.keyring import Keyring
from mailcrm.store.prepared import Prepared
from mailcrm.store.tables import (
    activity,
    address_claim,
    alias,
    attachment,
    inbound,
    inbound_copy,
    lead,
    meeting,
    message,
    message_ref,
    outbox,
    participant,
    partner,
    partner_address,
    stage,
    suppression,
    team,
    team_member,
    user,
    user_address,
)
from mailcrm.threading.about import about_of
from mailcrm.threading.author import StaffAddress, author_of, is_disproven, staff_proof, trusted_results
from mailcrm.threading.domains import is_free_mail
from mailcrm.threading.references import ids_to_look_up, ref_hits
from mailcrm.threading.similar import is_mostly_same

_HOURS_2 = timedelta(hours=2)
_MOST_ASKED = 2_000  # addresses of a batch in one statement
_MOST_LOCKED = 100  # addresses of one kind: the server's table of locks is shared by all that work on it
_KEYS: BindParameter[Any] = bindparam("keys", expanding=True)
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_ADMIN_LOCAL_PARTS = frozenset({"postmaster", "abuse", "hostmaster", "mailer-daemon"})


def look_up(
    session: Session,
    mail: ParsedMail,
    verdict: Verdict,
    envelope: Envelope,
    rules: Rules,
    keyring: Keyring,
    now: datetime,
    author: Author | None = None,
) -> Facts:
    """Everything that ``decide`` may use about this copy of the mail. ``author`` is given when a person vouched for one."""
    claims = _Claims.of(mail, envelope, rules)
    rows = outbox_rows(session, claims.outbox_ids(mail))
    tokens = _token_hits(claims, rows, keyring)
    return_path = _return_path_hit(claims, rows, keyring)
    people = known_people(session, mail)
    staff = staff_addresses(mail, verdict, envelope, people)
    if author is None:
        author = author_of(mail, verdict, envelope, staff, rules, is_from_staff_domain=_is_staff_domain(people, mail))
        author = _proven_by_token(author, tokens, mail, envelope, rules)
    author_key = address_key(author.address.address)
    refs = references(session, mail)
    report_outbox_id, report_lead_id = _reported(session, verdict, return_path)
    facts = Facts(
        author=author,
        past=past_of(session, mail, author_key),
        tokens=tokens,
        return_path=return_path,
        report_outbox_id=report_outbox_id,
        report_lead_id=report_lead_id,
        meeting_lead_ids=_meeting_leads(session, verdict),
        our_meeting_lead_id=_our_meeting_lead(session, verdict),
        is_own_mail=_is_own_mail(session, mail, rows, keyring),
        refs=refs,
        recents=recent_of(session, author_key, now) if author.kind is AuthorKind.OUTSIDER else (),
        outsiders_in_header=_outsiders(mail, people, rules),
        hint=borrowed_name(mail, author, people, rules),
        is_own_author=author_key in staff or rules.is_ours(author_key),
        reply_to=_reply_to(mail, author, people, rules),
        is_same_company_proven=_is_own_word(mail, author_key) and bool(staff_proof(mail, envelope, rules)),
        is_disproven=is_disproven(mail, envelope, rules),
        auth=trusted_results(mail, envelope, rules),
        writer=_writer(session, author),
    )
    facts = _with_recipients(session, facts, claims, mail, envelope, rules)
    facts = _with_people(session, facts, author_key, mail, rules, now)
    facts = _with_about(session, facts, mail, rules, now)
    return _with_leads(session, facts, author_key)


# --- locks --------------------------------------------------------------------------------------------------------------


def lock_keys(mail: ParsedMail, envelope: Envelope) -> tuple[int, ...]:
    """What a mail must be alone with: its writer, the ids it names, the outbox rows its addresses name. Sorted 63-bit numbers."""
    told = [level.from_ for level in mail.forwarded]  # a forward may be about the writer of a mail that comes beside it
    people = [a.address for a in (mail.from_, *mail.reply_to[:_MOST_LOCKED], *told) if a]
    names = {f"writer:{address_key(p)}" for p in people}
    domains = {address_key(p).rpartition("@")[2] for p in people}
    names |= {f"domain:{d}" for d in domains if d and not is_free_mail(d)}
    names |= {f"id:{ref}" for ref in ids_to_look_up(mail.message_id, mail.mentioned_ids)}
    claims = [read_token(a) for a in (*envelope.rcpt_to, *(a.address for a in (*mail.to, *mail.cc)))]
    names |= {f"outbox:{c.outbox_id}" for c in claims[:_MOST_LOCKED] if c}
    names.add(f"content:{mail.content_key}")
    return tuple(
        sorted(int.from_bytes(hashlib.sha256(n.encode("utf-8", "replace")).digest()[:8], "big") >> 1 for n in names)
    )


_LOCK = text(
    "SELECT pg_advisory_xact_lock(k) FROM (SELECT unnest(CAST(:keys AS bigint[])) AS k ORDER BY 1 OFFSET 0) AS sorted_keys"
)


def take_locks(session: Session, keys: Iterable[int]) -> None:
    """Take transaction-level advisory locks in order; nothing on SQLite, where one writer is alone anyway."""
    if session.dialect.name == "postgresql":
        session.execute(_LOCK, {"keys": sorted(set(keys))})


# --- addresses of ours --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Claims:
    """Addresses of ours that the mail names, unverified: in the envelope, and note addresses also in To and Cc."""

    in_envelope: tuple[TokenClaim, ...]
    in_header: tuple[TokenClaim, ...]
    return_paths: tuple[str, ...]
    others: tuple[str, ...]  # envelope recipients that are neither, as keys in RCPT order

    @staticmethod
    def of(mail: ParsedMail, envelope: Envelope, rules: Rules) -> "_Claims":
        enveloped, return_paths, others = [], [], []
        for address in envelope.rcpt_to:
            claim = read_token(address)
            if claim is not None:
                enveloped.append(claim)
            elif read_return_path(address) is not None:
                return_paths.append(address)
            else:
                others.append(address_key(address))
        header = [read_token(a.address) for a in (*mail.to, *mail.cc) if rules.is_ours(a.address)]
        return _Claims(tuple(enveloped), tuple(c for c in header if c), tuple(return_paths), tuple(others))

    def outbox_ids(self, mail: ParsedMail) -> set[int]:
        ids = {c.outbox_id for c in (*self.in_envelope, *self.in_header)}
        ids |= {claim.outbox_id for claim in map(read_return_path, self.return_paths) if claim}
        marked = read_marker(mail.marker)
        return ids | ({marked} if marked is not None else set())


OutboxRows = Mapping[int, Any]

_OUTBOX = Prepared(
    select(
        outbox.c.id,
        outbox.c.kind,
        outbox.c.reply_nonce,
        outbox.c.user_id,
        outbox.c.message_row_id,
        outbox.c.is_token_retired,
        outbox.c.lead_id,
        outbox.c.params,
        message.c.lead_id.label("message_lead_id"),
        message.c.author_address,
    )
    .outerjoin(message, message.c.id == outbox.c.message_row_id)
    .where(outbox.c.id.in_(_IDS))
    .order_by(outbox.c.id)
)


def outbox_rows(session: Session, ids: set[int]) -> "OutboxRows":
    """The outbox rows that addresses name, with where their message lies now."""
    if not ids:
        return {}
    return {row.id: row for row in _OUTBOX.all(session, {"ids": sorted(ids)})}


def _token_hits(claims: _Claims, rows: OutboxRows, keyring: Keyring) -> tuple[TokenHit, ...]:
    """Verified tokens: all of the envelope, and of the header the note addresses only. One hit per row and intent."""
    hits: dict[tuple[int, Intent], TokenHit] = {}
    for claim, in_envelope in (*((c, True) for c in claims.in_envelope), *((c, False) for c in claims.in_header)):
        row = rows.get(claim.outbox_id)
        if row is None or not verify_token(claim, row.reply_nonce, keyring.keys):
            continue
        if in_envelope or claim.intent is Intent.NOTE:
            hit = _hit(row, claim.intent, in_envelope=in_envelope)
            is_named = any((c.outbox_id, c.intent) == (claim.outbox_id, claim.intent) for c in claims.in_header)
            hits.setdefault((claim.outbox_id, claim.intent), replace(hit, is_named=is_named))
    return tuple(hits.values())


def _hit(row: Row[Any], intent: Intent, *, in_envelope: bool) -> TokenHit:
    return TokenHit(
        outbox_id=row.id,
        intent=intent,
        lead_id=row.message_lead_id if row.message_lead_id is not None else row.lead_id,
        user_id=row.user_id,
        message_row_id=row.message_row_id,
        in_envelope=in_envelope,
        is_retired=row.is_token_retired,
        is_unconfirmed=bool(row.params.get("is_unconfirmed")),
        author_key=address_key(row.author_address or ""),
        kind=row.kind,
        claimed_key=address_key(row.params.get("detail", "")) if row.kind == NoticeKind.ADDRESS else "",
        digest_id=_digest_of(row),
    )


def _digest_of(row: Row[Any]) -> int | None:
    """The digest whose numbers an answer to this mail means."""
    if row.kind == NoticeKind.DIGEST:
        return int(row.id)
    return row.params.get("outbox_id") if row.kind == NoticeKind.RECEIPT else None


def _return_path_hit(claims: _Claims, rows: OutboxRows, keyring: Keyring) -> TokenHit | None:
    for address in claims.return_paths:
        claim = read_return_path(address)
        row = rows.get(claim.outbox_id) if claim else None
        if claim and row is not None and verify_return_path(claim, row.reply_nonce, keyring.keys):
            return _hit(row, Intent.REPLY, in_envelope=True)
    return None


_OUR_MESSAGE_ID = re.compile(r"[0-9a-f]{32}@")  # as the outbox makes them
_BY_MESSAGE_ID = Prepared(
    select(outbox.c.id, outbox.c.lead_id).where(outbox.c.message_id == bindparam("message_id")).limit(1)
)


def _is_own_mail(session: Session, mail: ParsedMail, rows: OutboxRows, keyring: Keyring) -> bool:
    """Whether the mail carries our signed marker; a mail that bears one of our Message-IDs carries it too."""
    marked = read_marker(mail.marker)
    row = rows.get(marked) if marked is not None else None
    if row is not None and verify_marker(mail.marker, row.reply_nonce, keyring.keys):
        return True
    if not (mail.has_message_id and _OUR_MESSAGE_ID.match(mail.message_id)):
        return False
    return _BY_MESSAGE_ID.first(session, {"message_id": mail.message_id}) is not None


def _reported(session: Session, verdict: Verdict, return_path: TokenHit | None) -> tuple[int | None, int | None]:
    """The outbox row that a delivery report is about, and its lead: by return-path, else by the original Message-ID."""
    if return_path is not None:
        return return_path.outbox_id, return_path.lead_id
    if verdict.report is None or not verdict.report.original_message_id:
        return None, None
    row = _BY_MESSAGE_ID.first(session, {"message_id": verdict.report.original_message_id})
    return (row.id, row.lead_id) if row else (None, None)


_BY_UID = Prepared(
    select(activity.c.lead_id)
    .join(meeting, meeting.c.activity_id == activity.c.id)
    .where(meeting.c.uid == bindparam("uid"))
    .order_by(meeting.c.id.desc())
    .limit(5)
)


_OUR_MEETING = Prepared(
    select(activity.c.lead_id)
    .join(meeting, meeting.c.activity_id == activity.c.id)
    .where(meeting.c.uid == bindparam("uid"), meeting.c.is_ours)
    .order_by(meeting.c.id.desc())
    .limit(1)
)


def _our_meeting_lead(session: Session, verdict: Verdict) -> int | None:
    """Where the meeting is that we invited to and that a calendar mail answers."""
    uid = verdict.meeting.uid if verdict.meeting else ""
    row = _OUR_MEETING.first(session, {"uid": uid}) if uid else None
    return row.lead_id if row else None


def _meeting_leads(session: Session, verdict: Verdict) -> tuple[int, ...]:
    """Where a calendar mail's meeting is planned; asked of calendar mails only."""
    uid = verdict.meeting.uid if verdict.meeting else ""
    return tuple(dict.fromkeys(_BY_UID.column(session, {"uid": uid}))) if uid else ()


# --- who wrote it -------------------------------------------------------------------------------------------------------


_STAFF = select(
    literal("user").label("who"),
    user_address.c.key,
    user_address.c.user_id.label("id"),
    user.c.is_active,
    user.c.name,
).join(user, user.c.id == user_address.c.user_id)
_NAMESAKES = (
    select(literal("partner"), partner_address.c.key, partner.c.id, true(), partner.c.name)
    .join(partner_address, partner_address.c.partner_id == partner.c.id)
    .where(
        partner.c.name_key.in_(bindparam("names", expanding=True)),
        partner.c.kind == "person",
        partner.c.owner_id.is_not(None),
    )
)
_KNOWN_PEOPLE = Prepared(union_all(_STAFF, _NAMESAKES))
_NO_NAME = "?"  # which no name's key is


@dataclass(frozen=True, slots=True)
class _Namesake:
    """Somebody we know by name, with one of their addresses."""

    name: str
    key: str


@dataclass(frozen=True, slots=True)
class KnownPeople:
    """All users' addresses; and of the names asked for, the partners with an owner who bear them."""

    staff: Mapping[str, StaffAddress] = field(default_factory=dict)
    staff_names: Mapping[str, str] = field(default_factory=dict)  # of active users, by the name as compared
    namesakes: Mapping[str, tuple[_Namesake, ...]] = field(default_factory=dict)
    asked: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()  # where users have addresses, without mail providers

    def user_at(self, key: str) -> StaffAddress | None:
        """The user with this address; ``name+anything@`` is that of ``name@``."""
        return self.staff.get(key) or (self.staff.get(_plus_alias(key)) if "+" in key else None)


def remember_people(session: Session, mails: Iterable[ParsedMail]) -> None:
    """Inside ``remembering``: ask once for the users, and for those who bear the names of a batch's writers."""
    names = frozenset(filter(None, (_writers_name(mail) for mail in mails)))
    remembered(session, KnownPeople, lambda: _read_people(session, names))


def known_people(session: Session, mail: ParsedMail) -> KnownPeople:
    """The users, and the partners who bear the name of the writer of this mail."""
    name = _writers_name(mail)
    batch = remembered(session, KnownPeople, KnownPeople, lambda _: False)
    return batch if batch.staff and (not name or name in batch.asked) else _read_people(session, frozenset({name}))


def _writers_name(mail: ParsedMail) -> str:
    return name_key(mail.from_.name) if mail.from_ else ""


def _read_people(session: Session, names: frozenset[str]) -> KnownPeople:
    staff: dict[str, StaffAddress] = {}
    staff_names: dict[str, str] = {}
    namesakes: dict[str, tuple[_Namesake, ...]] = {}
    for who, key, id_, is_active, name in _KNOWN_PEOPLE.all(session, {"names": sorted(names - {""}) or [_NO_NAME]}):
        if who == "user":
            staff[key] = StaffAddress(key, id_, is_active)
            if is_active and name_key(name):
                staff_names[name_key(name)] = name
        else:
            namesakes[name_key(name)] = (*namesakes.get(name_key(name), ()), _Namesake(name, key))
    domains = frozenset(domain for domain in {key.rpartition("@")[2] for key in staff} if not is_free_mail(domain))
    return KnownPeople(staff, staff_names, namesakes, names, domains)


def staff_addresses(
    mail: ParsedMail, verdict: Verdict, envelope: Envelope, people: KnownPeople
) -> dict[str, StaffAddress]:
    """Users' addresses among those the mail names, those said to have written it through a form or a list included."""
    found = {key: people.user_at(key) for key in _named_keys(mail, verdict, envelope)}
    return {key: staff for key, staff in found.items() if staff is not None}


def _named_keys(mail: ParsedMail, verdict: Verdict, envelope: Envelope) -> frozenset[str]:
    form, list_ = verdict.form, mail.written_by
    said = (form.person if form else None, list_.box if list_ else None)
    named = [a.address for a in (mail.from_, mail.sender, *mail.reply_to, *mail.to, *mail.cc, *said) if a]
    return frozenset(address_key(a) for a in (*named, envelope.mail_from)) - {""}


def borrowed_name(mail: ParsedMail, author: Author, people: KnownPeople, rules: Rules) -> Hint | None:
    """Whether From bears the name of a user, or of a partner somebody looks after, at an address that is not theirs."""
    from_, name = mail.from_, _writers_name(mail)
    if from_ is None or not name or author.kind is not AuthorKind.OUTSIDER or mail.written_by or author.is_form:
        return None
    key = address_key(from_.address)
    if rules.is_ours(from_.address) or from_.domain in people.domains:
        return None
    if user_name := people.staff_names.get(name):
        return Hint(HintKind.NAME_OF_USER, from_.address, "", user_name)
    known = people.namesakes.get(name, ())
    if not known or any(_is_at_home(key, one.key) for one in known):
        return None
    return Hint(HintKind.NAME_OF_PARTNER, from_.address, known[0].key, known[0].name)


_WRITER = Prepared(select(user.c.name, user.c.locale, user.c.time_zone).where(user.c.id == bindparam("user")))


def _writer(session: Session, author: Author) -> Writer | None:
    """How to understand a proven user's words; asked of nobody else."""
    if author.kind is not AuthorKind.USER_PROVEN:
        return None
    row = _WRITER.first(session, {"user": author.user_id})
    return Writer(*row) if row else None


def _is_at_home(key: str, known: str) -> bool:
    """The known address itself, or one more at the same company."""
    domain = key.rpartition("@")[2]
    return key == known or (domain == known.rpartition("@")[2] and not is_free_mail(domain))


def _is_staff_domain(people: KnownPeople, mail: ParsedMail) -> bool:
    """Whether users have addresses at the From domain."""
    return mail.from_ is not None and mail.from_.domain in people.domains


def _proven_by_token(
    author: Author, tokens: Sequence[TokenHit], mail: ParsedMail, envelope: Envelope, rules: Rules
) -> Author:
    """Where the token is said to be enough (for trying it out), it proves the one person it was printed for."""
    if author.kind is not AuthorKind.USER_CLAIMED or not rules.is_token_enough or is_disproven(mail, envelope, rules):
        return author
    own = any(t.in_envelope and t.user_id == author.user_id and not t.is_retired for t in tokens)
    return replace(author, kind=AuthorKind.USER_PROVEN, proof="token") if own else author


def _is_own_word(mail: ParsedMail, author_key: str) -> bool:
    """Whether the writer stands in From: what proves the From domain says nothing of a person whom a form or a list names."""
    return mail.from_ is not None and address_key(mail.from_.address) == author_key


def _outsiders(mail: ParsedMail, people: KnownPeople, rules: Rules) -> frozenset[str]:
    """Those in To and Cc who are not of the house."""
    keys = {address_key(a.address) for a in (*mail.to, *mail.cc)} - {""}
    return frozenset(key for key in keys if not _is_inside(key, people, rules))


def _is_inside(key: str, people: KnownPeople, rules: Rules) -> bool:
    """An address of ours, a user's, or one beside theirs, such as the sales address that forwards to us."""
    return people.user_at(key) is not None or rules.is_ours(key) or key.rpartition("@")[2] in people.domains


def _reply_to(mail: ParsedMail, author: Author, people: KnownPeople, rules: Rules) -> str:
    """The outsider's own Reply-To where it differs from the address we know them by; never an address of the house."""
    if author.kind is not AuthorKind.OUTSIDER or author.is_form:
        return ""
    own = address_key(author.address.address)
    keys = ((p.address, address_key(p.address)) for p in mail.reply_to)
    return next((a for a, key in keys if key not in ("", own) and not _is_inside(key, people, rules)), "")


_PROOF_MATTERS = Prepared(
    union_all(
        select(user_address.c.key).where(user_address.c.key.in_(_KEYS)),
        select(partner_address.c.key).where(partner_address.c.key.in_(_KEYS)),
        select(participant.c.key).where(participant.c.key.in_(_KEYS)),
        select(address_claim.c.key).where(address_claim.c.key.in_(_KEYS)),
        select(partner.c.domain).where(partner.c.domain.in_(bindparam("domains", expanding=True))),
    )
)


_KEYS_OF_STAFF = Prepared(select(user_address.c.key).where(user_address.c.key.in_(_KEYS)))


def staff_among(session: Session, keys: Iterable[str]) -> frozenset[str]:
    """Those of these addresses that are a user's."""
    return frozenset(_KEYS_OF_STAFF.column(session, {"keys": sorted(set(keys))[:_MOST_ASKED]}))


def whose_proof_matters(session: Session, keys: Iterable[str]) -> frozenset[str]:
    """Those of these addresses whose mail we would treat otherwise with proof: users, and people and companies we know."""
    asked = sorted(set(keys) - {""})[:_MOST_ASKED]
    domains = sorted({key.rpartition("@")[2] for key in asked})
    if not asked:
        return frozenset()
    known = frozenset(_PROOF_MATTERS.column(session, {"keys": asked, "domains": domains}))
    return frozenset(key for key in asked if key in known or key.rpartition("@")[2] in known)


# --- the same mail before -----------------------------------------------------------------------------------------------


_SAME_CONTENT = inbound.c.content_key == bindparam("content_key")
_SAME_ID = and_(inbound.c.message_id == bindparam("message_id"), inbound.c.from_key == bindparam("from_key"))
_PAST_BY_CONTENT = Prepared(select(inbound).where(_SAME_CONTENT).order_by(inbound.c.id))
_PAST_BY_CONTENT_OR_ID = Prepared(select(inbound).where(or_(_SAME_CONTENT, _SAME_ID)).order_by(inbound.c.id))


def past_of(session: Session, mail: ParsedMail, author_key: str) -> Past | None:
    """The row with this content, else one with the same Message-ID and writer."""
    same = {"content_key": mail.content_key}
    if mail.has_message_id:
        same |= {"message_id": mail.message_id[:1000], "from_key": author_key}
    rows = (_PAST_BY_CONTENT_OR_ID if mail.has_message_id else _PAST_BY_CONTENT).all(session, same)
    row = next((r for r in rows if r.content_key == mail.content_key), rows[0] if rows else None)
    if row is None or row.state == "buried":
        return None
    is_same = row.content_key == mail.content_key
    return Past(
        inbound_id=row.id,
        is_same_content=is_same,
        is_similar_text=not is_same and _is_similar(session, row, mail),
        received_at=row.received_at,
        route=row.route,
        reason=row.reason,
        state=row.state,
        lead_id=row.lead_id,
        message_row_id=row.message_row_id,
        decided_by_id=row.decided_by_id,
        rcpt_to=tuple(row.rcpt_to),
        proven_rcpt_to=_proven_recipients(session, row.id) if is_same else (),
        author=row.author,
        author_proof=row.author_proof,
    )


def _is_similar(session: Session, row: Row[Any], mail: ParsedMail) -> bool:
    if row.text_key == mail.text_key:
        return True
    before = session.execute(select(message.c.new_text).where(message.c.id == row.message_row_id)).scalar()
    return before is not None and is_mostly_same(before, mail.new_text)


def _proven_recipients(session: Session, inbound_id: int) -> tuple[str, ...]:
    proven = select(inbound_copy.c.rcpt_to).where(
        inbound_copy.c.inbound_id == inbound_id, inbound_copy.c.author == AuthorKind.USER_PROVEN.value
    )
    return tuple(dict.fromkeys(address for (rcpt_to,) in session.execute(proven) for address in rcpt_to))


_RECENT = Prepared(
    select(inbound.c.received_at, inbound.c.lead_id, inbound.c.is_new_lead, inbound.c.text_key)
    .where(inbound.c.from_key == bindparam("from_key"), inbound.c.received_at > bindparam("since"))
    .order_by(inbound.c.received_at.desc())
    .limit(200)
)


def recent_of(session: Session, author_key: str, now: datetime) -> tuple[Recent, ...]:
    """What this writer sent within two hours (index ix_inbound_from_at)."""
    return tuple(Recent(*row) for row in _RECENT.all(session, {"from_key": author_key, "since": now - _HOURS_2}))


_RECENT_OF_DOMAIN = Prepared(
    select(func.count()).select_from(
        select(literal(1))
        .where(
            inbound.c.from_domain == bindparam("domain"),
            inbound.c.received_at > bindparam("since"),
            inbound.c.is_new_lead,
        )
        .limit(bindparam("most"))
        .subquery()
    )
)


def _domain_new_leads(session: Session, author_key: str, limit: int, now: datetime) -> int:
    domain = author_key.rpartition("@")[2]
    if not domain or is_free_mail(domain):
        return 0
    binds = {"domain": domain, "since": now - _HOURS_2, "most": limit}
    return int(_RECENT_OF_DOMAIN.scalar(session, binds))


# --- references ---------------------------------------------------------------------------------------------------------


_REFERENCES = Prepared(
    select(message_ref.c.ref, message_ref.c.kind, func.coalesce(message.c.lead_id, message_ref.c.lead_id))
    .outerjoin(message, message.c.id == message_ref.c.message_id)
    .where(message_ref.c.ref.in_(bindparam("refs", expanding=True)))
    .order_by(message_ref.c.id.desc())
)


def references(session: Session, mail: ParsedMail) -> tuple[RefHit, ...]:
    """Leads that the ids of this mail belong to, newest first; a moved message takes its ids along."""
    own_id = mail.message_id if mail.has_message_id else ""
    wanted = ids_to_look_up(own_id, mail.mentioned_ids)
    if not wanted:
        return ()
    found: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for ref, kind, found_lead_id in _REFERENCES.all(session, {"refs": wanted}):
        found[ref].append((kind, found_lead_id))
    return ref_hits(wanted, own_id, found)


# --- recipients, people, leads ------------------------------------------------------------------------------------------


def _with_recipients(
    session: Session, facts: Facts, claims: _Claims, mail: ParsedMail, envelope: Envelope, rules: Rules
) -> Facts:
    """Aliases in RCPT order, admin addresses, and what is left over."""
    keys = tuple(dict.fromkeys(k for k in claims.others if k))
    unverified = tuple(address_key(c.address) for c in claims.in_envelope if not _is_hit(facts, c))
    aliases = aliases_of(session, (*keys, *(_plus_alias(k) for k in unverified)))
    is_admin = [
        k for k in keys if k == rules.notify_key or (rules.is_ours(k) and k.partition("@")[0] in _ADMIN_LOCAL_PARTS)
    ]
    known = {a.key for a in aliases} | set(is_admin)
    unknown = tuple(
        k for k in (*keys, *unverified) if k not in known and _plus_alias(k) not in known and rules.is_ours(k)
    )
    never_issued = tuple(address_key(a) for a in claims.return_paths) if facts.return_path is None else ()
    return replace(
        facts,
        aliases=aliases,
        is_to_admin=bool(is_admin),
        unknown_local_parts=(*unknown, *never_issued),
        is_own_list=_is_own_list(mail, aliases, rules),
    )


def _is_hit(facts: Facts, claim: TokenClaim) -> bool:
    return any(t.outbox_id == claim.outbox_id and t.intent is claim.intent for t in facts.tokens)


def _plus_alias(key: str) -> str:
    """``sales@d`` for ``sales+anything@d``."""
    local, _, domain = key.partition("@")
    return f"{local.partition('+')[0]}@{domain}"


_ALIASES = Prepared(
    select(
        alias.c.key, alias.c.team_id, alias.c.owner_id, alias.c.source, alias.c.medium, alias.c.campaign, alias.c.tags
    ).where(alias.c.key.in_(_KEYS))
)


def aliases_of(session: Session, keys: Sequence[str]) -> tuple[AliasFacts, ...]:
    """The aliases among ``keys``, in their order; sub-addresses (``sales+x@``) count as their alias."""
    wanted = list(dict.fromkeys(name for k in keys for name in (k, _plus_alias(k))))
    if not wanted:
        return ()
    return remembered(session, ("aliases", *wanted), lambda: _read_aliases(session, wanted))


def _read_aliases(session: Session, wanted: Sequence[str]) -> tuple[AliasFacts, ...]:
    rows = {r.key: r for r in _ALIASES.all(session, {"keys": wanted[:500]})}
    return tuple(_alias(rows[k]) for k in wanted if k in rows)


def _alias(row: Any) -> AliasFacts:
    return AliasFacts(row.key, row.team_id, row.owner_id, row.source, row.medium, row.campaign, tuple(row.tags))


def _is_own_list(mail: ParsedMail, aliases: Sequence[AliasFacts], rules: Rules) -> bool:
    """List headers do not count when the list is ours: configured, or its id or post address names an alias."""
    ours = {*rules.own_lists, *(a.key for a in aliases)}
    return any(value in (name, name.replace("@", ".")) for value in mail.list_ids for name in ours)


def _with_people(
    session: Session, facts: Facts, author_key: str, mail: ParsedMail, rules: Rules, now: datetime
) -> Facts:
    """Partner and company of the writer; for what may become a new lead also the owner chain's facts."""
    if facts.author.kind in (AuthorKind.USER_PROVEN, AuthorKind.USER_CLAIMED):
        return facts
    known = partner_of(session, author_key)
    company = None if known else company_of(session, author_key)
    facts = replace(facts, partner=known, company=company)
    if facts.tokens or facts.return_path or facts.refs:
        return facts if not _may_be_continued(facts) else _with_owner_chain(session, facts, now)
    facts = replace(
        facts,
        subject_lead_id=_subject_lead(session, known, mail, rules, now),
        domain_new_leads=_domain_new_leads(session, author_key, rules.max_new_leads_per_domain, now),
    )
    return _with_owner_chain(session, facts, now)


def _with_about(session: Session, facts: Facts, mail: ParsedMail, rules: Rules, now: datetime) -> Facts:
    """Rows 7 and 8: whom a colleague's forward or copy is about, and who would own a lead of theirs."""
    if facts.author.kind is not AuthorKind.USER_PROVEN or facts.tokens:
        return facts
    about = about_of(session, mail, facts.author, facts.outsiders_in_header, rules)
    if about.person is None:
        return replace(facts, about=about)
    key = address_key(about.person.address)
    known = partner_of(session, key)
    company = None if known else company_of(session, key)
    return _with_owner_chain(session, replace(facts, about=about, partner=known, company=company), now)


def _may_be_continued(facts: Facts) -> bool:
    """Whether the mail may open a new lead although it names one (a closed one it continues)."""
    return facts.author.kind is AuthorKind.OUTSIDER


_firm = partner.alias("firm")
_PARTNER = Prepared(
    select(
        partner.c.id,
        partner.c.relation,
        partner.c.owner_id,
        case((partner.c.kind == "company", partner.c.id), else_=partner.c.company_id),
        _firm.c.owner_id,
    )
    .select_from(partner_address)
    .join(partner, partner.c.id == partner_address.c.partner_id)
    .outerjoin(_firm, _firm.c.id == partner.c.company_id)
    .where(partner_address.c.key == bindparam("key"))
)


def partner_of(session: Session, key: str) -> PartnerFacts | None:
    """The partner with this address, and their company's owner."""
    row = _PARTNER.first(session, {"key": key})
    return PartnerFacts(*row) if row else None


_COMPANY = Prepared(select(partner.c.id, partner.c.owner_id).where(partner.c.domain == bindparam("domain")))


def company_of(session: Session, key: str) -> CompanyFacts | None:
    """The company whose domain the address has; a mail provider's domain is no company's."""
    domain = key.rpartition("@")[2]
    if not domain or is_free_mail(domain):
        return None
    row = _COMPANY.first(session, {"domain": domain})
    return CompanyFacts(*row) if row else None


_SUBJECT_LEAD = Prepared(
    select(lead.c.id)
    .where(
        lead.c.partner_id == bindparam("partner"),
        lead.c.base_subject == bindparam("base_subject"),
        lead.c.outcome.is_(None),
        lead.c.last_message_at > bindparam("since"),
    )
    .order_by(lead.c.id.desc())
    .limit(1)
)


def _subject_lead(
    session: Session, known: PartnerFacts | None, mail: ParsedMail, rules: Rules, now: datetime
) -> int | None:
    """The person's latest open lead with the same base subject and a message not too old."""
    if known is None or not mail.has_reply_prefix or not mail.base_subject:
        return None
    binds = {"partner": known.id, "base_subject": mail.base_subject[:500], "since": now - rules.subject_age}
    found: int | None = _SUBJECT_LEAD.scalar(session, binds)
    return found


def _with_owner_chain(session: Session, facts: Facts, now: datetime) -> Facts:
    company_id = facts.partner.company_id if facts.partner else (facts.company.id if facts.company else None)
    team_id = facts.aliases[0].team_id if facts.aliases else None
    facts = replace(facts, company_lead_owner_id=_company_lead_owner(session, company_id))
    owners = {
        facts.partner.owner_id if facts.partner else None,
        facts.partner.company_owner_id if facts.partner else None,
        facts.company.owner_id if facts.company else None,
        facts.company_lead_owner_id,
        *(a.owner_id for a in facts.aliases),
        facts.author.user_id if facts.about else None,
    } - {None}
    facts = replace(facts, inactive_user_ids=inactive_users(session, owners))
    return _with_team(session, facts, team_id, now) if team_id is not None else facts


_COMPANY_LEAD_OWNER = Prepared(
    select(lead.c.owner_id)
    .where(lead.c.company_id == bindparam("company"), lead.c.outcome.is_(None), lead.c.owner_id.is_not(None))
    .order_by(lead.c.id.desc())
    .limit(1)
)


def _company_lead_owner(session: Session, company_id: int | None) -> int | None:
    if company_id is None:
        return None
    owner_id: int | None = _COMPANY_LEAD_OWNER.scalar(session, {"company": company_id})
    return owner_id


_INACTIVE = Prepared(select(user.c.id).where(user.c.id.in_(_IDS), or_(~user.c.is_active, user.c.role == "colleague")))


def inactive_users(session: Session, ids: Iterable[int | None]) -> frozenset[int]:
    """Which of these users are deactivated, or may own no lead."""
    wanted = sorted(i for i in ids if i is not None)
    if not wanted:
        return frozenset()
    read = partial(_INACTIVE.column, session, {"ids": wanted})
    return frozenset(remembered(session, ("inactive", *wanted), read, lambda _: True))


_TEAM = Prepared(select(team.c.rule, team.c.rotation_user_id).where(team.c.id == bindparam("team")).with_for_update())
_open_leads = (
    select(func.count())
    .select_from(lead)
    .where(lead.c.owner_id == user.c.id, lead.c.outcome.is_(None))
    .scalar_subquery()
)
_MEMBERS = (
    select(user.c.id, user.c.absent_until)
    .join(team_member, team_member.c.user_id == user.c.id)
    .where(
        team_member.c.team_id == bindparam("team"),
        team_member.c.takes_leads,
        user.c.is_active,
        user.c.role != "colleague",
    )
    .order_by(user.c.id)
)
_WITHOUT_LOAD = Prepared(_MEMBERS.add_columns(literal(0)))
_WITH_LOAD = Prepared(_MEMBERS.add_columns(_open_leads))


def _with_team(session: Session, facts: Facts, team_id: int, now: datetime) -> Facts:
    """The team's rule, its rotation pointer (locked) and who is present."""
    row = _TEAM.one(session, {"team": team_id})
    if row.rule == "least_loaded":  # changes with every mail
        rows = _WITH_LOAD.all(session, {"team": team_id})
    else:
        rows = remembered(session, ("members", team_id), lambda: _WITHOUT_LOAD.all(session, {"team": team_id}))
    members = tuple(
        Member(user_id, absent_until is None or absent_until <= now, open_leads)
        for user_id, absent_until, open_leads in rows
    )
    return replace(facts, members=members, rotation_user_id=row.rotation_user_id, team_rule=row.rule)


def _with_leads(session: Session, facts: Facts, author_key: str) -> Facts:
    """The leads that tokens, references and subject name; and what a salesperson's reply must be held against."""
    hits = (*facts.tokens, *((facts.return_path,) if facts.return_path else ()))
    ids = {t.lead_id for t in hits} | {r.lead_id for r in facts.refs[:2]}
    ids |= {facts.subject_lead_id, *facts.meeting_lead_ids}
    if facts.about:
        ids |= {facts.about.subject_lead_id, facts.about.latest_lead_id, *facts.about.carried_lead_ids[:2]}
    wanted = sorted(i for i in ids if i is not None)
    if not wanted or facts.author.kind is AuthorKind.MACHINE:
        return facts
    leads = leads_of(session, wanted)
    facts = replace(facts, leads=leads)
    if facts.author.kind is not AuthorKind.USER_PROVEN or not facts.tokens:
        return facts
    token = next((t for t in facts.tokens if t.in_envelope), facts.tokens[0])
    if token.lead_id is None:
        return facts
    return replace(
        _with_later(session, facts, token),
        suppressed_keys=_suppressed(session, facts.lead(token.lead_id)),
        sent_hashes=hashes_on_lead(session, token.lead_id),
        card_lines=card_lines(session, token.outbox_id),
    )


_LEADS = Prepared(
    select(lead, stage.c.kind.label("stage_kind"), _firm.c.domain.label("company_domain"))
    .join(stage, stage.c.id == lead.c.stage_id)
    .outerjoin(_firm, _firm.c.id == lead.c.company_id)
    .where(lead.c.id.in_(_IDS))
)
_PARTNERS_OF_LEADS = Prepared(
    select(lead.c.id, partner_address.c.key)
    .join(partner_address, partner_address.c.partner_id == lead.c.partner_id)
    .where(lead.c.id.in_(_IDS))
)
_PARTICIPANTS = Prepared(
    select(participant.c.lead_id, participant.c.key, participant.c.is_confirmed).where(participant.c.lead_id.in_(_IDS))
)


def leads_of(session: Session, ids: Sequence[int]) -> tuple[LeadFacts, ...]:
    """Leads with everybody who belongs to them."""
    rows = _LEADS.all(session, {"ids": ids})
    known, unconfirmed = _people_of(session, ids)
    return tuple(
        LeadFacts(
            id=r.id,
            partner_id=r.partner_id,
            owner_id=r.owner_id,
            owner_reason=r.owner_reason,
            team_id=r.team_id,
            outcome=r.outcome or "",
            stage_kind=r.stage_kind,
            created_at=r.created_at,
            closed_at=r.closed_at,
            last_message_at=r.last_message_at,
            known_keys=frozenset(known[r.id] | {address_key(r.reply_to)} - {""}),
            unconfirmed_keys=frozenset(unconfirmed[r.id]),
            company_domain=r.company_domain or "",
            reply_key=address_key(r.reply_to),
        )
        for r in rows
    )


def _people_of(session: Session, ids: Sequence[int]) -> tuple[dict[int, set[str]], dict[int, set[str]]]:
    """Address keys of each lead's partner and confirmed participants; and of unconfirmed participants."""
    known: dict[int, set[str]] = defaultdict(set)
    unconfirmed: dict[int, set[str]] = defaultdict(set)
    for lead_id, key in _PARTNERS_OF_LEADS.all(session, {"ids": ids}):
        known[lead_id].add(key)
    for lead_id, key, is_confirmed in _PARTICIPANTS.all(session, {"ids": ids}):
        (known if is_confirmed else unconfirmed)[lead_id].add(key)
    return known, unconfirmed


_MOST_LATER = 20
_WRITTEN_AFTER = Prepared(
    select(
        message.c.kind,
        message.c.author_user_id,
        func.coalesce(user.c.name, func.nullif(message.c.author_name, ""), message.c.author_address).label("name"),
        message.c.at,
        func.substr(message.c.new_text, 1, 300).label("text"),
    )
    .outerjoin(user, user.c.id == message.c.author_user_id)
    .outerjoin(outbox, outbox.c.id == message.c.outbox_id)
    .where(
        message.c.lead_id == bindparam("lead"),
        message.c.kind.in_(("email_out", "email_in")),
        message.c.id > bindparam("message"),
        ~message.c.is_folded,
        ~message.c.is_unconfirmed,
        or_(outbox.c.state.is_(None), outbox.c.state != "dropped"),
    )
    .order_by(message.c.id.desc())
    .limit(_MOST_LATER)
)


def _with_later(session: Session, facts: Facts, token: TokenHit) -> Facts:
    """What was written on the lead after the message that this token's notice told of, and after the writer's own last mail."""
    rows = _WRITTEN_AFTER.all(session, {"lead": token.lead_id, "message": token.message_row_id or 0})
    newest = rows[0] if rows else None
    is_own = newest is not None and newest.kind == "email_out" and newest.author_user_id == facts.author.user_id
    later = None
    if newest is not None and not is_own:
        user_id = newest.author_user_id if newest.kind == "email_out" else None
        later = Later(user_id, newest.name or "", newest.at, " ".join(newest.text.split()))
    answered = next((row.author_user_id for row in rows if row.kind == "email_out"), None)
    return replace(facts, later=later, answered_by_user_id=answered)


_SUPPRESSED = Prepared(select(suppression.c.key).where(suppression.c.key.in_(_KEYS)))


def _suppressed(session: Session, found: LeadFacts | None) -> frozenset[str]:
    if found is None or not found.known_keys:
        return frozenset()
    return frozenset(_SUPPRESSED.column(session, {"keys": sorted(found.known_keys)}))


_HASHES = Prepared(
    select(attachment.c.sha256)
    .join(message, message.c.id == attachment.c.message_id)
    .where(message.c.lead_id == bindparam("lead"))
)


def hashes_on_lead(session: Session, lead_id: int) -> frozenset[str]:
    """Hashes of the attachments that came or went on a lead: what a reply carries back is not sent again."""
    return frozenset(_HASHES.column(session, {"lead": lead_id}))


_PARAMS = Prepared(select(outbox.c.params).where(outbox.c.id == bindparam("id")))


def card_lines(session: Session, outbox_id: int) -> tuple[str, ...]:
    """The lines of the card that the notice showed, as compose noted them."""
    params = _PARAMS.scalar(session, {"id": outbox_id})
    lines = (params or {}).get("card_lines", [])
    return tuple(line for line in lines if len(line) >= 12)


def card_lines_on_lead(session: Session, lead_id: int) -> tuple[str, ...]:
    """The lines of all cards that notices of a lead showed in its latest mails."""
    recent = select(outbox.c.params).where(outbox.c.lead_id == lead_id).order_by(outbox.c.id.desc()).limit(50)
    lines = (line for params in session.execute(recent).scalars() for line in params.get("card_lines", []))
    return tuple(dict.fromkeys(line for line in lines if len(line) >= 12))
