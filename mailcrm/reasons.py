"""Every decision in words a salesperson reads: reasons, authors, kinds of mail, routes and states.

Values are English msgids; the page and the notices translate them. An unknown value is shown as it is written, so a row from
a newer version never breaks a page.
"""

from collections.abc import Mapping

from mailcrm.mail import AuthorKind, Door, MailKind, NoticeKind, Reason, RouteKind


def _(msgid: str) -> str:
    """Marks a text for translation; the reader's language is chosen where it is shown."""
    return msgid


REASONS: Mapping[str, str] = {
    # kind of mail
    Reason.WRITTEN_BY_A_PERSON: _("Nothing says that a machine wrote it"),
    Reason.CONTACT_FORM: _("A contact form sent it for the person named in it"),
    Reason.AUTO_SUBMITTED: _("The mail itself says that it was sent automatically"),
    Reason.AUTO_REPLY_HEADER: _("Marked as an automatic reply by the sender's system"),
    Reason.AUTO_REPLY_SUBJECT: _("The subject is that of an automatic reply"),
    Reason.AUTO_REPLY_WORDS: _("The text calls itself automatic"),
    Reason.DELIVERY_STATUS: _("A delivery report from a mail server"),
    Reason.DELIVERY_PROSE: _("The text is that of a delivery report"),
    Reason.DISPOSITION_NOTIFICATION: _("A read receipt"),
    Reason.FEEDBACK_REPORT: _("An abuse report from a mail provider"),
    Reason.CALENDAR_PART: _("A calendar invitation or answer"),
    Reason.CHALLENGE: _("The sender's system asks us to prove that we are people"),
    Reason.LIST_HEADERS: _("Sent through a mailing list or newsletter system"),
    Reason.BULK_PRECEDENCE: _("The mail says that it was sent to many"),
    Reason.SPAM_HEADER: _("Our mail server took it for spam"),
    Reason.SYSTEM_NOTICE: _("A notice from a system, not from a person"),
    Reason.NULL_REVERSE_PATH: _("Sent without a return address, as only machines do"),
    Reason.MACHINE_SENDER: _("The sender's address is that of a machine"),
    Reason.UNREADABLE: _("The mail could not be read in full"),
    # route
    Reason.DUPLICATE: _("The same mail came before"),
    Reason.VARIANT: _("Another copy of a mail that is already here, slightly changed on the way"),
    Reason.REPORT_TIED: _("It reports on a mail that we sent"),
    Reason.REPORT_UNTIED: _("It reports on a mail that is not ours"),
    Reason.LOOP_OWN_MAIL: _("One of our own mails came back to us"),
    Reason.LOOP_RECEIVED: _("It has passed through too many servers: a loop"),
    Reason.LOOP_NEW_LEADS: _("This address opened too many leads in a short time"),
    Reason.LOOP_NEW_LEADS_DOMAIN: _("This company opened too many leads in a short time"),
    Reason.LOOP_MESSAGES: _("Too many mails from one writer on one lead in a short time"),
    Reason.LOOP_EQUAL_BODIES: _("The same text came from this address too many times"),
    Reason.AUTO_REPLY_ON_LEAD: _("An automatic reply to a mail on this lead"),
    Reason.AUTO_REPLY_WITHOUT_LEAD: _("An automatic reply that belongs to no lead"),
    Reason.STAFF_ABSENT: _("A colleague's automatic reply: they are away"),
    Reason.RECEIPT_TIED: _("A receipt for a mail that we sent"),
    Reason.RECEIPT_UNTIED: _("A receipt for a mail that is not ours"),
    Reason.MEETING_ON_LEAD: _("A meeting that belongs to this lead"),
    Reason.MEETING_WITHOUT_LEAD: _("A meeting that belongs to no known lead"),
    Reason.QUIET_MACHINE: _("Written by a machine and asking nothing of us"),
    Reason.REPLY_TOKEN: _("Sent to the reply address of this lead"),
    Reason.NOTE_TOKEN: _("Sent to the note address of this lead"),
    Reason.NOTE_ADDRESS_PRESENT: _("A note address is among the recipients, so the whole mail stays inside"),
    Reason.OUTSIDER_USED_TOKEN: _("Somebody outside answered to the reply address of this lead"),
    Reason.OUTSIDER_USED_STAFF_TOKEN: _("Somebody outside wrote to an address meant for our own people"),
    Reason.WHICH_LEAD: _("It answers a list of several leads: answer by the button below the one it is for"),
    Reason.TOKENS_OF_TWO_LEADS: _("The mail is addressed to two leads at once"),
    Reason.INTENT_NOT_BUILT: _("The address asks for something that is not possible yet"),
    Reason.COMMANDS: _("A colleague says what to do"),
    Reason.COMMAND_NOT_UNDERSTOOD: _("A line looks like a command and cannot be carried out"),
    Reason.UNDO_TOKEN: _("A colleague takes back what commands changed"),
    Reason.DIGEST_ANSWER: _("A colleague answers a digest by its numbers"),
    Reason.RELEASED_BY_MAIL: _("A colleague answered our question"),
    Reason.STAFF_NOT_PROVEN: _("It says it is from a colleague, but nothing proves it"),
    Reason.STAFF_REPLY_LEAKS: _("The new text still holds parts of an internal notice"),
    Reason.STAFF_REPLY_EMPTY: _("Nothing newly written was found in the reply"),
    Reason.STAFF_REPLY_UNREADABLE_PART: _("The reply holds a part that cannot be checked before it leaves"),
    Reason.ANSWERED_BY_ANOTHER: _("A colleague has already answered this mail"),
    Reason.CUSTOMER_WROTE_AGAIN: _("The customer wrote again after the mail that it answers"),
    Reason.NEW_PERSON_REPLY: _("The reply would go to a person nobody here has confirmed yet"),
    Reason.SUPPRESSED_RECIPIENT: _("Mail to the recipient's address has failed before"),
    Reason.FORWARD_OR_COPY: _("A colleague forwarded it or sent us a copy"),
    Reason.FORWARDED: _("A colleague forwarded a mail of this customer"),
    Reason.FORWARDED_OF_LEAD: _("A colleague forwarded a mail of this lead"),
    Reason.FORWARDED_SAME_SUBJECT: _(
        "A colleague forwarded a mail of this customer, whose open lead has the same subject"
    ),
    Reason.FORWARDED_SAME_PERSON: _("A colleague forwarded a mail of this customer; it is on their latest open lead"),
    Reason.FORWARD_WITHOUT_SENDER: _("A colleague forwarded it, but it does not say whose mail it was"),
    Reason.FORWARD_OF_OURS: _("A colleague forwarded it, but only our own people wrote it"),
    Reason.FORWARD_OF_SEVERAL: _("A colleague forwarded mails of several people outside"),
    Reason.COPY_TO_CUSTOMER: _("A colleague wrote to this customer and sent us a copy"),
    Reason.COPY_OPENS_LEAD: _("A colleague wrote to this customer and sent us a copy; there was no open lead"),
    Reason.SENT_DIRECTLY: _("A colleague sent it to the customer directly"),
    Reason.CUSTOMER_OR_NOTE: _("It is not clear whether it is for the customer or a note"),
    Reason.REFERENCES: _("It answers a mail that is on this lead"),
    Reason.REFERENCES_UNCONFIRMED: _("It answers a mail on this lead, but the writer is new here"),
    Reason.NAMED_BY_EARLIER_REPLY: _("An answer to this mail came before it"),
    Reason.SAME_SUBJECT: _("Same person and same subject: a guess"),
    Reason.QUIET_BULK: _("Sent to many, from a sender who is new here"),
    Reason.QUIET_SPAM: _("Taken for spam, from a sender who is new here"),
    Reason.ALIAS: _("Written to one of our sales addresses"),
    Reason.KNOWN_PARTNER_WRITES: _("A partner we know wrote to an address nobody was given"),
    Reason.SUPPLIER: _("From a supplier: goes to the team without opening a lead"),
    Reason.UNKNOWN_LOCAL_PART: _("Written to an address of ours that nobody was given"),
    Reason.ADMIN_ADDRESS: _("Written to an address of the administrators"),
    Reason.NOTHING_FITS: _("No rule fits: somebody has to look"),
    Reason.CLOSED_LEAD_CONTINUED: _("Continues a lead that was closed long ago"),
    Reason.NULL_PATH_NEVER_ISSUED: _("A machine wrote to an address that was never given out"),
    Reason.BURIED: _("Reading it failed several times"),
    Reason.BY_HAND: _("Decided by a person"),
    Reason.ADDRESS_CONFIRMED: _("Says that an address is a colleague's"),
    Reason.ADDRESS_NOT_PROVEN: _("Says that an address is a colleague's, but nothing proves it came from there"),
    # owner
    Reason.OWNER_OF_THREAD: _("Owner of this conversation"),
    Reason.OWNER_OF_PARTNER: _("Looks after this customer"),
    Reason.OWNER_OF_COMPANY: _("Looks after this company"),
    Reason.OWNER_OF_COMPANY_LEAD: _("Owns the latest open lead of this company"),
    Reason.OWNER_OF_ALIAS: _("Owner of the address the mail came to"),
    Reason.OWNER_BY_ROTATION: _("Next in the team's turn"),
    Reason.OWNER_BY_LOAD: _("Has the fewest open leads in the team"),
    Reason.OWNER_NOBODY: _("Nobody yet: the team was told"),
    Reason.OWNER_TOOK_IT: _("Took the lead by answering"),
    Reason.OWNER_FORWARDED_IT: _("Forwarded the customer's mail"),
    Reason.OWNER_WROTE_FIRST: _("Wrote to the customer first"),
}

