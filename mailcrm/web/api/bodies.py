"""What the API takes: the fields of each body. An unknown field is an error, not ignored."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from mailcrm.web.api.paging import LARGEST_ID, Id, Word, plain

Named = Annotated[int, Field(ge=1, le=LARGEST_ID)] | Word
Text = Annotated[str, Field(max_length=1_000_000), plain]
Money = Annotated[Decimal, Field(ge=0, max_digits=15, decimal_places=2)]
Stars = Annotated[int, Field(ge=0, le=3)]
Percent = Annotated[int, Field(ge=0, le=100)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
ShortWord = Annotated[str, Field(max_length=100), plain]
Tags = Annotated[list[ShortWord], Field(max_length=50)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TextIn(_Body):
    text: Text


class MessageIn(TextIn):
    """``anyway``: also to an address from which mail came back."""

    anyway: bool = False


class StageIn(_Body):
    """``stage`` by id, name or kind; ``hold_until`` for on hold, ``reason`` for lost."""

    stage: Named
    reason: Annotated[str, Field(max_length=300), plain] = ""
    hold_until: date | None = None


class OwnerIn(_Body):
    """``owner`` by id or address; null: nobody."""

    owner: Named | None


class ActivityIn(_Body):
    """``user`` by id or address; without it the lead's owner."""

    type: Literal["call", "meeting", "mail", "quote", "todo"]
    due_on: date
    due_at: AwareDatetime | None = None
    summary: Word = ""
    user: Named | None = None


class FeedbackIn(_Body):
    feedback: Text = ""


class MoveIn(_Body):
    due_on: date
    due_at: AwareDatetime | None = None


class LeadIn(_Body):
    """A lead made by hand. An unknown ``partner_email`` becomes a person named ``partner_name``."""

    title: Word
    partner_email: Word = ""
    partner_name: Word = ""
    partner_id: Id | None = None
    owner: Named | None = None
    team: Named | None = None
    priority: Stars = 0
    tags: Tags = []
    source: ShortWord = ""
    medium: ShortWord = ""
    campaign: ShortWord = ""
    expected_revenue: Money | None = None
    currency: Currency | None = None


class LeadChange(_Body):
    """Only the fields given are changed."""

    title: Word = ""
    priority: Stars = 0
    tags: Tags = []
    source: ShortWord = ""
    medium: ShortWord = ""
    campaign: ShortWord = ""
    expected_revenue: Money | None = None
    currency: Currency = "EUR"
    probability: Percent = 0
    expected_closing: date | None = None
    team: Named | None = None


class PartnerIn(_Body):
    """A person needs ``email``; a company may have ``domain``, by which its people are recognised."""

    kind: Literal["person", "company"] = "person"
    name: Annotated[str, Field(max_length=300), plain] = ""
    email: Word = ""
    domain: Annotated[str, Field(max_length=255), plain] = ""
    company_id: Id | None = None
    owner: Named | None = None
    relation: Literal["prospect", "customer", "former", "supplier", "partner"] = "prospect"
    language: Annotated[str, Field(max_length=3), plain] = ""


class PartnerChange(_Body):
    """Only the fields given are changed."""

    name: Annotated[str, Field(max_length=300), plain] = ""
    company_id: Id | None = None
    owner: Named | None = None
    relation: Literal["prospect", "customer", "former", "supplier", "partner"] = "prospect"
    language: Annotated[str, Field(max_length=3), plain] = ""
    industry: ShortWord = ""
    revenue: Money | None = None
    phone: Annotated[str, Field(max_length=60), plain] = ""


class AddressIn(_Body):
    address: Word
