"""The tables: data only, no behaviour. Names are DESIGN section 6's.

All times are aware UTC. Constraints carry the invariants that code relies on: one inbound row per ``content_key`` and per spool
entry, one notice per ``dedupe_key``, one digest per user and local date, one partner per address.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UTCDateTime(TypeDecorator[datetime]):
    """Aware UTC in and out; SQLite forgets the zone, so it is put back. A naive datetime is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime was to be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


_Id = BigInteger().with_variant(Integer, "sqlite")


def _id() -> Column[Any]:
    return Column("id", _Id, primary_key=True, autoincrement=True)


def _ref(name: str, target: str, *, nullable: bool = True, index: bool = False, **more: Any) -> Column[Any]:
    return Column(name, _Id, ForeignKey(f"{target}.id", **more), nullable=nullable, index=index)


def _at(name: str, *, nullable: bool = True, index: bool = False) -> Column[Any]:
    return Column(name, UTCDateTime, nullable=nullable, index=index)


# --- people who work here -----------------------------------------------------------------------------------------------

user = Table(
    "user",
    metadata,
    _id(),
    Column("name", String(200), nullable=False),
    Column("role", String(20), nullable=False),
    Column("locale", String(5), nullable=False, server_default="en"),
    Column("time_zone", String(60), nullable=False, server_default="Europe/Helsinki"),
    Column("working_days", String(7), nullable=False, server_default="12345"),  # ISO weekdays, 1 = Monday
    Column("digest_at", String(5), nullable=False, server_default="07:30"),  # local time HH:MM
    Column("password_hash", String(200)),
    Column("is_active", Boolean, nullable=False, server_default=text("true")),
    _ref("deputy_id", "user"),
    _at("absent_until"),
    Column("absent_by", String(20), nullable=False, server_default=""),  # by_hand or auto_reply, "" when here
    _at("created_at", nullable=False),
    Column("receipts", String(10), nullable=False, server_default="all"),  # of commands by mail: all, errors
    Column("calendar_key_hash", String(64), unique=True),  # of the address of their calendar feed
    Column("digest", String(10), nullable=False, server_default="daily"),  # how often: daily, weekly, off
    Column("digest_day", String(1), nullable=False, server_default="1"),  # of a weekly one: ISO weekday
    Column("holidays", String(10)),  # country whose public holidays they have, "" none; null: as the house
    _at("digest_since"),  # when these or the working days were last changed: none is due for a time before
    Column("notices", JSON, nullable=False, server_default="{}"),  # topic -> level, of those that do not come at once
    CheckConstraint("role in ('salesperson', 'manager', 'admin', 'colleague')", name="role"),
)

user_address = Table(
    "user_address",
    metadata,
    _id(),
    _ref("user_id", "user", nullable=False, index=True),
    Column("address", String(320), nullable=False),
    Column("key", String(320), nullable=False, unique=True),
    Column("is_primary", Boolean, nullable=False),
)

address_claim = Table(  # an address that a user says is theirs; it does nothing until somebody there has confirmed it
    "address_claim",
    metadata,
    _id(),
    _ref("user_id", "user", nullable=False),
    Column("address", String(320), nullable=False),
    Column("key", String(320), nullable=False, index=True),
    _at("asked_at", nullable=False),
    UniqueConstraint("user_id", "key"),
)

team = Table(
    "team",
    metadata,
    _id(),
    Column("name", String(200), nullable=False, unique=True),
    Column("rule", String(20), nullable=False, server_default="round_robin"),
    _ref("rotation_user_id", "user"),  # who was given the last lead by rotation
    CheckConstraint("rule in ('round_robin', 'least_loaded', 'nobody')", name="rule"),
)

team_member = Table(
    "team_member",
    metadata,
    _ref("team_id", "team", nullable=False),
    _ref("user_id", "user", nullable=False, index=True),
    Column("takes_leads", Boolean, nullable=False, server_default=text("true")),  # a manager may be a member without
    UniqueConstraint("team_id", "user_id"),
)

alias = Table(
    "alias",
    metadata,
    _id(),
    Column("address", String(320), nullable=False),
    Column("key", String(320), nullable=False, unique=True),
    _ref("team_id", "team", nullable=False),
    _ref("owner_id", "user"),
    Column("source", String(100), nullable=False, server_default=""),
    Column("medium", String(100), nullable=False, server_default=""),
    Column("campaign", String(100), nullable=False, server_default=""),
    Column("tags", JSON, nullable=False),  # list of tag names
)