AUTHORS: Mapping[str, str] = {
    AuthorKind.USER_PROVEN: _("Colleague, proven"),
    AuthorKind.USER_CLAIMED: _("Says to be a colleague, not proven"),
    AuthorKind.OUTSIDER: _("From outside"),
    AuthorKind.MACHINE: _("A machine"),
}

VERDICTS: Mapping[str, str] = {
    MailKind.HUMAN: _("Mail from a person"),
    MailKind.AUTO_REPLY: _("Automatic reply"),
    MailKind.BOUNCE: _("Delivery failed"),
    MailKind.DELAY: _("Delivery is late"),
    MailKind.RECEIPT: _("Receipt"),
    MailKind.BULK: _("Newsletter or bulk mail"),
    MailKind.CALENDAR: _("Calendar"),
    MailKind.FEEDBACK_REPORT: _("Abuse report"),
    MailKind.CHALLENGE: _("Challenge"),
    MailKind.SYSTEM: _("System notice"),
    MailKind.LOOP: _("Loop"),
    MailKind.SPAM: _("Spam"),
}

STATES: Mapping[str, str] = {
    "done": _("Done"),
    "held": _("Held: waits for an answer"),
    "triage": _("To sort: no rule fits"),
    "quiet": _("Quiet: kept, nobody told"),
    "buried": _("Buried: could not be read"),
    "dismissed": _("Not for us"),
}

