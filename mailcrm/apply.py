"""Route -> rows, in the caller's transaction; returns the events to tell of.

Every received mail ends as exactly one ``inbound`` row. ``Arrival`` is one mail with everything decided about it; ``apply``
writes the row, lets the handler of the route's kind write the rest, and notes on the row where the mail went. The same code
serves a mail that just came, one decided again by stronger evidence, and one that a person released or attached by hand.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import bindparam, delete, exists, func, insert, or_, select, update

from mailcrm.address import address_key
from mailcrm.crm.absence import after_absence_of, after_own_mail, away_by_auto_reply
from mailcrm.crm.chatter import NewMessage, add_event, add_files, add_mentions, add_message, named
from mailcrm.crm.claims import confirmed_by_mail
from mailcrm.crm.commanding import Carried, Given, NotDone, carry_out
from mailcrm.crm.first_contact import Filled, Person, ensure_person, fill_from_form
from mailcrm.crm.leads import (
    NewLead,
    after_mail_in,
    after_mail_out,
    apply_stage_event,
    assign,
    create_lead,
    restore,
    set_tags_also,
)
from mailcrm.crm.meetings import CalendarMail, heed
from mailcrm.crm.moving import move_message
from mailcrm.crm.numbered import carry_out_answer
from mailcrm.crm.participants import Joining, add_people
from mailcrm.crm.people import wants_receipts
from mailcrm.crm.splitting import give_turn
from mailcrm.crm.undoing import record_run
from mailcrm.crm.writing import write_note
from mailcrm.decide import LATE
from mailcrm.findings import NOTHING_FOUND, Findings, Via, as_json, attached_mails
from mailcrm.forwarding import Handed, Written, had_it, write_forward
from mailcrm.ingest.body import new_text
from mailcrm.ingest.memory import LONGEST_TEXT, MOST_TEXTS, Known, fold_known, may_hold_quote
from mailcrm.letter import Draft, draft_of, letter_of
from mailcrm.mail import (
    Address,
    Attachment,
    AuthorKind,
    AutoReplyType,
    Change,
    Envelope,
    Event,
    Facts,
    Fault,
    FaultWhy,
    Hint,
    HintKind,
    Invitation,
    LeadFacts,
    MailKind,
    Orders,
    ParsedMail,
    Reason,
    Route,
    RouteKind,
    Verb,
    Verdict,
)
from mailcrm.notify.people import read_people
from mailcrm.notify.reports import apply_report
from mailcrm.orders import named_customer, without_commands
from mailcrm.store.engine import Session, savepoint
from mailcrm.store.prepared import Prepared
from mailcrm.store.tables import (
    inbound,
    inbound_copy,
    lead,
    message,
    message_ref,
    outbox,
    participant,
    team,
)
from mailcrm.store.upsert import insert_ignore
from mailcrm.threading.domains import are_aligned, is_free_mail

_FRESH = timedelta(seconds=30)  # five tries take longer
_LOOPS = frozenset(
    {
        Reason.LOOP_OWN_MAIL,
        Reason.LOOP_RECEIVED,
        Reason.LOOP_NEW_LEADS,
        Reason.LOOP_NEW_LEADS_DOMAIN,
        Reason.LOOP_MESSAGES,
        Reason.LOOP_EQUAL_BODIES,
    }
)
_STATES = {
    RouteKind.HOLD: "held",
    RouteKind.TRIAGE: "triage",
    RouteKind.QUIET: "quiet",
    RouteKind.BURIED: "buried",
    RouteKind.DISMISSED: "dismissed",
}


@dataclass(frozen=True, slots=True)
class Arrival:
    """One copy of a mail, read, looked up and decided. ``inbound_id`` is set when its row exists already."""

    spool_id: str
    envelope: Envelope
    mail: ParsedMail
    verdict: Verdict
    facts: Facts
    route: Route
    raw_id: int | None
    inbound_id: int | None = None
    by: int | None = None  # who decided by hand
    own_domains: tuple[str, ...] = ()
    holidays: str = ""  # the house's country
    draft: Draft | None = None  # of a colleague's mail to a customer, if it was made before
    along: str = ""  # the end of its text that we wrote: what an invitation says


@dataclass(frozen=True, slots=True)
class Placed:
    """What a handler did: where the mail lies now, and whom to tell."""

    lead_id: int | None = None
    message_row_id: int | None = None
    events: tuple[Event, ...] = ()
    is_new_lead: bool = False
    kept_inside: tuple[Attachment, ...] = ()  # pictures of a mail that leaves, which do not


Handler = Callable[[Session, Arrival, int, datetime], Placed]


def apply(session: Session, arrival: Arrival, now: datetime) -> tuple[Event, ...]:
    """Write what the route says. The caller enqueues the events in the same transaction."""
    if arrival.route.kind is RouteKind.DUPLICATE:
        count_copy(session, arrival)
        return ()
    inbound_id = arrival.inbound_id or record(session, arrival, now)
    arrival, carried = _obeyed(session, arrival, now)
    placed = _HANDLERS[arrival.route.kind](session, arrival, inbound_id, now)
    _note_outcome(session, arrival, inbound_id, placed, now)
    author = arrival.facts.author
    if author.kind is AuthorKind.USER_PROVEN and author.user_id is not None and arrival.by is None:
        after_own_mail(session, author.user_id)
    if carried is None:
        return placed.events
    sent = _with_invitation(placed.events, carried.invitation)
    return (*carried.events, *sent, *_receipt_of(session, arrival, inbound_id, placed, carried, now))


def _with_invitation(events: tuple[Event, ...], invitation: Invitation | None) -> tuple[Event, ...]:
    """An invitation goes along with the text that it was written above of."""
    if invitation is None:
        return events
    return tuple(replace(one, invitation=invitation) if one.kind == "message_out" else one for one in events)


# --- commands -----------------------------------------------------------------------------------------------------------


def _obeyed(session: Session, arrival: Arrival, now: datetime) -> tuple[Arrival, Carried | None]:
    """The commands of the mail are carried out, all or none; the mail without them, on the lead where they left it.

    If one of them cannot be, the mail is held as it came.
    """
    if arrival.route.answer is not None:
        return arrival, _answered(session, arrival, now)
    orders = arrival.route.orders
    if orders is None or arrival.route.kind is RouteKind.HOLD:
        return arrival, None
    try:
        with savepoint(session, "commands"):
            carried = carry_out(session, _given(arrival, orders), orders.commands, now)
    except NotDone as e:
        faulty = Orders(faults=(e.fault,))
        held = Route(
            RouteKind.HOLD, Reason.COMMAND_NOT_UNDERSTOOD, e.fault.line[:200], arrival.route.lead_id, orders=faulty
        )
        return replace(arrival, route=held), None
    is_given = any(command.verb in (Verb.ASSIGN, Verb.TAKE) for command in orders.commands)
    route = replace(arrival.route, lead_id=carried.lead_id, takes_lead=arrival.route.takes_lead and not is_given)
    if (
        route.kind is RouteKind.NOTE and route.lead_id is None
    ):  # "/away until 5.12." and a word of good-bye: a note of no lead
        route = replace(route, kind=RouteKind.COMMANDS)
    text = orders.text if route.kind is RouteKind.REPLY else orders.note
    text = "\n\n".join(part for part in (text, carried.along) if part)
    return replace(arrival, route=route, mail=without_commands(arrival.mail, text), along=carried.along), carried


def _answered(session: Session, arrival: Arrival, now: datetime) -> Carried | None:
    """The answer to a digest, number by number; nothing comes of a word of thanks. Files have no lead to go to."""
    answer = arrival.route.answer
    files = [a.filename for a in arrival.mail.attachments if not a.is_inline]
    if answer is None or (answer.is_empty and not files and arrival.mail.new_text.strip()):
        return None
    carried = carry_out_answer(session, _given(arrival, Orders()), answer, now)
    left_out = list(carried.left_out)
    if files:
        said = "A file has no lead to go to: answer a mail of its lead."
        left_out.append(Fault(", ".join(files), FaultWhy.REFUSED, said))
    if answer.is_empty and not files:
        left_out.append(Fault("", FaultWhy.NO_DIGEST_NUMBER))
    return replace(carried, left_out=(*answer.faults, *left_out))


def _given(arrival: Arrival, orders: Orders) -> Given:
    facts, rules_domains = arrival.facts, frozenset(arrival.own_domains)
    token = next((t for t in facts.tokens if t.in_envelope), None)
    if facts.writer is None:
        raise ValueError("commands of somebody who is no proven user")
    return Given(
        user_id=_user_of(arrival),
        writer=facts.writer,
        lead_id=arrival.route.lead_id,
        message_row_id=token.message_row_id if token else None,
        may_leave=arrival.route.may_leave,
        notice_id=token.outbox_id if token else None,
        customer=named_customer(arrival.mail, orders, rules_domains),
        subject=arrival.mail.base_subject,
        domains=rules_domains,
        has_text=arrival.route.kind is RouteKind.REPLY,
        is_lenient=arrival.route.is_lenient,
        holidays=arrival.holidays,
    )


def _receipt_of(
    session: Session, arrival: Arrival, inbound_id: int, placed: Placed, carried: Carried, now: datetime
) -> tuple[Event, ...]:
    """What was done is remembered, so that it can be taken back, and told to its writer unless they want errors only."""
    user_id = _user_of(arrival)
    run_id = record_run(session, inbound_id, user_id, carried.lead_id, carried.steps, now)
    orders = arrival.route.orders or Orders()
    more: tuple[Event, ...] = ()
    if arrival.route.kind is RouteKind.REPLY and orders.note:
        noted = write_note(session, _lead_of(arrival.route), orders.note, user_id, now)
        add_files(session, noted.id, placed.kept_inside)
        more = noted.events
    left_out = (*orders.faults, *carried.left_out)
    if not (left_out or carried.asked or wants_receipts(session, user_id)):
        return more
    changes = (*carried.changes, *map(fault_change, left_out), *_destination(session, arrival, bool(more), now))
    if any(event.kind == "message_out" for event in carried.events):
        changes = (*changes, Change("meeting_mailed"))
    answer = arrival.route.answer
    told = Event(
        "receipt",
        carried.lead_id,
        inbound_id=inbound_id,
        outbox_id=answer.outbox_id if answer else None,
        actor_user_id=user_id,
        changes=changes,
        run_id=run_id,
    )
    return (*more, told)


def _destination(session: Session, arrival: Arrival, has_note: bool, now: datetime) -> tuple[Change, ...]:
    """To whom the text of the mail went."""
    route = arrival.route
    if route.kind is RouteKind.REPLY:
        people = read_people(session, Event("message_out", route.lead_id, only_to_key=route.only_to_key), now)
        outside = (*((people.customer,) if people.customer else ()), *people.copies)
        to = ", ".join(f"{one.name} <{one.address}>" if one.name else one.address for one in outside)
        return (Change("sent", (("to", to),)), *((Change("noted"),) if has_note else ()))
    if route.kind is RouteKind.NOTE:
        return (Change("noted"),)
    return () if route.answer else (Change("not_sent"),)


def fault_change(fault: Fault) -> Change:
    """A line that was not carried out, as receipts and questions say it."""
    values = (("line", fault.line[:300]), ("why", fault.why.value), ("detail", fault.detail[:300]), *fault.values)
    return Change("fault", values)


# --- the inbound row ----------------------------------------------------------------------------------------------------

_INSERT_INBOUND = Prepared(insert(inbound))


def record(session: Session, arrival: Arrival, now: datetime) -> int:
    """The one row of this mail; a mail that was buried and comes back takes over its row."""
    mail, facts, envelope, verdict = arrival.mail, arrival.facts, arrival.envelope, arrival.verdict
    author_key = address_key(facts.author.address.address)[:320]
    row = {
        "content_key": _content_key(arrival, now),
        "text_key": mail.text_key,
        "spool_id": arrival.spool_id,
        "received_at": envelope.received_at,
        "door": envelope.door.value,
        "mail_from": envelope.mail_from[:320],
        "rcpt_to": list(envelope.rcpt_to),
        "from_name": facts.author.address.name[:300],
        "from_address": facts.author.address.address[:320],
        "from_key": author_key,
        "from_domain": author_key.rpartition("@")[2][:255],
        "subject": mail.subject[:1000],
        "message_id": mail.message_id[:1000],
        "size": mail.size,
        "author": facts.author.kind.value,
        "author_user_id": facts.author.user_id,
        "author_proof": facts.author.proof[:200],
        "auth": facts.auth.to_row() if facts.auth else None,
        "verdict": verdict.kind.value,
        "verdict_reason": verdict.reason.value,
        "verdict_detail": verdict.detail[:500],
        "route": arrival.route.kind.value,
        "reason": arrival.route.reason.value,
        "state": _STATES.get(arrival.route.kind, "done"),
        "raw_id": arrival.raw_id,
        "decided_at": now,
        "defects": list(mail.defects),
        "findings": as_json(found_in(arrival)),
    }
    if arrival.envelope.received_at < now - _FRESH:  # only a mail that waited can have been buried
        buried = select(inbound.c.id).where(inbound.c.spool_id == arrival.spool_id, inbound.c.state == "buried")
        known = session.execute(buried).scalar()
        if known is not None:
            session.execute(update(inbound).where(inbound.c.id == known).values(row))
            return int(known)
    return _INSERT_INBOUND.insert(session, row)


def found_in(arrival: Arrival) -> Findings:
    """What reading and looking up found beside the words."""
    mail, verdict, author = arrival.mail, arrival.verdict, arrival.facts.author
    if author.user_id is not None:  # a colleague's mail is taken apart on the lead itself
        return NOTHING_FOUND
    behind = mail.written_by if author.proof and mail.written_by and mail.written_by.proof == author.proof else None
    return Findings(
        hints=_hints(arrival) if author.kind is AuthorKind.OUTSIDER else (),
        via=Via(mail.from_.address, behind.proof) if behind and mail.from_ else None,
        auto_reply=verdict.auto_reply,
        form=verdict.form.fields if verdict.form else (),
        mails=attached_mails(mail.forwarded),
        meeting=verdict.meeting if verdict.kind is MailKind.CALENDAR else None,
    )


def _hints(arrival: Arrival) -> tuple[Hint, ...]:
    """Names that may be borrowed; a partner whom somebody looks after bears their own at an address we know."""
    known, read = arrival.facts.hint, arrival.verdict.phishing
    partner = arrival.facts.partner
    if partner is not None and partner.owner_id is not None:
        known = None
        read = None if read and read.kind is HintKind.NAME_OF_RECIPIENT else read
    if known is not None and read is not None and read.kind is HintKind.NAME_OF_RECIPIENT:
        read = None
    return tuple(hint for hint in (known, read) if hint is not None)


def _content_key(arrival: Arrival, now: datetime) -> str:
    """Without a Message-ID an equal mail is a duplicate for 24 hours only; later it is a mail of its own."""
    past = arrival.facts.past
    if past is not None and past.is_same_content and arrival.route.kind is not RouteKind.DUPLICATE:
        return f"{arrival.mail.content_key[:60]}:{arrival.spool_id[-18:]}"
    return arrival.mail.content_key


_OUTCOME = Prepared(
    update(inbound)
    .where(inbound.c.id == bindparam("b_id"))
    .values(
        route=bindparam("b_route"),
        reason=bindparam("b_reason"),
        reason_detail=bindparam("b_detail"),
        state=bindparam("b_state"),
        lead_id=bindparam("b_lead"),
        message_row_id=bindparam("b_message"),
        is_new_lead=bindparam("b_is_new"),
        decided_at=bindparam("b_at"),
        decided_by_id=bindparam("b_by"),
        author=bindparam("b_author"),
        author_user_id=bindparam("b_author_user"),
        author_proof=bindparam("b_proof"),
    )
)


def _note_outcome(session: Session, arrival: Arrival, inbound_id: int, placed: Placed, now: datetime) -> None:
    route, author = arrival.route, arrival.facts.author
    _OUTCOME.run(
        session,
        {
            "b_id": inbound_id,
            "b_route": route.kind.value,
            "b_reason": route.reason.value,
            "b_detail": route.detail[:500],
            "b_state": _STATES.get(route.kind, "done"),
            "b_lead": placed.lead_id,
            "b_message": placed.message_row_id,
            "b_is_new": placed.is_new_lead,
            "b_at": now,
            "b_by": arrival.by,
            "b_author": author.kind.value,
            "b_author_user": author.user_id,
            "b_proof": author.proof[:200],
        },
    )


def count_copy(session: Session, arrival: Arrival) -> None:
    """Row 1: add this copy's recipients, proof and door to the row."""
    past = arrival.facts.past
    if past is None:
        raise ValueError("a duplicate of nothing")
    is_repeat = or_(inbound.c.spool_id == arrival.spool_id, exists().where(inbound_copy.c.spool_id == arrival.spool_id))
    counted = session.execute(
        update(inbound)
        .where(inbound.c.id == past.inbound_id, ~is_repeat)
        .values(copies=inbound.c.copies + 1, rcpt_to=list(dict.fromkeys((*past.rcpt_to, *arrival.envelope.rcpt_to))))
    )
    if counted.rowcount == 0:
        return  # this very copy, after a kill between the commit and the end of its spool entry
    copy = {
        "inbound_id": past.inbound_id,
        "spool_id": arrival.spool_id,
        "received_at": arrival.envelope.received_at,
        "door": arrival.envelope.door.value,
        "mail_from": arrival.envelope.mail_from[:320],
        "rcpt_to": list(arrival.envelope.rcpt_to),
        "author": arrival.facts.author.kind.value,
        "author_proof": arrival.facts.author.proof[:200],
    }
    session.execute(insert(inbound_copy), copy)
    # Buried, placed meanwhile by another copy, replayed: the row that showed it as buried has served.
    session.execute(delete(inbound).where(inbound.c.spool_id == arrival.spool_id, inbound.c.state == "buried"))