# --- people and firms we write with -------------------------------------------------------------------------------------

partner = Table(
    "partner",
    metadata,
    _id(),
    Column("kind", String(10), nullable=False),
    Column("name", String(300), nullable=False),
    _ref("company_id", "partner", index=True),
    Column("domain", String(255), unique=True),  # of a company
    Column("relation", String(20), nullable=False, server_default="prospect"),
    _ref("owner_id", "user", index=True),
    Column("language", String(5), nullable=False, server_default=""),
    Column("industry", String(100), nullable=False, server_default=""),
    Column("revenue", Numeric(16, 2)),
    _at("created_at", nullable=False),
    _at("erased_at"),
    Column("phone", String(60), nullable=False, server_default=""),
    Column(
        "name_key", String(300), nullable=False, server_default="", index=True
    ),  # of a person: who bears their name?
    CheckConstraint("kind in ('person', 'company')", name="kind"),
    CheckConstraint("relation in ('prospect', 'customer', 'former', 'supplier', 'partner')", name="relation"),
)

partner_address = Table(
    "partner_address",
    metadata,
    _id(),
    _ref("partner_id", "partner", nullable=False, index=True),
    Column("address", String(320), nullable=False),
    Column("key", String(320), nullable=False, unique=True),
    Column("is_primary", Boolean, nullable=False),
)

# --- leads --------------------------------------------------------------------------------------------------------------

stage = Table(
    "stage",
    metadata,
    _id(),
    Column("name_en", String(100), nullable=False),
    Column("name_fi", String(100), nullable=False),
    Column("position", Integer, nullable=False),
    Column("kind", String(10), nullable=False),
    Column("is_folded", Boolean, nullable=False, server_default=text("false")),
    Column("on_event", String(30), nullable=False, server_default=""),  # "", owner_set, first_mail_out
    CheckConstraint("kind in ('open', 'won', 'lost', 'cancelled', 'on_hold')", name="kind"),
)

stage_suggestion = Table(  # of leads in a stage: what comes after an activity was done
    "stage_suggestion",
    metadata,
    _id(),
    _ref("stage_id", "stage", nullable=False),
    Column("after_type", String(20), nullable=False, server_default=""),  # "": any that has no row of its own
    Column("next_type", String(20), nullable=False),
    Column("text_en", String(200), nullable=False),
    Column("text_fi", String(200), nullable=False),
    Column("days", Integer, nullable=False),  # working days
    CheckConstraint("days between 1 and 365", name="days"),
    UniqueConstraint("stage_id", "after_type"),
)

lead = Table(
    "lead",
    metadata,
    _id(),
    Column("title", String(500), nullable=False),
    Column("base_subject", String(500), nullable=False, server_default=""),
    _ref("partner_id", "partner", index=True),
    _ref("company_id", "partner", index=True),  # copied from the partner, for the owner chain and the board
    _ref("owner_id", "user", index=True),
    _ref("team_id", "team", index=True),
    _ref("stage_id", "stage", nullable=False, index=True),
    _ref("previous_stage_id", "stage"),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("source", String(100), nullable=False, server_default=""),
    Column("medium", String(100), nullable=False, server_default=""),
    Column("campaign", String(100), nullable=False, server_default=""),
    Column(
        "alias_key", String(320), nullable=False, server_default=""
    ),  # the address it came to: answers leave from it
    Column("reply_to", String(320), nullable=False, server_default=""),  # the customer's own Reply-To, if they gave one
    Column("expected_revenue", Numeric(16, 2)),
    Column("currency", String(3), nullable=False, server_default="EUR"),
    Column("probability", Integer, nullable=False, server_default="10"),
    Column("expected_closing", Date),
    Column("on_hold_until", Date),
    Column("outcome", String(10)),  # null while open or on hold; won, lost, cancelled
    Column("lost_reason", String(300), nullable=False, server_default=""),
    Column("waiting_on", String(10)),  # us, them, null
    _at("waiting_since"),
    _ref("follows_lead_id", "lead"),  # the closed lead this one continues
    Column("owner_reason", String(40), nullable=False, server_default=""),
    _at("created_at", nullable=False, index=True),
    _at("last_message_at", index=True),
    _at("closed_at"),
    CheckConstraint("priority between 0 and 3", name="priority"),
    CheckConstraint("probability between 0 and 100", name="probability"),
    CheckConstraint("outcome is null or outcome in ('won', 'lost', 'cancelled')", name="outcome"),
    CheckConstraint("waiting_on is null or waiting_on in ('us', 'them')", name="waiting_on"),
)

