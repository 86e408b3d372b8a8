"""The values that travel the journey; standard library only.

Everything here is frozen and has no behaviour beyond small derived answers. ``ParsedMail`` and ``Verdict`` are made by
``ingest`` (pure, picklable, so that a process pool can make them), ``Facts`` by ``threading.lookup``, ``Route`` by ``decide``,
``Event`` by ``apply``. Strings taken from a mail hold neither NUL nor lone surrogates; all times are aware UTC.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any


class Temporary(Exception):
    """Something that may work later: a 4xx, a lost connection, a full disk."""


class Permanent(Exception):
    """Something that will not work however often it is tried."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code = code
        self.text = text


class ConfigError(Exception):
    """The configuration is wrong; ``faults`` lists every fault in the user's words."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


# --- addresses and the envelope -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox as written: display name (may be empty) and addr-spec."""

    name: str
    address: str

    @property
    def local(self) -> str:
        return self.address.rpartition("@")[0]

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2].lower()


class Door(StrEnum):
    """How a mail came in."""

    SMTP = "smtp"
    LMTP = "lmtp"
    IMAP = "imap"
    FORM = "form"
    PIPE = "pipe"
    IMPORT = "import"


@dataclass(frozen=True, slots=True)
class Envelope:
    """The envelope (RFC 5321 2.3.1) and how we came by it.

    ``mail_from`` is "" for the null reverse-path. ``source`` is "headers" when the envelope was rebuilt from header fields.
    ``peer`` is the address of the SMTP client or the name of the IMAP account, ``helo`` what the client called itself.
    """

    mail_from: str
    rcpt_to: tuple[str, ...]
    received_at: datetime
    door: Door
    peer: str = ""
    source: str = "envelope"
    helo: str = ""

    def to_json(self) -> str:
        """One line of JSON, without a line break."""
        return json.dumps(
            {
                "mail_from": self.mail_from,
                "rcpt_to": list(self.rcpt_to),
                "received_at": self.received_at.isoformat(),
                "door": self.door.value,
                "peer": self.peer,
                "source": self.source,
                "helo": self.helo,
            }
        )

    @staticmethod
    def from_json(line: str | bytes) -> "Envelope":
        """Read what ``to_json`` wrote; raises ValueError or KeyError on anything else."""
        data = json.loads(line)
        return Envelope(
            mail_from=data["mail_from"],
            rcpt_to=tuple(data["rcpt_to"]),
            received_at=datetime.fromisoformat(data["received_at"]),
            door=Door(data["door"]),
            peer=data["peer"],
            source=data["source"],
            helo=data.get("helo", ""),
        )


# --- what was read ------------------------------------------------------------------------------------------------------


class SegmentKind(StrEnum):
    """What a passage of the body is; the union of all segments is the decoded text."""

    NEW = "new"
    QUOTE = "quote"
    SIGNATURE = "signature"
    FOOTER = "footer"
    FORWARDED = "forwarded"


@dataclass(frozen=True, slots=True)
class Segment:
    kind: SegmentKind
    text: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A leaf part that is not the body. ``filename`` is a label only; the blob's name is ``sha256``.

    ``is_among_text``: it asks to be shown where it stands, by whatever name; phones send every picture so.
    """

    filename: str
    content_type: str
    size: int
    sha256: str
    content_id: str
    is_inline: bool
    content: bytes = field(repr=False)
    is_among_text: bool = False


@dataclass(frozen=True, slots=True)
class Forwarded:
    """One level of a forwarded mail, outermost first.

    ``sha256`` names the attachment that an attached mail came as, with its Message-ID and its files; "" for one in the text.
    """

    from_: Address | None
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    date: str
    subject: str
    body: str
    sha256: str = ""
    message_id: str = ""
    files: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class AuthResults:
    """One Authentication-Results field (RFC 8601) as written; believed only after ``threading.lookup`` compared its id.

    ``received_above`` counts the Received fields above it. ``results`` maps a method to its result in lower case; ``domains``
    maps dkim to header.d values and spf to the smtp.mailfrom domain of *passing* results only.
    """

    authserv_id: str
    received_above: int
    results: tuple[tuple[str, str], ...]
    dkim_domains: tuple[str, ...]
    spf_domain: str
    dmarc_from: str

    @property
    def in_words(self) -> str:
        """In one line, as RFC 8601 words it: "spf=pass (firma.fi); dkim=none; dmarc=pass, mx.firma.fi"."""
        named = {"spf": self.spf_domain, "dkim": ", ".join(self.dkim_domains), "dmarc": self.dmarc_from}
        said = [
            f"{method}={result}" + (f" ({named[method]})" if result == "pass" and named.get(method) else "")
            for method, result in self.results
        ]
        return f"{'; '.join(said) or 'nothing'}, {self.authserv_id}"

    def to_row(self) -> dict[str, Any]:
        """As kept with the mail's row."""
        return {
            "by": self.authserv_id,
            "results": [list(one) for one in self.results],
            "dkim": list(self.dkim_domains),
            "spf": self.spf_domain,
            "dmarc": self.dmarc_from,
        }

    @staticmethod
    def from_row(row: Mapping[str, Any]) -> "AuthResults":
        """Read what ``to_row`` wrote."""
        results = tuple((method, result) for method, result in row["results"])
        return AuthResults(row["by"], 0, results, tuple(row["dkim"]), row["spf"], row["dmarc"])


