"""What the API answers with: the names are a promise to its users. Times are ISO 8601 in UTC with Z."""

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Person(BaseModel):
    """A user, as far as others need to know."""

    id: int
    name: str
    email: str | None


class StageOut(BaseModel):
    id: int
    name: str
    kind: str


class LeadPartner(BaseModel):
    id: int
    name: str
    email: str | None
    company: str | None


class NextActivity(BaseModel):
    id: int
    type: str
    summary: str
    due_on: date
    user: Person


class LeadOut(BaseModel):
    id: int
    title: str
    stage: StageOut
    owner: Person | None
    owner_reason: str
    team: str | None
    partner: LeadPartner | None
    priority: int
    tags: list[str]
    source: str
    medium: str
    campaign: str
    expected_revenue: float | None
    currency: str
    probability: int
    expected_closing: date | None
    created_at: datetime
    last_message_at: datetime | None
    waiting_on: str | None
    waiting_since: datetime | None
    next_activity: NextActivity | None
    previous_stage: StageOut | None
    on_hold_until: date | None
    outcome: str | None
    lost_reason: str
    follows_lead_id: int | None


class MessageAuthor(BaseModel):
    kind: str
    name: str
    email: str | None


class AttachmentOut(BaseModel):
    filename: str
    content_type: str
    size: int
    url: str
    is_inline: bool


class RecipientOut(BaseModel):
    address: str
    kind: str
    state: str
    code: str
    text: str


class Delivery(BaseModel):
    """What became of a mail to the customer, in all and for each recipient."""

    state: str
    recipients: list[RecipientOut]


class MessageOut(BaseModel):
    """An entry of the chatter. ``text`` is everything that was written, ``new_text`` without quotes and signature."""

    id: int
    kind: str
    author: MessageAuthor
    subject: str
    text: str
    new_text: str
    html: str
    at: datetime
    attachments: list[AttachmentOut]
    reason: str
    reason_detail: str
    message_id: str
    event: str
    event_data: dict[str, Any]
    is_folded: bool
    is_unconfirmed: bool
    is_guess: bool
    delivery: Delivery | None


class ActivityOut(BaseModel):
    id: int
    lead_id: int
    lead_title: str
    type: str
    summary: str
    due_on: date
    due_at: datetime | None
    user: Person
    created_at: datetime
    done_at: datetime | None
    feedback: str


class PartnerOut(BaseModel):
    id: int
    kind: str
    name: str
    email: str | None
    addresses: list[str]
    company_id: int | None
    company: str | None
    domain: str | None
    relation: str
    owner: Person | None
    language: str
    industry: str
    revenue: float | None
    phone: str
    created_at: datetime
    erased_at: datetime | None


class InboundOut(BaseModel):
    """What happened to a received mail and why. ``from`` is the address in its From field."""

    model_config = ConfigDict(populate_by_name=True)
    id: int
    received_at: datetime
    from_: str = Field(alias="from")
    from_name: str
    subject: str
    message_id: str
    author: str
    verdict: str
    verdict_reason: str
    route: str
    reason: str
    reason_detail: str
    state: str
    lead_id: int | None
    copies: int
    door: str
    mail_from: str
    rcpt_to: list[str]


class OutboxOut(BaseModel):
    """A mail that leaves. ``to`` is as in a To field: addresses separated by commas."""

    id: int
    kind: str
    to: str
    subject: str
    state: str
    attempts: int
    next_attempt_at: datetime
    created_at: datetime
    sent_at: datetime | None
    lead_id: int | None
    message_id: str
    recipients: list[RecipientOut]


class UserOut(Person):
    role: str
    locale: str
    time_zone: str
    is_active: bool
    absent_until: datetime | None
    deputy_id: int | None


class ClaimOut(BaseModel):
    """An address that was asked whether it is the user's."""

    address: str
    state: str


class TeamMember(Person):
    takes_leads: bool


class TeamOut(BaseModel):
    id: int
    name: str
    rule: str
    members: list[TeamMember]


class StageRow(StageOut):
    name_en: str
    name_fi: str
    position: int
    is_folded: bool


class TagOut(BaseModel):
    id: int
    name: str


class AliasOut(BaseModel):
    id: int
    address: str
    team: str
    owner: Person | None
    source: str
    medium: str
    campaign: str
    tags: list[str]