# --- handlers -----------------------------------------------------------------------------------------------------------


def _new_lead(session: Session, arrival: Arrival, inbound_id: int, now: datetime) -> Placed:
    mail, route = arrival.mail, arrival.route
    person, filled = _filled_in(session, arrival, _person_of(session, arrival, now), now)
    lead_id = _open_lead(session, arrival, person, now, waiting_since=now)
    if filled.phone or filled.company:
        add_event(session, lead_id, "partner_filled", {"phone": filled.phone, "company": filled.company}, None, now)
    row_id = _write_email_in(session, arrival, inbound_id, lead_id, person.id if person else None, now)
    _schedule_meeting(session, arrival, lead_id, route.owner_id, now)
    told = Event(
        "message_in",
        lead_id,
        message_id=row_id,
        inbound_id=inbound_id,
        had_it_directly=_header_keys(mail),
        is_new_lead=True,
        also_team_ids=route.also_team_ids,
    )
    return Placed(lead_id, row_id, (told,), is_new_lead=True)


def _open_lead(
    session: Session, arrival: Arrival, person: Person | None, now: datetime, waiting_since: datetime | None = None
) -> int:
    """The lead that the route wants for this person, if there is one; a closed one that it continues says so."""
    mail, route = arrival.mail, arrival.route
    alias = route.alias
    new = NewLead(
        title=mail.base_subject or _first_line(mail.new_text),
        base_subject=mail.base_subject,
        partner_id=person.id if person else None,
        company_id=person.company_id if person else None,
        owner_id=route.owner_id,
        owner_reason=route.owner_reason or "",
        team_id=alias.team_id if alias else None,
        source=alias.source if alias else "",
        medium=alias.medium if alias else "",
        campaign=alias.campaign if alias else "",
        tags=route.tags,
        alias_key=alias.key if alias else _our_first(arrival),
        reply_to=arrival.facts.reply_to[:320],
        follows_lead_id=route.follows_lead_id,
        waiting_since=waiting_since,
    )
    lead_id = create_lead(session, new, arrival.by, now)
    _advance_rotation(session, route, now)
    if route.follows_lead_id:
        add_event(session, route.follows_lead_id, "continued", {"lead_id": lead_id}, None, now)
    return lead_id