@dataclass(frozen=True, slots=True)
class WrittenBy:
    """Who wrote a mail whose From a list or a relay rewrote; ``proof`` names the field that tells."""

    box: Address
    proof: str


@dataclass(frozen=True, slots=True)
class ReportRecipient:
    """One recipient of a delivery report (RFC 3464 2.3). ``action`` is failed, delayed, delivered, relayed or expanded."""

    address: str
    action: str
    status: str
    diagnostic: str


@dataclass(frozen=True, slots=True)
class Report:
    """A delivery report: whom it is about and which mail it names (ids without angle brackets, "" unknown).

    ``action`` is what it says where it names nobody.
    """

    recipients: tuple[ReportRecipient, ...]
    original_message_id: str
    action: str = ""


@dataclass(frozen=True, slots=True)
class ParsedMail:
    """A mail, read. Ids are stored without angle brackets; ``references`` is oldest first, at most 32."""

    content_key: str
    text_key: str  # hash of the folded newly written text: tells a variant with the same Message-ID from another mail
    has_message_id: bool
    message_id: str
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    from_: Address | None
    sender: Address | None
    reply_to: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    subject: str
    base_subject: str
    has_reply_prefix: bool
    date: datetime | None
    date_raw: str
    text: str
    html: str  # sanitised
    html_raw: str
    new_text: str
    segments: tuple[Segment, ...]
    attachments: tuple[Attachment, ...]
    forwarded: tuple[Forwarded, ...]
    auth: tuple[AuthResults, ...]
    list_ids: tuple[str, ...]  # List-Id and List-Post values, lower case
    has_one_click_unsubscribe: bool  # List-Unsubscribe-Post (RFC 8058)
    received_count: int
    marker: str  # value of our own loop marker header, "" if absent
    original_to: tuple[str, ...]  # recipients named by the topmost Delivered-To block
    language: str
    size: int
    defects: tuple[str, ...]
    written_by: WrittenBy | None = None
    checked: AuthResults | None = (
        None  # by ourselves, or as believed when it came; never from the mail: ``auth`` is then nobody's
    )
    signatures: tuple[Attachment, ...] = ()  # of a mail signed with S/MIME or PGP; no files that somebody sent

    @property
    def files(self) -> tuple[Attachment, ...]:
        """Every file it brings, those of mails attached to it as well."""
        return (*self.attachments, *(file for level in self.forwarded for file in level.files))

    @property
    def mentioned_ids(self) -> tuple[str, ...]:
        """All ids this mail names, newest first, without repeats (RFC 5322 3.6.4)."""
        return tuple(dict.fromkeys((*self.in_reply_to, *reversed(self.references))))


class MailKind(StrEnum):
    """What kind of mail it is."""

    HUMAN = "human"
    AUTO_REPLY = "auto_reply"
    BOUNCE = "bounce"
    DELAY = "delay"
    RECEIPT = "receipt"
    BULK = "bulk"
    CALENDAR = "calendar"
    FEEDBACK_REPORT = "feedback_report"
    CHALLENGE = "challenge"
    SYSTEM = "system"
    LOOP = "loop"
    SPAM = "spam"


class AutoReplyType(StrEnum):
    """What an automatic reply is about."""

    OUT_OF_OFFICE = "out_of_office"
    LEFT = "left"  # the person works there no more
    ACKNOWLEDGEMENT = "acknowledgement"  # "we have received your message"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class AutoReply:
    """What an automatic reply says. ``until`` is a day (2024-03-15) or "", as written: the last day away or the first one back."""

    type: AutoReplyType
    until: str = ""
    stand_in: Address | None = None


@dataclass(frozen=True, slots=True)
class Attendee:
    """One invited; ``answer`` is accepted, declined, tentative, delegated, needs-action or ""."""

    name: str
    address: str
    answer: str