_WAITS = "waiting_on = 'us' and outcome is null"  # as a query has it in words, or SQLite does not use the index
Index(
    "ix_lead_waiting", lead.c.owner_id, lead.c.waiting_since, sqlite_where=text(_WAITS), postgresql_where=text(_WAITS)
)

tag = Table("tag", metadata, _id(), Column("name", String(100), nullable=False, unique=True))

lead_tag = Table(
    "lead_tag",
    metadata,
    _ref("lead_id", "lead", nullable=False),
    _ref("tag_id", "tag", nullable=False, index=True),
    UniqueConstraint("lead_id", "tag_id"),
)

moved_lead = Table(  # where a lead went that was dissolved into another: its number stays good in links
    "moved_lead",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    _ref("to_lead_id", "lead", nullable=False, index=True),
    _at("at", nullable=False),
)

stage_change = Table(
    "stage_change",
    metadata,
    _id(),
    _ref("lead_id", "lead", nullable=False, index=True),
    _ref("from_stage_id", "stage"),
    _ref("to_stage_id", "stage", nullable=False),
    _at("at", nullable=False, index=True),
    _ref("by_user_id", "user"),  # null: by rule
    Column("reason", String(300), nullable=False, server_default=""),
    _at("undone_at"),
)

follower = Table(
    "follower",
    metadata,
    _ref("lead_id", "lead", nullable=False),
    _ref("user_id", "user", nullable=False, index=True),
    UniqueConstraint("lead_id", "user_id"),
)

participant = Table(
    "participant",
    metadata,
    _id(),
    _ref("lead_id", "lead", nullable=False),
    Column("address", String(320), nullable=False),
    Column("key", String(320), nullable=False, index=True),
    Column("name", String(300), nullable=False, server_default=""),
    _ref("partner_id", "partner", index=True),
    Column("is_confirmed", Boolean, nullable=False),
    Column("gets_copies", Boolean, nullable=False, server_default=text("false")),  # the customer's Cc
    UniqueConstraint("lead_id", "key"),
)

activity = Table(
    "activity",
    metadata,
    _id(),
    _ref("lead_id", "lead", nullable=False, index=True),
    _ref("user_id", "user", nullable=False, index=True),
    Column("type", String(20), nullable=False),
    Column("summary", String(500), nullable=False, server_default=""),
    Column("due_on", Date, nullable=False),
    _at("due_at"),  # when a time of day was given
    _at("reminded_at"),
    _at("created_at", nullable=False),
    _ref("created_by_id", "user"),
    _at("done_at"),
    _ref("done_by_id", "user"),
    Column("feedback", Text, nullable=False, server_default=""),
    CheckConstraint("type in ('call', 'meeting', 'mail', 'quote', 'todo')", name="type"),
)
Index("ix_activity_due_at", activity.c.due_at, sqlite_where=text("done_at is null and due_at is not null"),
      postgresql_where=text("done_at is null and due_at is not null"))  # fmt: skip
meeting = Table(  # the calendar mail behind a meeting activity (RFC 5546); goes with it
    "meeting",
    metadata,
    _id(),
    _ref("activity_id", "activity", nullable=False, ondelete="CASCADE"),
    Column("uid", String(500), nullable=False, index=True),
    Column("sequence", Integer, nullable=False, server_default="0"),
    Column(
        "inviter_key", String(320), nullable=False
    ),  # whose mail invited; with the organiser the only one who changes it
    Column("organizer_key", String(320), nullable=False, server_default=""),
    Column("organizer", String(640), nullable=False, server_default=""),
    Column("location", String(500), nullable=False, server_default=""),
    _at("ends_at"),
    Column("repeats", String(20), nullable=False, server_default=""),  # yearly, monthly, weekly, daily
    Column("answers", JSON, nullable=False),  # [{"name", "address", "answer"}]
    _at("cancelled_at"),
    Column("is_ours", Boolean, nullable=False, server_default=text("false")),  # we invited the customer
    UniqueConstraint("activity_id"),
)
Index("ix_activity_open", activity.c.user_id, activity.c.due_on, sqlite_where=text("done_at is null"),
      postgresql_where=text("done_at is null"))  # fmt: skip