def _filled_in(
    session: Session, arrival: Arrival, person: Person | None, now: datetime
) -> tuple[Person | None, Filled]:
    """What a contact form says of the person who filled it in."""
    form, author = arrival.verdict.form, arrival.facts.author
    is_theirs = form is not None and form.person is not None and author.is_form
    if person is None or form is None or not is_theirs or form.person is None:
        return person, Filled()
    if address_key(form.person.address) != address_key(author.address.address):
        return person, Filled()
    return fill_from_form(session, person, form, now)


def _our_first(arrival: Arrival) -> str:
    """The first address of ours the mail went to, when no alias was named: answers leave from it."""
    known = arrival.facts.unknown_local_parts
    return known[0][:320] if known else ""


def _first_line(text: str) -> str:
    return next((" ".join(line.split())[:120] for line in text.splitlines() if line.strip()), "—")


_ROTATE = Prepared(update(team).where(team.c.id == bindparam("b_team")).values(rotation_user_id=bindparam("b_user")))


def _advance_rotation(session: Session, route: Route, now: datetime) -> None:
    if route.alias and route.owner_reason in (Reason.OWNER_BY_ROTATION, Reason.OWNER_BY_LOAD):
        _ROTATE.run(session, {"b_team": route.alias.team_id, "b_user": route.owner_id})