@dataclass(frozen=True, slots=True)
class Meeting:
    """What a calendar part says (RFC 5546). Times are ISO 8601, a date alone for a whole day; "" where not said.

    ``method`` is upper case: REQUEST, REPLY, CANCEL, COUNTER, PUBLISH …. Of a series ``next_start`` is its first meeting after the
    mail came, ``repeats`` how often it is (daily, weekly:2, monthly, yearly); ``of_series_at`` names the one that alone is meant.
    """

    method: str
    uid: str = ""
    summary: str = ""
    start: str = ""
    end: str = ""
    location: str = ""
    organizer: Address | None = None
    attendees: tuple[Attendee, ...] = ()
    is_cancelled: bool = False
    is_recurring: bool = False
    sequence: int = 0
    of_series_at: str = ""
    repeats: str = ""
    next_start: str = ""


@dataclass(frozen=True, slots=True)
class Invitation:
    """A meeting that a mail of ours asks the customer to, or calls off (``method`` REQUEST or CANCEL). Times are ISO 8601."""

    method: str
    uid: str
    sequence: int
    summary: str
    start: str
    end: str
    location: str = ""


@dataclass(frozen=True, slots=True)
class FormFields:
    """A contact form's mail: who filled it in, and every field as written."""

    person: Address | None
    phone: str
    company: str
    message: str
    fields: tuple[tuple[str, str], ...]


class HintKind(StrEnum):
    """Why the shown name of a writer may be borrowed."""

    NAME_SAYS_OTHER = "name_says_other"  # an address or a domain that is not the writer's
    LIKE_OUR_DOMAIN = "like_our_domain"
    NAME_OF_RECIPIENT = "name_of_recipient"  # one of our addresses in To or Cc bears it
    NAME_OF_USER = "name_of_user"
    NAME_OF_PARTNER = "name_of_partner"
    TWO_ALPHABETS = "two_alphabets"


