"""The first lines of a notice: what has happened, what a reply does and to whom it goes. Pure."""

from dataclasses import dataclass
from datetime import date, datetime

from mailcrm import reasons
from mailcrm.address import address_key
from mailcrm.found_words import hint_words, meeting_words, undelivered_words, via_words
from mailcrm.i18n import Translator, format_age, format_date, format_datetime
from mailcrm.lookalike import lookalike
from mailcrm.mail import Address, Intent, NoticeKind, Reason
from mailcrm.notify.cardtext import activity_name, lead_url
from mailcrm.notify.commandwords import (
    Hand,
    Said,
    acceptance,
    changed_line,
    destination_line,
    fault_line,
    kept_lines,
    numbered_lines,
    suggested_in,
    suggested_line,
)
from mailcrm.notify.letterhead import Letterhead, called, token_address
from mailcrm.notify.material import Material
from mailcrm.notify.prose import listed

_TO_CUSTOMER = (NoticeKind.MESSAGE, NoticeKind.SENT, NoticeKind.ASSIGNED)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reply to this notice does. ``to`` are the people outside; none for a note or where a reply does nothing."""

    intent: Intent | None
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()


def answer_of(material: Material) -> Answer:
    """Where a reply goes: to the customer, into the lead as a note, to the digest's commands, or nowhere."""
    row = material.row
    if row.kind in _TO_CUSTOMER:
        if row.params.get("is_unconfirmed") and material.message is not None:
            return Answer(Intent.REPLY, (material.message.author,))
        if material.outside.customer is not None:
            return Answer(Intent.REPLY, (material.outside.customer,), material.outside.copies)
    if row.kind == NoticeKind.DIGEST:
        return Answer(Intent.DIGEST)
    if row.kind == NoticeKind.BATCH:
        return Answer(Intent.NOTE)  # never a way to a customer: whose it is nobody could know
    if row.kind == NoticeKind.RECEIPT and row.params.get("run_id"):
        return Answer(Intent.UNDO)
    if is_about_digest(material):
        return Answer(Intent.DIGEST)
    if is_decided_by_mail(material):
        return Answer(Intent.DECIDE)
    if row.kind == NoticeKind.ADDRESS:
        return Answer(Intent.CONFIRM if row.params.get("event") == "address_claimed" else None)
    return Answer(Intent.NOTE if row.lead_id is not None else None)


def is_about_digest(material: Material) -> bool:
    """A receipt for the answer to a digest: it may be answered by the same numbers."""
    return material.row.kind == NoticeKind.RECEIPT and bool(material.row.params.get("outbox_id"))


def is_decided_by_mail(material: Material) -> bool:
    """Whether one word in a reply decides about the mail that waits."""
    params = material.row.params
    return material.row.kind == NoticeKind.HELD and (
        bool(params.get("later"))
        or params.get("reason") == Reason.COMMAND_NOT_UNDERSTOOD
        or can_be_vouched_for(material)
    )


def can_be_vouched_for(material: Material) -> bool:
    """Whether the person asked may say, with proof, that an unproven mail is theirs."""
    return material.row.params.get("reason") == Reason.STAFF_NOT_PROVEN and material.row.lead_id is not None


def first_lines(material: Material, head: Letterhead, words: Translator) -> tuple[str, ...]:
    """What has happened, where the message itself does not say it, and what a reply does and to whom it goes."""
    answer = answer_of(material)
    if material.row.kind == NoticeKind.BATCH:
        _ = words.gettext
        return (
            _("It is about several leads: answer each by its own button or address; a reply to this mail is held."),
        )
    return (*event_lines(material, head, words), *_reply_lines(material, answer, head, words))


def _reply_lines(material: Material, answer: Answer, head: Letterhead, words: Translator) -> list[str]:
    _ = words.gettext
    if answer.intent == Intent.UNDO:
        again = [_("What was not done can be answered again, here.")] if _is_asked_again(material) else []
        return [_("Reply “undo” within a day to take it back."), *again]
    if answer.intent == Intent.DIGEST:
        return [_digest_line(material, words)]
    if answer.intent == Intent.DECIDE:
        return [_decide_line(material, words)]
    if answer.intent == Intent.CONFIRM:
        return [_("Reply to this mail to say yes, or open the page: %(url)s") % {"url": claim_url(material, head)}]
    if answer.intent == Intent.NOTE:
        return [_("A reply to this mail is an internal note: it stays inside.")]
    if answer.intent != Intent.REPLY:
        return [_("Nobody reads replies to this mail.")]
    if material.row.params.get("is_unconfirmed"):
        return [_("Your reply goes to %(to)s only, without earlier messages.") % {"to": listed(answer.to)}]
    if answer.cc:
        people = {"to": listed(answer.to), "cc": listed(answer.cc)}
        return [_("Your reply goes to %(to)s and, in copy, %(cc)s.") % people]
    return [_("Your reply goes to %(to)s.") % {"to": listed(answer.to)}]