def _append(session: Session, arrival: Arrival, inbound_id: int, now: datetime) -> Placed:
    route, facts = arrival.route, arrival.facts
    lead_id = _lead_of(route)
    found = facts.lead(lead_id)
    partner_id = _writer(session, arrival, found, now)
    if route.wakes_lead:
        restore(session, lead_id, None, now, reason="written_to")
    remembered = replace(arrival, mail=_read_by_memory(session, arrival.mail, lead_id))
    row_id = _write_email_in(session, remembered, inbound_id, lead_id, partner_id, now)
    after_mail_in(session, lead_id, now)
    if found and facts.partner and found.partner_id == facts.partner.id and may_redirect(facts, route, found):
        session.execute(update(lead).where(lead.c.id == lead_id).values(reply_to=facts.reply_to[:320]))
    if route.retire_outbox_id is not None:
        session.execute(update(outbox).where(outbox.c.id == route.retire_outbox_id).values(is_token_retired=True))
    _schedule_meeting(session, arrival, lead_id, found.owner_id if found else None, now)
    told = Event(
        "message_in",
        lead_id,
        message_id=row_id,
        inbound_id=inbound_id,
        had_it_directly=_header_keys(arrival.mail),
        is_closed_lead=route.is_closed_lead,
        is_unconfirmed=route.is_unconfirmed,
        is_staff_token_misused=route.is_staff_token_misused,
        also_team_ids=route.also_team_ids,
    )
    return Placed(lead_id, row_id, (told, *_link_second_lead(session, arrival, row_id, now)))