@dataclass(frozen=True, slots=True)
class Hint:
    """A phishing hint: never a decision. ``shown`` is what the writer shows, ``known`` what we know by it, ``name`` whose name."""

    kind: HintKind
    shown: str
    known: str
    name: str = ""

    def __str__(self) -> str:
        """For explain and the log."""
        match self.kind:
            case HintKind.NAME_SAYS_OTHER:
                return f"the name says {self.shown}, the address is {self.known}"
            case HintKind.LIKE_OUR_DOMAIN:
                return f"{self.shown} looks like {self.known}"
            case HintKind.NAME_OF_RECIPIENT:
                return f"the name is that of {self.known}"
            case HintKind.NAME_OF_USER:
                return f"the name of {self.name}, who works here; the address {self.shown} is not theirs"
            case HintKind.NAME_OF_PARTNER:
                return f"the name of {self.name}, whom we know at {self.known}"
        return f"letters of two alphabets in “{self.shown}”"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What kind of mail it is and why. ``is_machine``: no person wrote it, so it is never answered.

    ``asks_for_silence``: a field of it says that no program shall answer.
    ``phishing`` says why the name of the writer may be borrowed, as far as that shows without the database.
    """

    kind: MailKind
    reason: "Reason"
    detail: str = ""
    is_machine: bool = False
    is_bulk: bool = False
    is_spam: bool = False
    asks_for_silence: bool = False
    report: Report | None = None
    calendar_method: str = ""
    auto_reply: AutoReply | None = None
    meeting: Meeting | None = None
    form: FormFields | None = None
    phishing: Hint | None = None


# --- reasons ------------------------------------------------------------------------------------------------------------


class Reason(StrEnum):
    """The closed list of why; the page shows each in words (``mailcrm.reasons``)."""

    # kind of mail
    WRITTEN_BY_A_PERSON = "written_by_a_person"
    CONTACT_FORM = "contact_form"
    AUTO_SUBMITTED = "auto_submitted"
    AUTO_REPLY_HEADER = "auto_reply_header"
    AUTO_REPLY_SUBJECT = "auto_reply_subject"
    AUTO_REPLY_WORDS = "auto_reply_words"
    DELIVERY_STATUS = "delivery_status"
    DELIVERY_PROSE = "delivery_prose"
    DISPOSITION_NOTIFICATION = "disposition_notification"
    FEEDBACK_REPORT = "feedback_report"
    CALENDAR_PART = "calendar_part"
    CHALLENGE = "challenge"
    LIST_HEADERS = "list_headers"
    BULK_PRECEDENCE = "bulk_precedence"
    SPAM_HEADER = "spam_header"
    SYSTEM_NOTICE = "system_notice"
    NULL_REVERSE_PATH = "null_reverse_path"
    MACHINE_SENDER = "machine_sender"
    UNREADABLE = "unreadable"
    # route
    DUPLICATE = "duplicate"
    VARIANT = "variant"
    REPORT_TIED = "report_tied"
    REPORT_UNTIED = "report_untied"
    LOOP_OWN_MAIL = "loop_own_mail"
    LOOP_RECEIVED = "loop_received"
    LOOP_NEW_LEADS = "loop_new_leads"
    LOOP_NEW_LEADS_DOMAIN = "loop_new_leads_domain"
    LOOP_MESSAGES = "loop_messages"
    LOOP_EQUAL_BODIES = "loop_equal_bodies"
    AUTO_REPLY_ON_LEAD = "auto_reply_on_lead"
    AUTO_REPLY_WITHOUT_LEAD = "auto_reply_without_lead"
    STAFF_ABSENT = "staff_absent"
    RECEIPT_TIED = "receipt_tied"
    RECEIPT_UNTIED = "receipt_untied"
    MEETING_ON_LEAD = "meeting_on_lead"
    MEETING_WITHOUT_LEAD = "meeting_without_lead"
    QUIET_MACHINE = "quiet_machine"
    REPLY_TOKEN = "reply_token"
    NOTE_TOKEN = "note_token"
    NOTE_ADDRESS_PRESENT = "note_address_present"
    OUTSIDER_USED_TOKEN = "outsider_used_token"
    OUTSIDER_USED_STAFF_TOKEN = "outsider_used_staff_token"
    TOKENS_OF_TWO_LEADS = "tokens_of_two_leads"
    WHICH_LEAD = "which_lead"
    INTENT_NOT_BUILT = "intent_not_built"
    COMMANDS = "commands"
    COMMAND_NOT_UNDERSTOOD = "command_not_understood"
    UNDO_TOKEN = "undo_token"
    DIGEST_ANSWER = "digest_answer"
    RELEASED_BY_MAIL = "released_by_mail"
    STAFF_NOT_PROVEN = "staff_not_proven"
    STAFF_REPLY_LEAKS = "staff_reply_leaks"
    STAFF_REPLY_EMPTY = "staff_reply_empty"
    STAFF_REPLY_UNREADABLE_PART = "staff_reply_unreadable_part"
    ANSWERED_BY_ANOTHER = "answered_by_another"
    CUSTOMER_WROTE_AGAIN = "customer_wrote_again"
    NEW_PERSON_REPLY = "new_person_reply"
    SUPPRESSED_RECIPIENT = "suppressed_recipient"
    FORWARD_OR_COPY = "forward_or_copy"
    FORWARDED = "forwarded"
    FORWARDED_OF_LEAD = "forwarded_of_lead"
    FORWARDED_SAME_SUBJECT = "forwarded_same_subject"
    FORWARDED_SAME_PERSON = "forwarded_same_person"
    FORWARD_WITHOUT_SENDER = "forward_without_sender"
    FORWARD_OF_OURS = "forward_of_ours"
    FORWARD_OF_SEVERAL = "forward_of_several"
    COPY_TO_CUSTOMER = "copy_to_customer"
    COPY_OPENS_LEAD = "copy_opens_lead"
    SENT_DIRECTLY = "sent_directly"
    CUSTOMER_OR_NOTE = "customer_or_note"
    REFERENCES = "references"
    REFERENCES_UNCONFIRMED = "references_unconfirmed"
    NAMED_BY_EARLIER_REPLY = "named_by_earlier_reply"
    SAME_SUBJECT = "same_subject"
    QUIET_BULK = "quiet_bulk"
    QUIET_SPAM = "quiet_spam"
    ALIAS = "alias"
    KNOWN_PARTNER_WRITES = "known_partner_writes"
    SUPPLIER = "supplier"
    UNKNOWN_LOCAL_PART = "unknown_local_part"
    ADMIN_ADDRESS = "admin_address"
    NOTHING_FITS = "nothing_fits"
    CLOSED_LEAD_CONTINUED = "closed_lead_continued"
    NULL_PATH_NEVER_ISSUED = "null_path_never_issued"
    BURIED = "buried"
    BY_HAND = "by_hand"
    ADDRESS_CONFIRMED = "address_confirmed"
    ADDRESS_NOT_PROVEN = "address_not_proven"
    # owner
    OWNER_OF_THREAD = "owner_of_thread"
    OWNER_OF_PARTNER = "owner_of_partner"
    OWNER_OF_COMPANY = "owner_of_company"
    OWNER_OF_COMPANY_LEAD = "owner_of_company_lead"
    OWNER_OF_ALIAS = "owner_of_alias"
    OWNER_BY_ROTATION = "owner_by_rotation"
    OWNER_BY_LOAD = "owner_by_load"
    OWNER_NOBODY = "owner_nobody"
    OWNER_TOOK_IT = "owner_took_it"
    OWNER_FORWARDED_IT = "owner_forwarded_it"
    OWNER_WROTE_FIRST = "owner_wrote_first"


# --- who wrote it -------------------------------------------------------------------------------------------------------


class AuthorKind(StrEnum):
    """DESIGN section 3: decided before any routing."""

    USER_PROVEN = "user_proven"
    USER_CLAIMED = "user_claimed"
    OUTSIDER = "outsider"
    MACHINE = "machine"


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote a mail. ``address`` is whom we would answer; ``user_id`` is set for both kinds of user."""

    kind: AuthorKind
    address: Address
    user_id: int | None = None
    proof: str = ""  # e.g. "dmarc=pass by mx.firma.fi"
    is_form: bool = False  # the person is the Reply-To of a web form's mail