def _digest_line(material: Material, words: Translator) -> str:
    if material.row.kind == NoticeKind.DIGEST:
        return words.gettext("Answer by numbers, also days later: 1 done, 3 +2d, 4 Alice, 5 hold 1.6.")
    return words.gettext("Answer this mail with the lines as they should be.")


def _decide_line(material: Material, words: Translator) -> str:
    _ = words.gettext
    if can_be_vouched_for(material):
        return _("Reply “send” if you wrote it and this is all of it, “drop” if not; or decide on the page.")
    if not material.row.params.get("later"):
        return _("Reply “send”: these lines are left out, the rest is done and sent. Or write the mail once more.")
    return _("Answer with one word: send (it leaves as it is), drop, or note (it stays inside).")


def warnings(material: Material, words: Translator) -> list[str]:
    """What stands above all else, since it makes an ordinary answer dangerous."""
    _ = words.gettext
    params, message = material.row.params, material.message
    if message is None or material.row.kind != NoticeKind.MESSAGE:
        return []
    lines = []
    if params.get("is_unconfirmed"):
        known = material.outside.customer
        lines.append(_new_person(message.author, known, words))
    lines += [hint_words(hint, words) for hint in message.found.hints]
    if message.is_guess:
        lines.append(_("Placed here by its subject alone: see whether it belongs to this lead."))
    if params.get("is_staff_token_misused"):
        said = _("%(name)s wrote to an internal address that was meant for you only; it works no more.")
        lines.append(said % {"name": listed((message.author,))})
    return lines


def _new_person(new: Address, known: Address | None, words: Translator) -> str:
    _ = words.gettext
    if known is None:
        return _("NEW PERSON: %(new)s.") % {"new": listed((new,))}
    if address_key(new.address) == address_key(known.address):
        return _("CAREFUL: this may be forged. Our mail server says that it does not come from %(new)s.") % {
            "new": new.domain
        }
    line = _("NEW PERSON, not %(known)s: %(new)s.") % {"known": known.address, "new": listed((new,))}
    match lookalike(new, known):
        case "domain":
            return f"{line} {_('CAREFUL: %(new)s looks like %(known)s.') % {'new': new.domain, 'known': known.domain}}"
        case "name":
            return f"{line} {_('CAREFUL: the same name at another address.')}"
    return line


def event_lines(material: Material, head: Letterhead, words: Translator) -> list[str]:
    """What has happened, where the message below does not say it."""
    teller = _TELLERS.get(material.row.kind)
    return teller(material, head, words) if teller else []


def _message(material: Material, head: Letterhead, words: Translator) -> list[str]:
    """Who forwarded the mail, what a calendar mail asks for, and who stands behind a list's address."""
    _ = words.gettext
    message = material.message
    if material.actor is not None:
        if material.actor.id == material.row.user_id:
            return [_("You forwarded this mail.")]
        return [_("%(name)s forwarded this mail.") % {"name": material.actor.name}]
    if message is None:
        return []
    zone = (material.reader.time_zone if material.reader else "") or head.time_zone
    lines = [meeting_words(message.found.meeting, words, zone)] if message.found.meeting else []
    if accepts := acceptance(message.found.meeting, words, zone):
        lines.append(_("To accept it, reply with: %(command)s") % {"command": accepts})
    return lines + ([via_words(message.found.via, message.author, words)] if message.found.via else [])


def _note(material: Material, head: Letterhead, words: Translator) -> list[str]:
    if material.row.params.get("why") != "mentioned" or material.row.lead_id is None:
        return []
    said = words.gettext("%(name)s mentioned you: %(url)s")
    return [said % {"name": author_name(material, head), "url": lead_url(head, material.row.lead_id)}]


def _assigned(material: Material, head: Letterhead, words: Translator) -> list[str]:
    if material.actor is None:
        return [words.gettext("This lead is yours now.")]
    return [words.gettext("%(name)s gave you this lead.") % {"name": material.actor.name}]


def _failed(material: Material, head: Letterhead, words: Translator) -> list[str]:
    _ = words.gettext
    is_delay = material.row.params.get("event") == "message_delayed"
    said = (
        _("This mail has not been delivered yet; we keep trying: %(detail)s")
        if is_delay
        else _("This mail was not delivered: %(detail)s")
    )
    return [said % {"detail": _why_undelivered(material, words)}]


def _why_undelivered(material: Material, words: Translator) -> str:
    """Each recipient that this notice is about, with the reason in plain words and what the server said."""
    detail = str(material.row.params.get("detail", ""))
    named = [one for one in (material.undelivered.recipients if material.undelivered else ()) if one[0] in detail]
    if not named:
        return detail
    return "; ".join(f"{address}: {_in_words(said, words)}" for address, said in named)