_KNOWN_TEXTS = Prepared(
    select(
        func.substr(message.c.text, 1, LONGEST_TEXT).label("text"),
        func.substr(message.c.new_text, 1, LONGEST_TEXT).label("new_text"),
    )
    .where(
        message.c.lead_id == bindparam("lead"),
        message.c.kind.in_(("email_in", "email_out")),
        message.c.author_address != bindparam("writer"),
    )
    .order_by(message.c.at.desc(), message.c.id.desc())
    .limit(MOST_TEXTS)
)


def _read_by_memory(session: Session, mail: ParsedMail, lead_id: int) -> ParsedMail:
    """The mail with quotes told by what others wrote on this lead. Asks only where marks do not tell enough."""
    if not may_hold_quote(mail.segments):
        return mail
    writer = mail.from_.address if mail.from_ else ""
    rows = _KNOWN_TEXTS.all(session, {"lead": lead_id, "writer": writer[:320]})
    parts = fold_known(mail.segments, tuple(Known(row.text, row.new_text) for row in rows))
    return mail if parts == mail.segments else replace(mail, segments=parts, new_text=new_text(parts))


def may_redirect(facts: Facts, route: Route, found: LeadFacts) -> bool:
    """Whether answers on a lead may go from now on to where this mail asks for them.

    Anybody can write the customer's From and a Reply-To of their own: what leads out of the customer's house must be known on the
    lead or come with proof that the customer's domain sent it. A salesperson who answers an earlier notice is not told of it.
    """
    if route.is_unconfirmed or route.is_guess:
        return False
    if not facts.reply_to or facts.is_same_company_proven:
        return True
    domain = facts.author.address.domain
    is_in_house = not is_free_mail(domain) and are_aligned(Address("", facts.reply_to).domain, domain)
    return is_in_house or address_key(facts.reply_to) in (found.reply_key, *found.known_keys)


def _writer(session: Session, arrival: Arrival, found: LeadFacts | None, now: datetime) -> int | None:
    """The partner who wrote: known, or the customer from where they asked for answers, or made now; nobody if unconfirmed."""
    author, known = arrival.facts.author.address, arrival.facts.partner
    if known is not None:
        return known.id
    if found and found.reply_key and found.reply_key == address_key(author.address):
        return found.partner_id
    if arrival.route.is_unconfirmed:
        return None
    person = _person_of(session, arrival, now)
    return person.id if person else None


def _person_of(session: Session, arrival: Arrival, now: datetime) -> Person | None:
    """The partner who wrote, made if need be; none of an address of ours."""
    facts = arrival.facts
    if facts.is_own_author and facts.partner is None:
        return None
    return ensure_person(session, facts.author.address, facts.partner, facts.company, now)


def _link_second_lead(session: Session, arrival: Arrival, row_id: int, now: datetime) -> tuple[Event, ...]:
    """Tokens of two leads: the mail lies on the newer, the other names it and its owner is told too."""
    other = arrival.route.also_lead_id
    if other is None:
        return ()
    add_event(session, other, "linked", {"lead_id": arrival.route.lead_id}, None, now)
    return (Event("message_in", other, message_id=row_id),)


def _fold(session: Session, arrival: Arrival, inbound_id: int, now: datetime) -> Placed:
    """An automatic reply or a variant: shown folded on its lead; nobody is told.

    Of the customer's absence the lead's next activity moves behind it.
    """
    lead_id = _lead_of(arrival.route)
    partner_id = arrival.facts.partner.id if arrival.facts.partner else None
    row_id = _write_email_in(session, arrival, inbound_id, lead_id, partner_id, now, is_folded=True)
    said, facts = arrival.verdict.auto_reply, arrival.facts
    if said and said.type is AutoReplyType.OUT_OF_OFFICE and not facts.is_disproven:
        after_absence_of(session, lead_id, facts.author.address.address, said.until, arrival.holidays, now)
    return Placed(lead_id, row_id)


def _absence(session: Session, arrival: Arrival, inbound_id: int, now: datetime) -> Placed:
    """A colleague's own automatic reply: they are away, and they and the managers are told once."""
    user_id, said = _user_of(arrival), arrival.verdict.auto_reply
    absence = away_by_auto_reply(session, user_id, said.until if said else "", now)
    if absence is None:
        return Placed()
    until = absence.until.isoformat()
    return Placed(
        events=(Event("absence", None, None, inbound_id, actor_user_id=user_id, detail=until, deputy=absence.deputy),)
    )


def _reply(session: Session, arrival: Arrival, inbound_id: int, now: datetime) -> Placed:
    """A salesperson's mail carried to the customer."""
    route = arrival.route
    lead_id, user_id = _lead_of(route), _user_of(arrival)
    draft, has_note = arrival.draft or draft_of(arrival.mail), bool(route.orders and route.orders.note)
    along = arrival.along
    letter = letter_of(draft, arrival.mail.new_text, arrival.facts.sent_hashes, has_note=has_note, along=along)
    entry = replace(_entry_from_staff(arrival, inbound_id, lead_id, "email_out", now), letter_html=letter.html)
    row_id = add_message(session, replace(entry, html=letter.html or entry.html))
    _remember_ids(session, arrival, lead_id, row_id)
    add_files(session, row_id, letter.files)
    assigned: tuple[Event, ...] = ()
    if route.takes_lead:
        assigned = assign(session, lead_id, user_id, user_id, now, Reason.OWNER_TOOK_IT).events
    if route.confirms_key:
        _confirm(session, lead_id, route.confirms_key)
    after_mail_out(session, lead_id, user_id, now)
    told = Event(
        "message_out",
        lead_id,
        message_id=row_id,
        inbound_id=inbound_id,
        actor_user_id=user_id,
        had_it_directly=_header_keys(arrival.mail),
        only_to_key=route.only_to_key,
    )
    return Placed(lead_id, row_id, (*assigned, told), kept_inside=letter.inside)