# --- tokens -------------------------------------------------------------------------------------------------------------


class Intent(StrEnum):
    """What a token address asks for (DESIGN section 4)."""

    REPLY = "reply"
    NOTE = "note"
    UNDO = "undo"
    DIGEST = "digest"
    DECIDE = "decide"  # the answer to a question about held mail
    CONFIRM = "confirm"  # that an address is a user's


class Decision(StrEnum):
    """The one word that answers a question about held mail."""

    SEND = "send"
    DROP = "drop"
    NOTE = "note"


# --- commands in a salesperson's mail ------------------------------------------------------------------------------------


class Verb(StrEnum):
    """What a command line asks for; ``mailcrm.commands.words`` has the words in each language."""

    WON = "won"
    LOST = "lost"
    CANCEL = "cancel"
    HOLD = "hold"
    STAGE = "stage"
    ASSIGN = "assign"
    TAKE = "take"
    TAG = "tag"
    UNTAG = "untag"
    STARS = "stars"
    VALUE = "value"
    CLOSE = "close"
    CALL = "call"
    MEETING = "meeting"
    INVITE = "invite"
    MAIL = "mail"
    QUOTE = "quote"
    TODO = "todo"
    DONE = "done"
    SNOOZE = "snooze"
    NOTE = "note"
    MENTION = "mention"
    FOLLOW = "follow"
    MUTE = "mute"
    MERGE = "merge"
    SPLIT = "split"
    AWAY = "away"
    HISTORY = "history"
    NEW = "new"
    NOTIFY = "notify"
    UNDO = "undo"
    HELP = "help"

    @property
    def needs_lead(self) -> bool:
        """Whether it is about a lead, so that a mail that belongs to none cannot ask for it."""
        return self not in (Verb.NEW, Verb.AWAY, Verb.NOTIFY, Verb.HELP, Verb.UNDO)


@dataclass(frozen=True, slots=True)
class Command:
    """One command line, understood. ``line`` is how it was written; only the fields of its verb are set."""

    verb: Verb
    line: str
    text: str = ""  # a reason, a name, a summary
    names: tuple[str, ...] = ()  # tags, people
    number: int | None = None  # stars, a lead, the how-manieth activity, minutes
    amount: Decimal | None = None
    currency: str = ""
    day: date | None = None
    at: datetime | None = None  # when a time of day was given
    place: str = ""  # of a meeting


ACTIVITY_TYPES = ("call", "meeting", "mail", "quote", "todo")


