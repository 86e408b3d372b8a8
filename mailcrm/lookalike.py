"""Whether a new writer could be taken for one we know. Pure; a hint for the reader, never a decision."""

from mailcrm.mail import Address

_CONFUSED = (
    ("rn", "m"),
    ("vv", "w"),
    ("cl", "d"),
    ("0", "o"),
    ("1", "l"),
    ("i", "l"),
    ("5", "s"),
    ("-", ""),
    (".", ""),
)


def lookalike(new: Address, known: Address) -> str:
    """"domain" or "name" when that of ``new`` is near to, or the same as, that of ``known``; else ""."""  # fmt: skip
    if new.domain != known.domain and _is_near(_skeleton(new.domain), _skeleton(known.domain)):
        return "domain"
    if new.name.strip() and new.name.strip().casefold() == known.name.strip().casefold():
        return "name"
    return ""


def _skeleton(text: str) -> str:
    for written, read in _CONFUSED:
        text = text.replace(written, read)
    return text


def _is_near(a: str, b: str) -> bool:
    """One letter changed, added, left out, or two swapped."""
    if abs(len(a) - len(b)) > 1 or min(len(a), len(b)) < 4:
        return False
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    x, y = a[start:], b[start:]
    return x[1:] == y[1:] or x[1:] == y or x == y[1:] or (x[:2] == y[:2][::-1] and x[2:] == y[2:])