# --- chatter ------------------------------------------------------------------------------------------------------------

raw = Table(
    "raw",
    metadata,
    _id(),
    Column("sha256", String(64), nullable=False, index=True),
    Column("size", Integer, nullable=False),
    Column("compressed", LargeBinary),  # zlib, up to 256 KB raw; larger ones are blobs named by sha256
    _at("created_at", nullable=False, index=True),
)

message = Table(
    "message",
    metadata,
    _id(),
    _ref("lead_id", "lead", nullable=False),
    Column("kind", String(10), nullable=False),
    Column("author_kind", String(10), nullable=False),
    _ref("author_user_id", "user"),
    _ref("author_partner_id", "partner", index=True),
    Column("author_name", String(300), nullable=False, server_default=""),
    Column("author_address", String(320), nullable=False, server_default=""),
    Column("subject", String(1000), nullable=False, server_default=""),
    Column("text", Text, nullable=False, server_default=""),  # the whole decoded text
    Column("new_text", Text, nullable=False, server_default=""),  # what is newly written
    Column("segments", JSON, nullable=False),  # [{"kind", "text"}]
    Column("html", Text, nullable=False, server_default=""),  # sanitised
    Column("message_id", String(1000), nullable=False, server_default=""),
    Column("reference_ids", JSON, nullable=False),  # oldest first
    Column("to", JSON, nullable=False),  # [{"name", "address"}]
    Column("cc", JSON, nullable=False),
    Column("date_written", String(100), nullable=False, server_default=""),
    _at("at", nullable=False),  # Date of the mail clamped to received_at; sorts the chatter
    _at("created_at", nullable=False),
    Column("reason", String(40), nullable=False, server_default=""),
    Column("reason_detail", String(500), nullable=False, server_default=""),
    Column("is_folded", Boolean, nullable=False, server_default=text("false")),  # automatic replies, variants
    Column("is_unconfirmed", Boolean, nullable=False, server_default=text("false")),
    Column("is_guess", Boolean, nullable=False, server_default=text("false")),  # placed by subject
    Column("event", String(40), nullable=False, server_default=""),  # of kind event: which
    Column("event_data", JSON, nullable=False),
    _ref("inbound_id", "inbound", index=True),
    _ref("outbox_id", "outbox", index=True),  # the mail to the customer that carries it
    _ref("raw_id", "raw", index=True),
    Column("letter_html", Text, nullable=False, server_default=""),  # new_text as formatted, for the customer
    CheckConstraint("kind in ('email_in', 'email_out', 'note', 'event')", name="kind"),
    CheckConstraint("author_kind in ('partner', 'user', 'system')", name="author_kind"),
    Index("ix_message_lead_at", "lead_id", "at", "id"),
)
Index("ix_message_fields_at", message.c.at, sqlite_where=text("event = 'fields'"),
      postgresql_where=text("event = 'fields'"))  # fmt: skip

message_ref = Table(
    "message_ref",
    metadata,
    _id(),
    Column("ref", String(1000), nullable=False),  # a Message-ID without angle brackets
    _ref("lead_id", "lead", nullable=False, index=True),
    _ref("message_id", "message", index=True),  # row id of the message it belongs to or was named by
    Column("kind", String(10), nullable=False),
    CheckConstraint("kind in ('ours', 'received', 'mentioned', 'learned')", name="kind"),
    UniqueConstraint("ref", "lead_id", "kind"),
)

attachment = Table(
    "attachment",
    metadata,
    _id(),
    _ref("message_id", "message", nullable=False, index=True),
    Column("sha256", String(64), nullable=False, index=True),
    Column("filename", String(300), nullable=False),
    Column("content_type", String(200), nullable=False),
    Column("size", Integer, nullable=False),
    Column("content_id", String(300), nullable=False, server_default=""),
    Column("is_inline", Boolean, nullable=False, server_default=text("false")),
)

mention = Table(
    "mention",
    metadata,
    _id(),
    _ref("message_id", "message", nullable=False),
    _ref("lead_id", "lead", nullable=False, index=True),
    _ref("user_id", "user", nullable=False, index=True),
    _at("created_at", nullable=False),
    _at("read_at"),
    UniqueConstraint("message_id", "user_id"),
)

# --- what arrived -------------------------------------------------------------------------------------------------------