class FaultWhy(StrEnum):
    """Why a line that looks like a command cannot be carried out; the question to its writer says it in words."""

    UNKNOWN = "unknown"  # no such command; ``detail`` is one that is like it
    NOT_AT_TOP = "not_at_top"
    MISSING = "missing"  # something must follow; ``detail`` is the grammar
    SUPERFLUOUS = "superfluous"  # ``detail`` is what follows and should not
    NO_DATE = "no_date"
    NO_TIME = "no_time"
    AMBIGUOUS = "ambiguous"  # ``detail``: the dates or times it may be
    PAST = "past"
    NOT_A_DAY = "not_a_day"  # 31.2.
    NO_AMOUNT = "no_amount"
    NO_NUMBER = "no_number"
    MAY_GO_ON = "may_go_on"  # a long line with text right below it
    TOO_MANY = "too_many"
    NO_DIGEST_NUMBER = "no_digest_number"  # a line of the answer to a digest that names none of its numbers
    NO_ACTION = "no_action"  # a number, and nothing that is to be done
    SEVERAL = "several"  # text, or the next number: it may be either
    REFUSED = "refused"  # understood, and not possible; ``detail`` says why


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that looks like a command and was not carried out."""

    line: str
    why: FaultWhy
    detail: str = ""
    values: tuple[tuple[str, str], ...] = ()  # what a refusal's sentence is filled with


@dataclass(frozen=True, slots=True)
class Orders:
    """A salesperson's newly written text, told apart: ``text`` is for the customer, ``note`` stays inside."""

    commands: tuple[Command, ...] = ()
    text: str = ""
    note: str = ""
    faults: tuple[Fault, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is no command at all: the mail is a mail."""
        return not self.commands and not self.faults and not self.note


@dataclass(frozen=True, slots=True)
class Numbered:
    """What is to be done with some of a digest's numbers; none: with all of them. ``decision`` is about held mail.

    ``is_bare``: a date or a name alone, without a command word.
    """

    numbers: tuple[int, ...]
    line: str
    command: Command | None = None
    decision: Decision | None = None
    is_bare: bool = False


@dataclass(frozen=True, slots=True)
class DigestAnswer:
    """The answer to a digest, told apart. ``commands`` are those that need no number."""

    outbox_id: int  # of the digest that was answered
    entries: tuple[Numbered, ...] = ()
    commands: tuple[Command, ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether it asks for nothing: a word of thanks."""
        return not (self.entries or self.commands or self.faults)


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a command changed, or that could not be: ``what`` names it, ``values`` are what its words need."""

    what: str
    values: tuple[tuple[str, str], ...] = ()


# --- what the database knows (Facts) and what is done (Route) -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TokenHit:
    """A verified address of ours: the outbox row it names and where that row's message lies now.

    ``user_id`` is the member of staff it was printed for, None for outside people. ``is_permitted`` is False for a token that
    was retired, or that came only with a copy of the mail that proved nothing.
    """

    outbox_id: int
    intent: Intent
    lead_id: int | None
    user_id: int | None
    message_row_id: int | None
    in_envelope: bool
    is_retired: bool = False
    is_unconfirmed: bool = False  # its notice said that an answer goes to that one unconfirmed person only
    author_key: str = ""  # who wrote that message
    is_named: bool = True  # it stands in the mail's own To or Cc as well
    kind: str = ""  # of notice: a question or a digest is never a way to the customer
    claimed_key: str = ""  # of the question whether an address is the user's: that address
    digest_id: int | None = None  # of a digest, and of a receipt about the answer to one: the digest's outbox row


@dataclass(frozen=True, slots=True)
class RefHit:
    """A lead found by a Message-ID. ``is_own_id``: the mail's own id was named before by a message of that lead."""

    lead_id: int
    ref: str
    is_own_id: bool


@dataclass(frozen=True, slots=True)
class LeadFacts:
    """What routing needs to know of a lead."""

    id: int
    partner_id: int | None
    owner_id: int | None
    owner_reason: str
    team_id: int | None
    outcome: str
    stage_kind: str
    created_at: datetime
    closed_at: datetime | None
    last_message_at: datetime | None
    known_keys: frozenset[str]  # addresses of its partner and of confirmed participants
    unconfirmed_keys: frozenset[str]
    company_domain: str
    reply_key: str = ""  # where the customer asked for answers, if elsewhere


@dataclass(frozen=True, slots=True)
class PartnerFacts:
    """A partner as the routing sees it. ``company_*`` are those of the person's company, if any."""

    id: int
    relation: str
    owner_id: int | None
    company_id: int | None
    company_owner_id: int | None


@dataclass(frozen=True, slots=True)
class CompanyFacts:
    """A company found by the writer's domain."""

    id: int
    owner_id: int | None


@dataclass(frozen=True, slots=True)
class AliasFacts:
    """An alias the mail was addressed to."""

    key: str
    team_id: int
    owner_id: int | None
    source: str
    medium: str
    campaign: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """A team member who may be given leads, with how many open ones they have."""

    user_id: int
    is_present: bool
    open_count: int


@dataclass(frozen=True, slots=True)
class Writer:
    """A user who writes to us with proof: what their words mean depends on it."""

    name: str
    locale: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class Past:
    """The same mail, or one with the same Message-ID and writer, that came before."""

    inbound_id: int
    is_same_content: bool
    is_similar_text: bool
    received_at: datetime
    route: str
    reason: str
    state: str
    lead_id: int | None
    message_row_id: int | None
    decided_by_id: int | None
    rcpt_to: tuple[str, ...]
    proven_rcpt_to: tuple[str, ...]  # recipients of the copies whose author was proven
    author: str
    author_proof: str


@dataclass(frozen=True, slots=True)
class Recent:
    """One mail of the same writer within the last two hours."""

    received_at: datetime
    lead_id: int | None
    is_new_lead: bool
    text_key: str


@dataclass(frozen=True, slots=True)
class Later:
    """The newest mail on a lead after the one that a reply answers: a colleague's to the customer, or the customer's own.

    ``user_id`` is the colleague's; ``text`` is its beginning.
    """

    user_id: int | None
    name: str
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class About:
    """Whom a colleague's forward, or their copy of a mail to a customer, is about.

    ``writers`` are the outside people who wrote what is forwarded, each once; ``outside`` the keys of all outside people that
    its levels name, ``user_ids`` the users among the others. ``person`` is the one customer, None where it could be several.
    """

    is_forward: bool = False
    person: Address | None = None
    writers: tuple[Address, ...] = ()
    addressed: tuple[Address, ...] = ()  # outside people in the mail's own To and Cc
    outside: frozenset[str] = frozenset()
    user_ids: tuple[tuple[str, int], ...] = ()
    partner_ids: tuple[tuple[str, int], ...] = ()  # of those among them whom we know, by key
    carried_lead_ids: tuple[int, ...] = ()  # where a mail that is attached lies already
    subject_lead_id: int | None = None  # the person's open lead with the same base subject
    latest_lead_id: int | None = None  # the person's latest open lead


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the database knows that ``decide`` may use. Built in one place, ``threading.lookup``."""

    author: Author
    past: Past | None = None
    tokens: tuple[TokenHit, ...] = ()
    return_path: TokenHit | None = None
    report_outbox_id: int | None = None
    report_lead_id: int | None = None
    is_own_mail: bool = False
    refs: tuple[RefHit, ...] = ()
    leads: tuple[LeadFacts, ...] = ()
    subject_lead_id: int | None = None
    aliases: tuple[AliasFacts, ...] = ()
    unknown_local_parts: tuple[str, ...] = ()
    is_to_admin: bool = False
    partner: PartnerFacts | None = None
    company: CompanyFacts | None = None
    company_lead_owner_id: int | None = None
    inactive_user_ids: frozenset[int] = frozenset()
    meeting_lead_ids: tuple[int, ...] = ()  # where the meeting of this calendar mail is planned, newest first
    our_meeting_lead_id: int | None = None  # where it is, if we invited to it
    members: tuple[Member, ...] = ()
    rotation_user_id: int | None = None
    team_rule: str = "nobody"
    recents: tuple[Recent, ...] = ()
    domain_new_leads: int = 0
    answered_by_user_id: int | None = None
    later: Later | None = None  # somebody else's, and newer than all that this writer sent
    suppressed_keys: frozenset[str] = frozenset()
    sent_hashes: frozenset[str] = frozenset()
    card_lines: tuple[str, ...] = ()
    is_same_company_proven: bool = False
    is_disproven: bool = False  # a trusted relay says that From's domain did not send it
    auth: AuthResults | None = None  # what was believed of its SPF, DKIM and DMARC
    is_own_list: bool = False
    reply_to: str = ""  # the outsider's own Reply-To, if answers shall go elsewhere
    outsiders_in_header: frozenset[str] = frozenset()  # keys in To/Cc that are neither ours nor staff's
    about: About | None = None  # of a proven user's mail without a token; partner and company are then the customer's
    writer: Writer | None = None  # of a proven user
    hint: Hint | None = None  # the writer bears a name of ours at another address
    is_own_author: bool = False  # From is an address of ours or a user's: nobody outside, and never a partner

    def lead(self, lead_id: int | None) -> LeadFacts | None:
        """The lead with this id, if it was looked up."""
        return next((known for known in self.leads if known.id == lead_id), None)


class RouteKind(StrEnum):
    """What is done with a mail; the API and the page use these words."""

    NEW_LEAD = "new_lead"
    APPEND = "append"  # email_in on a lead
    REPLY = "reply"  # a salesperson's mail, carried to the customer
    SENT = "sent"  # a salesperson's mail that the customer has already; on a new lead if none is named
    FORWARD = "forward"  # what a salesperson forwarded; on a new lead if none is named
    NOTE = "note"
    COMMANDS = "commands"  # a colleague's mail that only says what to do
    RELEASE = "release"  # the answer to a question: the mail it asks about goes on its way
    FOLD = "fold"  # an automatic reply on the lead it answers
    VARIANT = "variant"
    REPORT = "report"
    RECEIPT = "receipt"
    TEAM = "team"  # a supplier's mail: shown to the team, no lead
    ADMIN = "admin"
    ABSENCE = "absence"  # a colleague's automatic reply: they are away
    CONFIRM = "confirm"  # says that an address is a colleague's
    HOLD = "hold"
    TRIAGE = "triage"
    QUIET = "quiet"
    DUPLICATE = "duplicate"
    BURIED = "buried"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class Route:
    """What is done with a mail, and why. ``lead_id`` is the lead it goes to; for a new lead None."""

    kind: RouteKind
    reason: Reason
    detail: str = ""
    lead_id: int | None = None
    also_lead_id: int | None = None  # a second lead it names: linked, its owner told
    follows_lead_id: int | None = None  # a new lead that continues a closed one
    alias: AliasFacts | None = None
    also_team_ids: tuple[int, ...] = ()
    tags: tuple[str, ...] = ()
    owner_id: int | None = None
    owner_reason: Reason | None = None
    takes_lead: bool = False  # the writer becomes the owner by answering
    wakes_lead: bool = False
    is_closed_lead: bool = False
    is_unconfirmed: bool = False
    is_guess: bool = False
    is_staff_token_misused: bool = False
    retire_outbox_id: int | None = None
    only_to_key: str = ""  # a reply that goes to this person alone, without earlier quotes
    confirms_key: str = ""
    orders: Orders | None = None  # commands of a proven user; ``text`` and ``note`` are what is left of the mail
    may_leave: bool = False  # its commands may send mail to the customer: it came by a reply address
    is_lenient: bool = False  # released: what cannot be done is left out
    answer: DigestAnswer | None = None  # to a digest, of the user to whom it went
    question_id: int | None = None  # the outbox row of the question that this mail answers
    decision: Decision | None = None


# --- leaving ------------------------------------------------------------------------------------------------------------


class NoticeKind(StrEnum):
    """Kinds of mail that leave; each has a folder templates/mail/<kind>/."""

    CUSTOMER_REPLY = "customer_reply"  # a person's mail to the customer
    ACKNOWLEDGEMENT = "acknowledgement"  # ours to the customer; the only other kind that leaves the house
    MESSAGE = "message"  # to staff: a customer wrote
    NOTE = "note"  # to staff: an internal note, or a mention in one
    SENT = "sent"  # to staff: a colleague answered the customer
    ASSIGNED = "assigned"  # to staff: a lead was given to you
    FAILED = "failed"  # to staff: your mail was not delivered, or is late
    HELD = "held"  # to staff: your mail waits for a decision
    RECEIPT = "receipt"  # to staff: what your commands changed
    HISTORY = "history"  # to staff: a lead as a summary, with its mails as files
    LOOP = "loop"  # to a human, once
    DIGEST = "digest"  # to staff, in the morning
    ADMIN = "admin"  # postmaster@ and the like
    ADDRESS = "address"  # to an address that a user says is theirs; or to the user: it is now
    REMINDER = "reminder"  # to staff: an activity at its time
    BATCH = "batch"  # to staff: notices of several leads that were gathered, as a list
    ABSENCE = "absence"  # to staff and their managers: an automatic reply says that somebody is away


@dataclass(frozen=True, slots=True)
class Event:
    """A fact written in the same transaction as the change; what ``notify.recipients`` decides from.

    ``kind`` is one of: message_in, message_out, note, event_assigned, message_failed, message_delayed, held, loop, admin,
    absence, reminder, receipt, history, acknowledged.
    """

    kind: str
    lead_id: int | None
    message_id: int | None = None  # row id in ``message``
    inbound_id: int | None = None
    outbox_id: int | None = None
    actor_user_id: int | None = None
    had_it_directly: tuple[str, ...] = ()  # address keys in To/Cc of the mail itself
    is_new_lead: bool = False
    is_closed_lead: bool = False
    is_unconfirmed: bool = False
    is_staff_token_misused: bool = False  # an outsider wrote to an internal address
    also_team_ids: tuple[int, ...] = ()
    activity: tuple[str, ...] = ()  # type, when it is due (ISO 8601) and summary of what one is reminded of
    deputy: str = ""  # who stands in for the one who is away
    only_to_key: str = ""  # a mail to the customer that goes to this address alone, without earlier quotes
    later: Later | None = None  # held: what came in between
    reason: str = ""
    detail: str = ""
    invitation: Invitation | None = None  # that goes along with a mail to the customer
    subject: str = ""  # of a mail to the customer that is no answer
    changes: tuple[Change, ...] = ()  # of commands: what was done, or why not
    run_id: int | None = None  # of the commands that can be taken back