ROUTES: Mapping[str, str] = {
    RouteKind.NEW_LEAD: _("Opened a lead"),
    RouteKind.APPEND: _("Added to the lead"),
    RouteKind.REPLY: _("Sent on to the customer"),
    RouteKind.SENT: _("Logged: the customer has it already"),
    RouteKind.FORWARD: _("Entered what was forwarded"),
    RouteKind.NOTE: _("Kept as an internal note"),
    RouteKind.COMMANDS: _("Did what it said"),
    RouteKind.RELEASE: _("Released the held mail"),
    RouteKind.FOLD: _("Folded on the lead"),
    RouteKind.VARIANT: _("Folded beside the first copy"),
    RouteKind.REPORT: _("Noted on the mail it reports on"),
    RouteKind.RECEIPT: _("Receipt noted on our mail"),
    RouteKind.TEAM: _("Shown to the team, no lead"),
    RouteKind.ABSENCE: _("Noted that a colleague is away"),
    RouteKind.CONFIRM: _("A colleague has one more address"),
    RouteKind.ADMIN: _("Passed to the administrators"),
    RouteKind.HOLD: _("Held for a decision"),
    RouteKind.TRIAGE: _("Left for somebody to sort"),
    RouteKind.QUIET: _("Kept quietly"),
    RouteKind.DUPLICATE: _("Counted as a copy"),
    RouteKind.BURIED: _("Put aside"),
    RouteKind.DISMISSED: _("Not for us"),
}

DOORS: Mapping[str, str] = {
    Door.SMTP: _("by SMTP"),
    Door.LMTP: _("by LMTP"),
    Door.IMAP: _("from a mailbox"),
    Door.FORM: _("by a web form"),
    Door.PIPE: _("from the mail server's pipe"),
    Door.IMPORT: _("by import"),
}

DELIVERY: Mapping[str, str] = {
    "queued": _("Waiting to be sent"),
    "sent": _("Sent"),
    "partly": _("Sent to some"),
    "deferred": _("Will be tried again"),
    "delayed": _("Late at the recipient's server"),
    "failed": _("Not delivered"),
    "bounced": _("Came back undelivered"),
    "held": _("Held for a decision"),
    "dropped": _("Not sent"),
}

NOTICES: Mapping[str, str] = {
    NoticeKind.CUSTOMER_REPLY: _("Mail to the customer"),
    NoticeKind.ACKNOWLEDGEMENT: _("Automatic acknowledgement to the customer"),
    NoticeKind.MESSAGE: _("Notice: a customer wrote"),
    NoticeKind.NOTE: _("Notice: an internal note"),
    NoticeKind.SENT: _("Notice: a colleague answered"),
    NoticeKind.ASSIGNED: _("Notice: a lead was given"),
    NoticeKind.FAILED: _("Notice: a mail was not delivered"),
    NoticeKind.HELD: _("Question: a mail waits for a decision"),
    NoticeKind.RECEIPT: _("Receipt: what commands changed"),
    NoticeKind.HISTORY: _("A lead's history"),
    NoticeKind.LOOP: _("Notice: a loop"),
    NoticeKind.DIGEST: _("Digest"),
    NoticeKind.REMINDER: _("A reminder of an activity"),
    NoticeKind.ABSENCE: _("A colleague is away"),
    NoticeKind.BATCH: _("Gathered notices"),
    NoticeKind.ADMIN: _("Mail to the administrators"),
    NoticeKind.ADDRESS: _("Question: is this address yours?"),
}


def words(table: Mapping[str, str], value: str) -> str:
    """The msgid for ``value``; an unknown value as it is."""
    return table.get(value, value)