inbound = Table(
    "inbound",
    metadata,
    _id(),
    Column("content_key", String(80), nullable=False, unique=True),
    Column("text_key", String(64), nullable=False, server_default=""),
    Column("spool_id", String(100), nullable=False, unique=True),
    _at("received_at", nullable=False, index=True),
    Column("door", String(10), nullable=False),
    Column("mail_from", String(320), nullable=False, server_default=""),
    Column("rcpt_to", JSON, nullable=False),  # of all copies, in order of arrival
    Column("from_name", String(300), nullable=False, server_default=""),
    Column("from_address", String(320), nullable=False, server_default=""),
    Column("from_key", String(320), nullable=False, server_default=""),  # of the author: Reply-To for a form's mail
    Column("from_domain", String(255), nullable=False, server_default=""),
    Column("subject", String(1000), nullable=False, server_default=""),
    Column("message_id", String(1000), nullable=False, server_default="", index=True),
    Column("size", Integer, nullable=False, server_default="0"),
    Column("author", String(20), nullable=False, server_default=""),
    _ref("author_user_id", "user"),
    Column("author_proof", String(200), nullable=False, server_default=""),
    Column("verdict", String(20), nullable=False, server_default=""),
    Column("verdict_reason", String(40), nullable=False, server_default=""),
    Column("verdict_detail", String(500), nullable=False, server_default=""),
    Column("route", String(20), nullable=False),
    Column("reason", String(40), nullable=False),
    Column("reason_detail", String(500), nullable=False, server_default=""),
    Column("state", String(10), nullable=False),  # done, held, triage, quiet, buried, dismissed
    _ref("lead_id", "lead", index=True),
    Column("message_row_id", _Id),  # the chatter entry; no foreign key, since message points here
    _ref("raw_id", "raw", index=True),
    Column("copies", Integer, nullable=False, server_default="1"),
    Column("is_new_lead", Boolean, nullable=False, server_default=text("false")),
    _at("decided_at", nullable=False),
    _ref("decided_by_id", "user"),  # null: by rule
    _at("asked_at"),  # when a person was asked about it
    Column("defects", JSON, nullable=False),
    Column("auth", JSON(none_as_null=True)),  # believed of SPF, DKIM and DMARC (mail.AuthResults); null: nothing
    Column("findings", JSON, nullable=False, server_default=text("'{}'")),  # as ``mailcrm.findings`` writes them
)
Index("ix_inbound_state_at", inbound.c.state, inbound.c.received_at)
Index("ix_inbound_from_at", inbound.c.from_key, inbound.c.received_at)
Index("ix_inbound_domain_at", inbound.c.from_domain, inbound.c.received_at)

inbound_copy = Table(
    "inbound_copy",
    metadata,
    _id(),
    _ref("inbound_id", "inbound", nullable=False, index=True),
    Column("spool_id", String(100), nullable=False, unique=True),
    _at("received_at", nullable=False),
    Column("door", String(10), nullable=False),
    Column("mail_from", String(320), nullable=False, server_default=""),
    Column("rcpt_to", JSON, nullable=False),
    Column("author", String(20), nullable=False, server_default=""),
    Column("author_proof", String(200), nullable=False, server_default=""),
)

command_run = Table(  # what the commands of one mail changed, so that it can be taken back
    "command_run",
    metadata,
    _id(),
    _ref("inbound_id", "inbound", index=True),
    _ref("user_id", "user", nullable=False, index=True),
    Column("lead_id", _Id, index=True),  # no foreign key: a lead may be merged into another, and come back
    _at("at", nullable=False, index=True),
    Column("steps", JSON, nullable=False),  # see crm.undoing; emptied when it is too late to take them back
    _at("undone_at"),
)

# --- what leaves --------------------------------------------------------------------------------------------------------