def _confirm(session: Session, lead_id: int, key: str) -> None:
    statement = update(participant).where(participant.c.lead_id == lead_id, participant.c.key == key)
    session.execute(statement.values(is_confirmed=True))


def _sent(session: Session, arrival: Arrival, inbound_id: int, now: datetime) -> Placed:
    """A salesperson's mail that the customer has already: logged, relayed to nobody. Whom we had no lead for gets one."""
    user_id, about = _user_of(arrival), arrival.facts.about
    is_new = arrival.route.lead_id is None
    lead_id = _lead_about(session, arrival, now) if is_new else _lead_of(arrival.route)
    if about is not None:
        add_people(session, lead_id, [Joining(one, dict(about.partner_ids).get(_key(one))) for one in about.addressed])
    row_id = _write_from_staff(session, arrival, inbound_id, lead_id, "email_out", now)
    after_mail_out(session, lead_id, user_id, now)
    told = Event(
        "message_out",
        lead_id,
        message_id=row_id,
        inbound_id=inbound_id,
        actor_user_id=user_id,
        had_it_directly=_header_keys(arrival.mail),
        reason=Reason.SENT_DIRECTLY,
    )
    return Placed(lead_id, row_id, (told,), is_new_lead=is_new)


def _lead_about(session: Session, arrival: Arrival, now: datetime) -> int:
    """A lead for the customer whom a colleague's forward or copy is about."""
    return _open_lead(session, arrival, _person_about(session, arrival, now), now)


def _person_about(session: Session, arrival: Arrival, now: datetime) -> Person:
    facts = arrival.facts
    if facts.about is None or facts.about.person is None:
        raise ValueError(f"route {arrival.route.kind} about nobody")
    return ensure_person(session, facts.about.person, facts.partner, facts.company, now)


def _key(one: Address) -> str:
    return address_key(one.address)


def _forward(session: Session, arrival: Arrival, inbound_id: int, now: datetime) -> Placed:
    """What a colleague forwarded: a lead of its customer, or more on the one there is."""
    route, facts = arrival.route, arrival.facts
    if facts.about is None:
        raise ValueError("a forward about nobody")
    handed = Handed(
        arrival.mail,
        facts.about,
        facts.author,
        arrival.envelope.received_at,
        route.reason,
        inbound_id,
        arrival.raw_id,
    )
    person = _person_about(session, arrival, now) if facts.about.person else None
    is_new = route.lead_id is None and person is not None
    lead_id = _open_lead(session, arrival, person, now) if is_new and person else _lead_of(route)
    written = write_forward(session, handed, lead_id, person.id if person else None, now, is_new=is_new)
    _remember_ids(session, arrival, lead_id, written.last_row_id)
    _after_forward(session, arrival, lead_id, written, now)
    row_id = written.newest[1] if written.newest else written.words_id
    return Placed(
        lead_id, row_id, _told_of_forward(arrival, handed, lead_id, written, is_new=is_new), is_new_lead=is_new
    )


def _after_forward(session: Session, arrival: Arrival, lead_id: int, written: Written, now: datetime) -> None:
    """What the mails that were told now change: a lead wakes, whose turn it is, the stage."""
    if arrival.route.wakes_lead and "email_in" in written.kinds:
        restore(session, lead_id, None, now, reason="written_to")
    if not written.has_mail:
        return
    give_turn(session, lead_id)
    if "email_out" in written.kinds:
        apply_stage_event(session, lead_id, "first_mail_out", now)


def _told_of_forward(
    arrival: Arrival, handed: Handed, lead_id: int, written: Written, *, is_new: bool
) -> tuple[Event, ...]:
    """The newest mail like one that just came; the words above it like any note."""
    user_id = arrival.facts.author.user_id
    events: list[Event] = []
    if written.newest is not None:
        entry, row_id = written.newest
        events.append(
            Event(
                "message_in" if entry.kind == "email_in" else "message_out",
                lead_id,
                message_id=row_id,
                inbound_id=handed.inbound_id,
                actor_user_id=user_id,
                had_it_directly=had_it(handed, written),
                is_new_lead=is_new,
                is_closed_lead=arrival.route.is_closed_lead,
                also_team_ids=arrival.route.also_team_ids,
                reason=handed.reason if entry.kind == "email_in" else Reason.SENT_DIRECTLY,
            )
        )
    if written.words_id is not None and not handed.about.addressed:
        events.append(
            Event("note", lead_id, message_id=written.words_id, inbound_id=handed.inbound_id, actor_user_id=user_id)
        )
    return tuple(events)


def _note(session: Session, arrival: Arrival, inbound_id: int, now: datetime) -> Placed:
    """An internal note by mail."""
    lead_id, user_id = _lead_of(arrival.route), _user_of(arrival)
    row_id = _write_from_staff(session, arrival, inbound_id, lead_id, "note", now)
    add_mentions(session, row_id, lead_id, arrival.mail.new_text, user_id, now)
    told = Event(
        "note",
        lead_id,
        message_id=row_id,
        inbound_id=inbound_id,
        actor_user_id=user_id,
        had_it_directly=_header_keys(arrival.mail),
    )
    return Placed(lead_id, row_id, (told,))


def _commands(session: Session, arrival: Arrival, inbound_id: int, now: datetime) -> Placed:
    """Everything was done before; nothing is written."""
    return Placed(arrival.route.lead_id)


def _report(session: Session, arrival: Arrival, inbound_id: int, now: datetime) -> Placed:
    """A delivery report tied to a mail of ours."""
    outbox_id, report = arrival.facts.report_outbox_id, arrival.verdict.report
    if outbox_id is None or report is None:
        return Placed(arrival.route.lead_id)
    return Placed(arrival.route.lead_id, None, apply_report(session, outbox_id, report, now))