def _in_words(said: str, words: Translator) -> str:
    why = undelivered_words("", said, words.gettext)
    return f"{why} ({said})" if why and said else why or said


def _held(material: Material, head: Letterhead, words: Translator) -> list[str]:
    _ = words.gettext
    if material.row.params.get("later"):
        return [_("Nothing was sent yet."), _late(material, words)]
    if faults := faults_of(material):
        hand = Hand(words, zone_of(material, head))
        said = [fault_line(one, hand) for one in faults]
        return [_("Nothing was sent and nothing was changed: this is not clear."), *said]
    lines = [_("Nothing was sent: this mail waits for your decision on the page, under held mail.")]
    reason = reasons.words(reasons.REASONS, str(material.row.params.get("reason", "")))
    what, colon, which = str(material.row.params.get("detail", "")).partition(": ")  # as ``leak`` words it
    return [
        *lines,
        *(f"{said}." for said in (_(reason) if reason else "", _(what) + colon + which if what else "") if said),
    ]


def _late(material: Material, words: Translator) -> str:
    """Who was quicker, how long before, and with which words."""
    later = material.row.params["later"]
    age = format_age(material.row.created_at - datetime.fromisoformat(later["at"]), words.locale)
    said = (
        words.gettext("%(name)s wrote again %(age)s: “%(text)s”")
        if later["user_id"] is None
        else words.gettext("%(name)s answered %(age)s: “%(text)s”")
    )
    return said % {"name": later["name"], "age": age, "text": later["text"]}


def _is_asked_again(material: Material) -> bool:
    return is_about_digest(material) and bool(faults_of(material))


def _receipt(material: Material, head: Letterhead, words: Translator) -> list[str]:
    """What changed, and to whom text went; what could not be done."""
    hand, changes = Hand(words, zone_of(material, head)), list(material.row.params.get("changes", ()))
    done = [one for one in changes if one["what"] != "fault"]
    faults = [words.gettext("Not done: %(line)s") % {"line": fault_line(one, hand)} for one in faults_of(material)]
    suggested = [suggested_line(one, hand) for one in suggested_in(material.row.params)]
    if is_about_digest(material):
        return [*numbered_lines(done, hand), *kept_lines(done, hand), *faults, *suggested]
    return [changed_line(done, hand), destination_line(done, hand), *kept_lines(done, hand), *faults, *suggested]


def _history(material: Material, head: Letterhead, words: Translator) -> list[str]:
    return [words.gettext("The lead as it is now, for you alone; its mails are attached.")]


def faults_of(material: Material) -> list[Said]:
    """Lines of commands that were not carried out."""
    return [one for one in material.row.params.get("changes", ()) if one["what"] == "fault"]


def zone_of(material: Material, head: Letterhead) -> str:
    return (material.reader.time_zone if material.reader else "") or head.time_zone


def _loop(material: Material, head: Letterhead, words: Translator) -> list[str]:
    said = words.gettext("Mail is going in circles and is held from now on; you are told once a day: %(detail)s")
    return [said % {"detail": str(material.row.params.get("detail", ""))}]


def _admin(material: Material, head: Letterhead, words: Translator) -> list[str]:
    return [words.gettext("Mail to the administrators of mailcrm.")]


def _address(material: Material, head: Letterhead, words: Translator) -> list[str]:
    _ = words.gettext
    address, name = str(material.row.params.get("detail", "")), material.reader.name if material.reader else ""
    if material.row.params.get("event") != "address_claimed":
        return [_("%(address)s is yours now: you can write and answer from there too.") % {"address": address}]
    said = _("%(name)s says that %(address)s is theirs, and wants to write to %(company)s from there.")
    return [
        said % {"name": name, "address": address, "company": head.company},
        _("If that is not you, do nothing: nothing happens then."),
    ]


def claim_url(material: Material, head: Letterhead) -> str:
    """Where the user, signed in, says that the address is theirs."""
    token = token_address(head, material.row, Intent.CONFIRM).partition("@")[0]
    return f"{head.public_url}/settings/addresses/{token}"


def _absence(material: Material, head: Letterhead, words: Translator) -> list[str]:
    _ = words.gettext
    params = material.row.params
    deputy = str(params.get("deputy", ""))
    if params.get("why") == "away":
        stands_in = (
            _("%(deputy)s hears of your leads as well.") % {"deputy": deputy}
            if deputy
            else _("Nobody stands in for you: name a deputy on the page, under settings.")
        )
        return [
            f"{absence_title(material, words)}.",
            _("Your mail box says so in an automatic reply. Until then new leads go to others. %(stands_in)s")
            % {"stands_in": stands_in},
            _("It ends with your next own mail, or on the page."),
        ]
    stands_in = (
        _("%(deputy)s hears of the leads as well.") % {"deputy": deputy}
        if deputy
        else _("Nobody stands in: customers who write wait until then.")
    )
    said = _("So says an automatic reply. Until then new leads go to others. %(stands_in)s")
    return [f"{absence_title(material, words)}.", said % {"stands_in": stands_in}]