outbox = Table(
    "outbox",
    metadata,
    _id(),
    Column("kind", String(20), nullable=False),
    Column("dedupe_key", String(200), nullable=False, unique=True),
    Column("message_id", String(300), nullable=False, unique=True),
    Column("reply_nonce", LargeBinary(16), nullable=False),
    _ref("lead_id", "lead", index=True),
    Column(
        "message_row_id", _Id, index=True
    ),  # the message it tells of or carries; no foreign key, message points here
    _ref("inbound_id", "inbound"),
    _ref("user_id", "user"),  # the member of staff it goes to; null: outside people
    _ref("actor_user_id", "user"),  # who wrote it, for a mail to a customer
    Column("params", JSON, nullable=False),  # what compose needs beyond the rows it reads
    Column("subject", String(1000), nullable=False, server_default=""),  # known after the first claim
    Column(
        "bytes", LargeBinary
    ),  # the mail, the same on every attempt; null before the first claim and after retention
    Column("state", String(10), nullable=False, server_default="queued"),
    Column("claimed_by", String(60), nullable=False, server_default=""),
    _at("lease_until"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    _at("next_attempt_at", nullable=False),
    _at("created_at", nullable=False, index=True),
    _at("first_attempt_at"),
    _at("sent_at"),
    _at("late_told_at"),
    Column("is_token_retired", Boolean, nullable=False, server_default=text("false")),
    Column("gather", String(40), index=True),  # what waits under one name goes as one mail; null: it goes alone
    Column("carried_by", _Id, index=True),  # the row whose mail tells of it too
    CheckConstraint("state in ('queued', 'sent', 'partly', 'failed', 'held', 'dropped')", name="state"),
    Index("ix_outbox_due", "state", "next_attempt_at"),
    Index("ix_outbox_user_id_created_at", "user_id", "created_at"),
)

outbox_recipient = Table(
    "outbox_recipient",
    metadata,
    _id(),
    _ref("outbox_id", "outbox", nullable=False, index=True),
    Column("address", String(320), nullable=False),
    Column("name", String(300), nullable=False, server_default=""),
    Column("key", String(320), nullable=False, index=True),
    Column("kind", String(2), nullable=False),  # to, cc
    Column("state", String(10), nullable=False, server_default="queued"),
    Column("code", String(10), nullable=False, server_default=""),  # enhanced status code, or the basic one
    Column("text", String(500), nullable=False, server_default=""),
    _at("at"),
    CheckConstraint("state in ('queued', 'sent', 'deferred', 'failed', 'bounced', 'delayed', 'dropped')", name="state"),
)

acknowledgement = Table(  # whom a first mail was acknowledged to; forgotten when the period is over
    "acknowledgement",
    metadata,
    _id(),
    Column("key", String(320), nullable=False, unique=True),
    _at("at", nullable=False, index=True),
)

Index(
    "ix_outbox_held",
    outbox.c.actor_user_id,
    sqlite_where=text("state = 'held'"),
    postgresql_where=text("state = 'held'"),
)
_CAME_BACK = "state in ('failed', 'bounced')"
Index("ix_outbox_recipient_came_back", outbox_recipient.c.at, sqlite_where=text(_CAME_BACK),
      postgresql_where=text(_CAME_BACK))  # fmt: skip

suppression = Table(
    "suppression",
    metadata,
    _id(),
    Column("key", String(320), nullable=False, unique=True),
    Column("reason", String(300), nullable=False),
    _at("at", nullable=False),
)

digest = Table(
    "digest",
    metadata,
    _id(),
    _ref("user_id", "user", nullable=False),
    Column("local_date", Date, nullable=False),
    Column("state", String(10), nullable=False),  # sent, empty, missed, away
    Column("snapshot", JSON, nullable=False),  # {"items": [{"number", "kind", "id"}], "counts": {…}}
    _ref("outbox_id", "outbox"),
    _at("created_at", nullable=False),
    UniqueConstraint("user_id", "local_date"),
)

# --- the page -----------------------------------------------------------------------------------------------------------

api_key = Table(
    "api_key",
    metadata,
    _id(),
    _ref("user_id", "user", nullable=False),
    Column("name", String(100), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),  # SHA-256 of the key: it is random, so no slow hash
    _at("created_at", nullable=False),
    _at("last_used_at"),
    _at("revoked_at"),
)

web_session = Table(
    "web_session",
    metadata,
    _id(),
    Column("hash", String(64), nullable=False, unique=True),
    _ref("user_id", "user", nullable=False, index=True),
    Column("csrf", String(64), nullable=False),
    _at("created_at", nullable=False),
    _at("expires_at", nullable=False),
)

audit = Table(
    "audit",
    metadata,
    _id(),
    _at("at", nullable=False, index=True),
    _ref("user_id", "user"),
    Column("verb", String(60), nullable=False),
    Column("object", String(200), nullable=False, server_default=""),
    Column("data", JSON, nullable=False),
)