def _receipt(session: Session, arrival: Arrival, inbound_id: int, now: datetime) -> Placed:
    lead_id = _lead_of(arrival.route)
    data = {"from": arrival.facts.author.address.address, "detail": arrival.verdict.detail}
    return Placed(lead_id, add_event(session, lead_id, "receipt", data, None, now))


def _team(session: Session, arrival: Arrival, inbound_id: int, now: datetime) -> Placed:
    """A supplier's mail: the team hears, no lead is opened."""
    told = Event("admin", None, inbound_id=inbound_id, also_team_ids=arrival.route.also_team_ids, reason="supplier")
    return Placed(events=(told,))


def _admin(session: Session, arrival: Arrival, inbound_id: int, now: datetime) -> Placed:
    return Placed(events=(Event("admin", None, inbound_id=inbound_id, detail=arrival.mail.subject[:200]),))


def _hold(session: Session, arrival: Arrival, inbound_id: int, now: datetime) -> Placed:
    """Held mail shows on the board; its staff author is asked at the stored address, a loop is told to a human once."""
    route, author = arrival.route, arrival.facts.author
    if route.reason in _LOOPS:
        whose = author.address.domain if route.reason is Reason.LOOP_NEW_LEADS_DOMAIN else author.address.address
        told = Event("loop", route.lead_id, inbound_id=inbound_id, reason=route.reason, detail=whose[:200])
        return Placed(route.lead_id, None, (told,))
    if author.user_id is None:
        return Placed(route.lead_id)
    asked = Event(
        "held",
        route.lead_id,
        inbound_id=inbound_id,
        actor_user_id=author.user_id,
        reason=route.reason,
        detail=route.detail[:200],
        changes=tuple(map(fault_change, route.orders.faults)) if route.orders else (),
        later=arrival.facts.later if route.reason in LATE else None,
    )
    return Placed(route.lead_id, None, (asked,))


def _confirm_address(session: Session, arrival: Arrival, inbound_id: int, now: datetime) -> Placed:
    """The address is the user's from now on; a question that was answered before, or too late, changes nothing."""
    token = next((t for t in arrival.facts.tokens if t.claimed_key == arrival.route.detail), None)
    if token is None or token.user_id is None:
        return Placed()
    return Placed(events=confirmed_by_mail(session, token.user_id, token.claimed_key, now))


def _leave(session: Session, arrival: Arrival, inbound_id: int, now: datetime) -> Placed:
    return Placed(arrival.route.lead_id)


_HANDLERS: dict[RouteKind, Handler] = {
    RouteKind.NEW_LEAD: _new_lead,
    RouteKind.APPEND: _append,
    RouteKind.FOLD: _fold,
    RouteKind.VARIANT: _fold,
    RouteKind.REPLY: _reply,
    RouteKind.SENT: _sent,
    RouteKind.FORWARD: _forward,
    RouteKind.NOTE: _note,
    RouteKind.COMMANDS: _commands,
    RouteKind.RELEASE: _leave,
    RouteKind.REPORT: _report,
    RouteKind.RECEIPT: _receipt,
    RouteKind.TEAM: _team,
    RouteKind.ADMIN: _admin,
    RouteKind.ABSENCE: _absence,
    RouteKind.CONFIRM: _confirm_address,
    RouteKind.HOLD: _hold,
    RouteKind.TRIAGE: _leave,
    RouteKind.QUIET: _leave,
    RouteKind.DISMISSED: _leave,
}


def _lead_of(route: Route) -> int:
    if route.lead_id is None:
        raise ValueError(f"route {route.kind} without a lead")
    return route.lead_id


def _user_of(arrival: Arrival) -> int:
    if arrival.facts.author.user_id is None:
        raise ValueError(f"route {arrival.route.kind} for somebody who is no user")
    return arrival.facts.author.user_id


# --- the chatter entry --------------------------------------------------------------------------------------------------


def _write_email_in(
    session: Session,
    arrival: Arrival,
    inbound_id: int,
    lead_id: int,
    partner_id: int | None,
    now: datetime,
    *,
    is_folded: bool = False,
) -> int:
    route, author = arrival.route, arrival.facts.author
    base = _entry(arrival, inbound_id, lead_id, "email_in", now)
    row_id = add_message(
        session,
        replace(
            base,
            author_kind="partner",
            author_partner_id=partner_id,
            author_name=author.address.name[:300],
            author_address=author.address.address[:320],
            is_folded=is_folded,
            is_unconfirmed=route.is_unconfirmed,
            is_guess=route.is_guess,
        ),
    )
    _remember_ids(session, arrival, lead_id, row_id)
    add_files(session, row_id, arrival.mail.attachments)
    if not is_folded:
        _add_participants(session, arrival, lead_id, partner_id)
    return row_id


def _write_from_staff(
    session: Session, arrival: Arrival, inbound_id: int, lead_id: int, kind: str, now: datetime
) -> int:
    """A user's mail on a lead. What we had sent them ourselves is not attached again."""
    row_id = add_message(session, _entry_from_staff(arrival, inbound_id, lead_id, kind, now))
    _remember_ids(session, arrival, lead_id, row_id)
    own = [a for a in arrival.mail.attachments if a.sha256 not in arrival.facts.sent_hashes]
    add_files(session, row_id, tuple(own))
    return row_id


def _entry_from_staff(arrival: Arrival, inbound_id: int, lead_id: int, kind: str, now: datetime) -> NewMessage:
    author = arrival.facts.author
    return replace(
        _entry(arrival, inbound_id, lead_id, kind, now),
        author_kind="user",
        author_user_id=author.user_id,
        author_name=author.address.name[:300],
        author_address=author.address.address[:320],
    )


