"""Whether a new writer could be taken for one we know. Pure; a hint for the reader, never a decision."""

import re
import unicodedata

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


_ASIDE = re.compile(r"\([^)]{0,100}\)|\[[^\]]{0,100}\]|[/|].*")


def name_key(name: str) -> str:
    """A person's name as it is compared: case, marks and the order of its words do not count. "" for what is no full name."""
    bare = unicodedata.normalize("NFKD", _ASIDE.sub(" ", name[:300])).casefold()
    letters = "".join(c if c.isalpha() or c in "'’-" else " " for c in bare if not unicodedata.combining(c))
    words = [word for word in letters.split() if len(word) > 1]
    return " ".join(sorted(words))[:300] if len(words) > 1 and "@" not in name else ""


def company_key(name: str) -> str:
    """A company's name as it is compared: case and white space do not count."""
    return " ".join(name.split()).casefold()[:300]


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
