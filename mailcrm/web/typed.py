"""What people type into forms, as values. A value that cannot be read is Refused with a sentence; nothing is guessed."""

import re
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from mailcrm.crm.done import Refused


def whole_number(text: str) -> int | None:
    """A whole number, or None for nothing."""
    text = text.strip()
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise Refused("%(value)s is not a whole number.", value=text[:40])
    return int(text)


def amount(text: str) -> Decimal | None:
    """An amount as typed in Finnish or English: spaces and the other mark group, the last comma or point is decimal."""
    text = re.sub(r"[\s'’]", "", text).rstrip("€")
    if not text:
        return None
    if re.fullmatch(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?", text):
        text = text.replace(",", "")
    elif re.fullmatch(r"[0-9]{1,3}(?:\.[0-9]{3}){2,}(?:,[0-9]+)?|[0-9]{1,3}\.[0-9]{3},[0-9]+", text):
        text = text.replace(".", "")
    text = text.replace(",", ".")
    try:
        if not re.fullmatch(r"[0-9]{1,14}(?:\.[0-9]{1,2})?", text):
            raise InvalidOperation
        return Decimal(text).quantize(Decimal("0.01"))
    except InvalidOperation:
        raise Refused("%(value)s is not an amount.", value=text[:40]) from None


def day(text: str) -> date | None:
    """A date as browsers send it (2026-11-23) or as Finns write it (23.11.2026), or None for nothing."""
    text = text.strip()
    if not text:
        return None
    finnish = re.fullmatch(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", text)
    try:
        if finnish:
            return date(int(finnish[3]), int(finnish[2]), int(finnish[1]))
        return date.fromisoformat(text)
    except ValueError:
        raise Refused("%(value)s is not a date.", value=text[:40]) from None


def moment(on: date, text: str, zone: ZoneInfo) -> datetime | None:
    """A time of day on a date (14:30, 14.30, 9), in UTC; None for nothing. One that the clock skips is an hour later."""
    text = text.strip()
    if not text:
        return None
    match = re.fullmatch(r"(\d{1,2})(?:[:.](\d{2}))?", text)
    try:
        if match is None:
            raise ValueError
        at = time(int(match[1]), int(match[2] or 0))
    except ValueError:
        raise Refused("%(value)s is not a time of day.", value=text[:40]) from None
    return datetime.combine(on, at, zone).astimezone(UTC)


def names(text: str) -> list[str]:
    """Tags, separated by commas."""
    return [name for name in (" ".join(part.split()) for part in text.split(",")) if name]
