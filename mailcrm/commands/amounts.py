"""An amount and a currency as people type them: "12000", "12 000,50 €", "12,500 EUR", "12k". Pure.

The last mark is decimal with one or two digits behind it; with three digits it groups, since nobody writes thousandths of a euro.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

_SIGNS = {"€": "EUR", "e": "EUR", "eur": "EUR", "euro": "EUR", "euroa": "EUR", "euros": "EUR", "$": "USD", "£": "GBP"}
_NUMBER = r"\d{1,3}(?:[ .,\u00a0\u202f'’]\d{3})+(?:[.,]\d{1,2})?|\d{1,12}(?:[.,]\d{1,2})?"
_AMOUNT = re.compile(rf"([€$£]?)\s?({_NUMBER})\s?(k\b|t€)?\s?([€$£]|[a-z]{{1,5}})?\s*\Z", re.IGNORECASE)
_CODE = re.compile(r"[a-z]{3}\Z")


@dataclass(frozen=True, slots=True)
class Money:
    """``currency`` is "" where none was said."""

    amount: Decimal
    currency: str


def read_amount(text: str) -> Money | None:
    """The whole of ``text`` as an amount; None if it is anything else."""
    found = _AMOUNT.match(text.strip()[:60])
    if found is None:
        return None
    before, number, thousands, after = found.groups()
    if thousands and thousands.lower() == "t€":
        before = "€"
    currency = _currency((before or after or "").lower())
    if currency is None or (before and after and _currency(after.lower()) != currency):
        return None
    return Money(_plain(number) * (1000 if thousands else 1), currency)


def _currency(sign: str) -> str | None:
    if not sign or sign in _SIGNS:
        return _SIGNS.get(sign, "")
    return sign.upper() if _CODE.match(sign) else None


def _plain(number: str) -> Decimal:
    decimal = re.search(r"[.,](\d{1,2})\Z", number)
    whole = re.sub(r"\D", "", number[: decimal.start()] if decimal else number)
    return Decimal(f"{whole}.{decimal[1] if decimal else '0'}").quantize(Decimal("0.01"))