def absence_title(material: Material, words: Translator) -> str:
    """Who is away until when, as a subject."""
    params = material.row.params
    day = format_date(date.fromisoformat(str(params["detail"])), words.locale)
    if params.get("why") == "away":
        return words.gettext("You are marked as away until %(day)s") % {"day": day}
    name = material.actor.name if material.actor else ""
    return words.gettext("%(name)s is away until %(day)s") % {"name": name, "day": day}


def _reminder(material: Material, head: Letterhead, words: Translator) -> list[str]:
    kind, _due_at, summary = material.row.params["activity"]
    what = activity_name(kind, words) + (f": {summary}" if summary else "")
    said = words.gettext("Reminder: %(what)s, %(time)s.")
    return [said % {"what": what, "time": reminder_time(material, head, words)}]


def reminder_time(material: Material, head: Letterhead, words: Translator) -> str:
    """When the activity is due, in the reader's own zone."""
    zone = (material.reader.time_zone if material.reader else "") or head.time_zone
    return format_datetime(datetime.fromisoformat(material.row.params["activity"][1]), words.locale, zone)


_TELLERS = {
    NoticeKind.MESSAGE: _message,
    NoticeKind.REMINDER: _reminder,
    NoticeKind.ABSENCE: _absence,
    NoticeKind.ADDRESS: _address,
    NoticeKind.NOTE: _note,
    NoticeKind.ASSIGNED: _assigned,
    NoticeKind.FAILED: _failed,
    NoticeKind.HELD: _held,
    NoticeKind.RECEIPT: _receipt,
    NoticeKind.HISTORY: _history,
    NoticeKind.LOOP: _loop,
    NoticeKind.ADMIN: _admin,
}


def author_name(material: Material, head: Letterhead) -> str:
    """The person behind the notice, or "" where none stands behind it."""
    kind = material.row.kind
    if kind == NoticeKind.MESSAGE:
        shown = material.message or material.arrived
        return called(shown.author) if shown else ""
    if kind in (NoticeKind.NOTE, NoticeKind.SENT, NoticeKind.ASSIGNED):
        if material.actor is not None:
            return material.actor.name
        return called(material.message.author) if material.message and material.message.author.name else ""
    return ""


def heading(material: Material, head: Letterhead, words: Translator, zone: str) -> str:
    """Who wrote what is shown below, and when."""
    _ = words.gettext
    if material.message is None:
        return ""
    at = format_datetime(material.message.at, words.locale, zone)
    named = {"name": author_name(material, head) or called(material.message.author), "at": at}
    match material.row.kind:
        case NoticeKind.MESSAGE:
            return _("%(name)s wrote, %(at)s") % {**named, "name": listed((material.message.author,))}
        case NoticeKind.NOTE:
            return _("Internal note by %(name)s, %(at)s") % named
        case NoticeKind.SENT:
            return _("%(name)s wrote to the customer, %(at)s") % named
    return _("%(name)s wrote, %(at)s") % {**named, "name": called(material.message.author)}


def reason_line(material: Material, words: Translator) -> str:
    """Why this person gets the notice."""
    _ = words.gettext
    if material.row.kind in (NoticeKind.RECEIPT, NoticeKind.HISTORY):
        return _("You get this because your mail asked for it.")
    if material.row.kind == NoticeKind.BATCH:
        return _("You get this as one mail because much came at once, or because you chose it in your settings.")
    if material.row.kind == NoticeKind.HELD:
        return _("You get this because the mail was sent in your name.")
    if material.row.kind == NoticeKind.ABSENCE and material.row.params.get("why") == "manager":
        return _("You get this because you manage the work.")
    return {
        "reminded": _("You get this because the activity is yours."),
        "away": _("You get this because it is about you."),
        "owner": _("You get this because the lead is yours."),
        "deputy": _("You get this because you stand in for the owner, who is away."),
        "team": _("You get this because nobody owns the lead yet. Answer to take it: the first answer leaves."),
        "also_team": _("You get this once because the mail was sent to your team too."),
        "follower": _("You get this because you follow the lead."),
        "mentioned": _("You get this because you were mentioned."),
        "writer": _("You get this because you wrote the mail."),
        "manager": _("You get this because nobody else would see it."),
        "admin": _("You get this because you are an administrator."),
    }.get(str(material.row.params.get("why", "")), "")
