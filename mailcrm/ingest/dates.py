"""A Date field as a moment, in the forms that programs write it; None for what is none.

mail-parser's answer is taken where the field is written as RFC 5322 has it; other forms it reads wrongly or not at all: names of
zones, "GMT+0200", "+02:00", afternoons, months in other languages.
"""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from mailcrm.ingest.written_date import written_date


def date_of(found: object, written: str) -> datetime | None:
    """``found`` is what mail-parser read, whose dates are UTC without saying so."""
    written = " ".join(written[:200].split())
    usual = _usual(written)
    if isinstance(found, datetime) and usual == written:
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    for reader in (parsedate_to_datetime, datetime.fromisoformat, _american):
        try:
            date = reader(usual)
            return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return written_date(usual)


# Minutes east of Greenwich; what RFC 5322 names is known to the standard library.
_ZONES = {
    "WET": 0, "WEST": 60, "BST": 60, "CET": 60, "CEST": 120, "MEZ": 60, "MESZ": 120, "MET": 60, "MEST": 120,
    "EET": 120, "EEST": 180,
    "SAST": 120, "MSK": 180, "JST": 540, "KST": 540, "AEST": 600, "AEDT": 660, "NZST": 720, "NZDT": 780, "HKT": 480, "SGT": 480,
}  # fmt: skip
_ZONE = re.compile(r"\b(" + "|".join(_ZONES) + r")\b(?! ?[+-])")
_FROM_GREENWICH = re.compile(r"\b(?:GMT|UTC) ?([+-])(\d\d?):?(\d\d)?\b")
_WITH_COLON = re.compile(r"(?<=[ \d])([+-]\d\d):(\d\d)(?= |$)")
_HALF_DAY = re.compile(r"\b(\d\d?)(:\d\d(?::\d\d)?) ?([AP])\.?M\b\.?", re.IGNORECASE)
_YEAR_LAST = re.compile(r"^(\w{3}),? (\w{3}) (\d\d?) ([\d:]{5,8}) ([+-]\d{4}) (\d{4})$")


def _usual(written: str) -> str:
    """The field in the form that is usual."""
    if "T" in written[8:12]:
        return written  # ISO 8601
    text = re.sub(r" ?\([^()]{0,50}\)$", "", written)
    text = _ZONE.sub(lambda zone: _offset(_ZONES[zone[1]]), text) if "+" not in text[-6:] else text
    text = _FROM_GREENWICH.sub(lambda zone: f"{zone[1]}{zone[2]:0>2}{zone[3] or '00'}", text)
    text = _WITH_COLON.sub(r"\1\2", text)
    text = _HALF_DAY.sub(lambda clock: f"{int(clock[1]) % 12 + 12 * (clock[3] in 'pP')}{clock[2]}", text)
    text = _YEAR_LAST.sub(r"\1, \3 \2 \6 \4 \5", text)
    return text if text != re.sub(r" ?\([^()]{0,50}\)$", "", written) else written


def _offset(minutes: int) -> str:
    return f"+{minutes // 60:02}{minutes % 60:02}"


_AMERICAN = re.compile(r"(\d\d?)/(\d\d?)/(\d{4}) (\d\d?):(\d\d)(?::(\d\d))?(?: ([+-]\d{4}))?$")


def _american(written: str) -> datetime:
    """ "3/25/2024 10:11:12": the month first, unless it can be none."""
    match = _AMERICAN.match(written)
    if match is None:
        raise ValueError(written)
    month, day, year, hour, minute, second = (int(number or 0) for number in match.groups()[:6])
    month, day = (day, month) if month > 12 else (month, day)
    date = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    return datetime.strptime(f"{date:%Y%m%d%H%M%S} {match[7]}", "%Y%m%d%H%M%S %z") if match[7] else date