def _entry(arrival: Arrival, inbound_id: int, lead_id: int, kind: str, now: datetime) -> NewMessage:
    mail, route = arrival.mail, arrival.route
    received = arrival.envelope.received_at
    return NewMessage(
        lead_id=lead_id,
        kind=kind,
        author_kind="system",
        at=min(mail.date or received, received),
        created_at=now,
        subject=mail.subject,
        text=mail.text,
        new_text=mail.new_text,
        segments=[{"kind": s.kind.value, "text": s.text} for s in mail.segments],
        html=mail.html,
        message_id=mail.message_id,
        reference_ids=mail.references or mail.in_reply_to,
        to=named(mail.to),
        cc=named(mail.cc),
        date_written=mail.date_raw,
        reason=route.reason.value,
        reason_detail=route.detail,
        inbound_id=inbound_id,
        raw_id=arrival.raw_id,
    )


def _header_keys(mail: ParsedMail) -> tuple[str, ...]:
    keys = (address_key(a.address) for a in (*mail.to, *mail.cc))
    return tuple(dict.fromkeys(k for k in keys if k))


def _remember_ids(session: Session, arrival: Arrival, lead_id: int, row_id: int | None) -> None:
    """All ids a mail names; its own too, unless another mail bore the same id before (then it is no evidence)."""
    mail, past = arrival.mail, arrival.facts.past
    rows = [
        {"ref": ref[:1000], "lead_id": lead_id, "message_id": row_id, "kind": "mentioned"}
        for ref in mail.mentioned_ids[:32]
    ]
    if mail.has_message_id and (past is None or past.is_same_content):
        rows.append({"ref": mail.message_id[:1000], "lead_id": lead_id, "message_id": row_id, "kind": "received"})
    insert_ignore(session, message_ref, rows)


def _add_participants(session: Session, arrival: Arrival, lead_id: int, partner_id: int | None) -> None:
    """The writer, and the outside people in their To and Cc, who get copies of the answers if the writer is confirmed."""
    is_confirmed = not arrival.route.is_unconfirmed
    brings_others = is_confirmed and not arrival.route.is_guess  # a forged From and a known subject are no introduction
    author = arrival.facts.author.address
    author_key = address_key(author.address)
    joining: list[Joining] = []
    if author_key and not arrival.facts.is_own_author:
        joining.append(Joining(author, partner_id, is_confirmed=is_confirmed))
    for address in (*arrival.mail.to, *arrival.mail.cc)[:50]:
        key = address_key(address.address)
        if key in arrival.facts.outsiders_in_header and key != author_key:
            joining.append(Joining(address, None, is_confirmed=brings_others, gets_copies=brings_others))
    add_people(session, lead_id, joining)


# --- meetings -----------------------------------------------------------------------------------------------------------

_STARTS = re.compile(rb"^DTSTART[^:\r\n]{0,100}:(\d{4})(\d\d)(\d\d)", re.MULTILINE)


def _schedule_meeting(session: Session, arrival: Arrival, lead_id: int, owner_id: int | None, now: datetime) -> None:
    """A calendar mail plans, moves, answers or cancels a meeting of its lead, if somebody is there to do it."""
    found = arrival.verdict.meeting
    if found is None or arrival.verdict.kind is not MailKind.CALENDAR:
        return
    mail = arrival.mail
    writer, is_confirmed = arrival.facts.author.address, not arrival.route.is_unconfirmed
    heed(session, CalendarMail(lead_id, owner_id, found, mail.subject, writer, is_confirmed, meeting_date(mail)), now)


def meeting_date(mail: ParsedMail) -> date | None:
    """The day an invitation is for (RFC 5545 3.8.2.4, DTSTART), as written."""
    for part in mail.attachments:
        found = _STARTS.search(part.content) if part.content_type == "text/calendar" else None
        if found:
            try:
                return date(int(found[1]), int(found[2]), int(found[3]))
            except ValueError:
                return None
    return None


# --- decided again ------------------------------------------------------------------------------------------------------


def move_to_lead(session: Session, inbound_id: int, lead_id: int, now: datetime) -> tuple[Event, ...]:
    """A copy with a reply address shows that the mail belongs to another lead: move its entry there, once.

    A lead that this mail alone had opened, and that nobody touched, is dissolved by the move.
    """
    from_lead = select(inbound.c.lead_id, inbound.c.message_row_id, inbound.c.is_new_lead).where(
        inbound.c.id == inbound_id
    )
    row = session.execute(from_lead).one()
    if row.lead_id == lead_id or row.message_row_id is None:
        return ()
    move_message(session, row.message_row_id, lead_id, now, is_opener=row.is_new_lead)
    session.execute(update(inbound).where(inbound.c.id == inbound_id).values(lead_id=lead_id, is_new_lead=False))
    after_mail_in(session, lead_id, now)
    return (Event("message_in", lead_id, message_id=row.message_row_id, inbound_id=inbound_id),)


def join_teams(session: Session, arrival: Arrival, inbound_id: int, now: datetime) -> tuple[Event, ...]:
    """A copy at another team's alias: its tags are united with the lead's, and the team hears once."""
    row = session.execute(select(inbound.c.lead_id, inbound.c.message_row_id).where(inbound.c.id == inbound_id)).one()
    if row.lead_id is None:
        return ()
    own_team = session.execute(select(lead.c.team_id).where(lead.c.id == row.lead_id)).scalar()
    others = tuple(a.team_id for a in arrival.facts.aliases if a.team_id != own_team)
    set_tags_also(session, row.lead_id, [tag for a in arrival.facts.aliases for tag in a.tags], now)
    if not others:
        return ()
    return (
        Event("message_in", row.lead_id, message_id=row.message_row_id, inbound_id=inbound_id, also_team_ids=others),
    )
