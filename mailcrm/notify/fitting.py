"""A text as HTML of at most so many bytes: mail clients clip a mail above about 100 KB, and clip it anywhere. Pure.

Cut where a line ends if one ends near, else between two words; inside a word only where it is longer than all the room there is.
"""

import unicodedata
from dataclasses import dataclass

from markupsafe import Markup

from mailcrm.notify.prose import html_of

TEXT_BYTES = 60_000  # of HTML that a customer's words may take
MOST_HTML = 99_000  # bytes of a whole HTML part; clients clip above about 100 KB
_NEAR = 2_000  # characters given up for a cut between two lines
_FAR = 10_000  # and for one between two words


@dataclass(frozen=True, slots=True)
class Fitted:
    """What is shown of a text, plain and as HTML."""

    text: str
    html: Markup
    is_cut: bool = False


NOTHING = Fitted("", Markup(""))


def fitted(text: str, most: int, *, with_links: bool = True) -> Fitted:
    """The whole text if its HTML takes no more than ``most`` bytes, else its beginning."""
    html = html_of(text, with_links=with_links) if len(text) <= most else Markup("")
    if len(text) <= most and size_of(html) <= most:
        return Fitted(text, html)
    kept = text[: _cut_at(text, _fitting_length(text, most, with_links=with_links))].rstrip()
    return Fitted(kept, html_of(kept, with_links=with_links), is_cut=True)


def size_of(html: str) -> int:
    return len(html.encode("utf-8", "replace"))


def _fitting_length(text: str, most: int, *, with_links: bool) -> int:
    """How many characters fit: halved again and again, since marks grow when they are escaped."""
    low, high = 0, min(len(text), max(most, 0))
    while low < high:
        middle = (low + high + 1) // 2
        if size_of(html_of(text[:middle], with_links=with_links)) <= most:
            low = middle
        else:
            high = middle - 1
    return low


def _cut_at(text: str, length: int) -> int:
    if length >= len(text) or text[length].isspace():
        return length
    for sign, most in (("\n", _NEAR), (" ", _FAR), ("\n", _FAR)):
        at = text.rfind(sign, 0, length)
        if at > 0 and length - at <= most:
            return at
    while length and unicodedata.combining(text[length]):
        length -= 1  # an accent stays with its letter
    return length
