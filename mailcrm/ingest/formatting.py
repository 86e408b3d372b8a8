# ruff: noqa: SIM905 - a list of words is read more easily as words
"""The newly written part of a colleague's mail as they formatted it: found in their HTML, and made anew. Pure.

``formatted`` takes the HTML as it came and the text that was read, checked and is going to leave. The lines of the HTML that say
exactly that text, and nothing between them that does not, are written again from an allow-list: what is quoted, our notice, command
lines, notes and signatures are other lines and are not there. White space, marks that clients draw into their text parts (stars of
bold, bullets, numbers of lists, addresses of links, names of pictures) and letters that nobody sees count for nothing. If the text
is not there, is broken up by something else, or is there twice, the answer is None, and only the text leaves.

Never written: remote pictures, scripts, comments, classes, ids, titles, hidden text, data: addresses.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from html import escape
from urllib.parse import unquote

import nh3
from selectolax.lexbor import LexborHTMLParser, LexborNode

from mailcrm.ingest.html import is_within_limits
from mailcrm.ingest.styles import Look, look_of
from mailcrm.ingest.unseen import seen
from mailcrm.marker import has_marker

LARGEST = 200_000  # characters; of longer HTML only the text leaves
_DEEPEST = 150
_MOST_PIECES = 20_000
_MOST_STEPS = 400_000  # of comparing, over all places where the text may begin


@dataclass(frozen=True, slots=True)
class Formatted:
    """``html`` names its pictures as "cid:" and what ``pictures`` said; ``shown`` are those."""

    html: str
    shown: frozenset[str]


def formatted(html: str, text: str, pictures: Mapping[str, str]) -> Formatted | None:
    """The part of ``html`` that says ``text``, made anew; ``pictures`` maps the Content-IDs that may be shown to their names."""
    found = walked(html, pictures)
    return found.saying(text) if found is not None else None


def walked(html: str, pictures: Mapping[str, str]) -> "Walked | None":
    """The HTML taken to pieces, which is most of the work; None where there is none, or more than is looked at."""
    if not html or len(html) > LARGEST or not is_within_limits(html):
        return None
    root = LexborHTMLParser(html).body
    walk = _Walk(pictures)
    if root is None or not walk.take(root):
        return None
    return Walked(tuple(walk.pieces), frozenset(walk.alternatives))


@dataclass(frozen=True, slots=True)
class Walked:
    """The pieces of an HTML in the order in which a reader sees them, and the texts that stand for its pictures."""

    pieces: "tuple[_Piece, ...]"
    alternatives: Set[str]

    def saying(self, text: str, but: Set[str] = frozenset()) -> Formatted | None:
        """The part that says the text, made anew without the pictures ``but``; None where that is not certain."""
        pieces = [piece for piece in self.pieces if piece.picture not in but] if but else self.pieces
        lines = _lines_saying(text, pieces, self.alternatives)
        if lines is None:
            return None
        chosen = [piece for piece in pieces if lines[0] <= piece.line <= lines[1]]
        shown = frozenset(piece.picture for piece in chosen if piece.picture)
        return Formatted(_CLEANER.clean(_written(chosen)), shown)


# --- the pieces of the HTML, line by line --------------------------------------------------------------------------------

_SKIPPED = frozenset(
    "script style head title template noscript meta link object embed iframe svg math select textarea button input "
    "audio video canvas map area base frame frameset applet dialog".split()
)
_AS_DIV = frozenset(
    "div section article header footer main aside nav center address figure figcaption form fieldset dl dt dd".split()
)
_AS_IS = frozenset("ul ol li table thead tbody tfoot tr td th caption h1 h2 h3 h4 h5 h6 blockquote pre sub sup".split())
_ON_LINES = _AS_DIV | frozenset("p ul ol li table tr td th caption h1 h2 h3 h4 h5 h6 blockquote pre hr".split())
_INLINE = {
    "b": "b", "strong": "b", "i": "i", "em": "i", "cite": "i", "var": "i", "u": "u", "ins": "u", "s": "s", "strike": "s",
    "del": "s", "code": "code", "tt": "code", "kbd": "code", "samp": "code",
}  # fmt: skip
_MAY_BE_EMPTY = frozenset(("td", "th", "li"))
_ASIDE = re.compile(
    r"signature|gmail_quote|gmail_extra|yahoo_quoted|moz-cite|divrplyfwdmsg|appendonsend", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, eq=False)
class _Open:
    """An element to be written around pieces; told from others by what it is, not by what it says."""

    tag: str
    attributes: str = ""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A text, a line break, a rule, a picture or an empty cell, with the elements around it."""

    line: int
    around: tuple[_Open, ...]
    text: str = ""
    void: str = ""  # br or hr
    picture: str = ""
    is_aside: bool = False  # in what a mail program calls a signature or a quote
    begins_item: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """What is inherited while walking down."""

    around: tuple[_Open, ...] = ()
    depth: int = 0
    is_aside: bool = False
    is_pre: bool = False
    has_border: bool = False


class _Walk:
    """Depth first, as far as the marker of a notice; ``pieces`` in the order in which a reader sees them."""

    def __init__(self, pictures: Mapping[str, str]) -> None:
        self.pieces: list[_Piece] = []
        self.alternatives: set[str] = set()  # texts that clients write in the place of a picture
        self._pictures = pictures
        self._line = 0
        self._begins_item = False

    def take(self, root: LexborNode) -> bool:
        """Whether all of it could be walked."""
        try:
            self._children(root, _Place())
        except _TooMuchError:
            return False
        except _OursBeginsError:
            return True
        return True

    def _children(self, node: LexborNode, place: _Place) -> None:
        if place.depth > _DEEPEST:
            raise _TooMuchError
        child = node.first_child
        while child is not None:
            self._node(child, place)
            child = child.next

    def _node(self, node: LexborNode, place: _Place) -> None:
        tag = node.tag or ""
        if tag == "-text":
            self._text(node.text_content or "", place)
        elif tag == "br":
            self._add(place, void="br")
            self._line += 1
        elif tag == "img":
            self._picture(node, place)
        elif tag not in _SKIPPED and tag[:1] not in ("-", "!"):
            self._element(node, tag, place)

    def _element(self, node: LexborNode, tag: str, place: _Place) -> None:
        attributes = node.attributes
        look = look_of(tag, attributes)
        if look.is_hidden:
            return
        if look.is_bullet and not re.search(r"\w{2}|\d", node.text(deep=True)):
            self._add(place, text="• ")  # Word draws it as a letter of a font of signs
            self._begins_item = True
            return
        if tag in _ON_LINES:
            self._line += 1
        if tag == "hr":
            self._add(place, void="hr")
        inner = self._inside(tag, attributes, look, place)
        if tag == "li" or look.is_bullet:
            self._begins_item = True
        if tag in _MAY_BE_EMPTY:
            self._add(inner)
        self._children(node, inner)
        if tag in _ON_LINES:
            self._line += 1

    def _inside(self, tag: str, attributes: Mapping[str, str | None], look: Look, place: _Place) -> _Place:
        names = " ".join(attributes.get(name) or "" for name in ("id", "class", "name"))
        is_aside = place.is_aside or bool(_ASIDE.search(names)) or (tag == "blockquote" and "type" in attributes)
        has_border = look.has_border or (tag != "table" and place.has_border)
        opens = tuple(_opens(tag, attributes, look, has_border=has_border))
        return _Place((*place.around, *opens), place.depth + 1, is_aside, place.is_pre or tag == "pre", has_border)

    def _text(self, text: str, place: _Place) -> None:
        if has_marker(text):
            raise _OursBeginsError
        parts = text.split("\n") if place.is_pre else (text,)
        for number, part in enumerate(parts):
            if number:
                self._add(place, void="br")
                self._line += 1
            if part:
                self._add(place, text=seen(part))

    def _picture(self, node: LexborNode, place: _Place) -> None:
        attributes = node.attributes
        if alternative := " ".join((attributes.get("alt") or "").split()):
            self.alternatives.add(alternative[:500])
        source = (attributes.get("src") or "").strip()
        named = source[4:].strip("<> ") if source[:4].lower() == "cid:" else ""
        name = self._pictures.get(named) or self._pictures.get(unquote(named))  # RFC 2392
        if name and not look_of("img", attributes).is_hidden:
            self._add(place, picture=name)

    def _add(self, place: _Place, *, text: str = "", void: str = "", picture: str = "") -> None:
        if len(self.pieces) >= _MOST_PIECES:
            raise _TooMuchError
        begins_item = self._begins_item and bool(text.strip())
        self._begins_item = self._begins_item and not begins_item
        self.pieces.append(_Piece(self._line, place.around, text, void, picture, place.is_aside, begins_item))


class _TooMuchError(Exception):
    """More elements, or deeper ones, than a person writes."""


class _OursBeginsError(Exception):
    """From here on it is our own notice, quoted."""


def _opens(tag: str, attributes: Mapping[str, str | None], look: Look, *, has_border: bool) -> Iterator[_Open]:
    """What is written for an element; nothing for one that we do not know."""
    style = look.block_style(tag, has_border=has_border)
    if tag == "p":
        yield _Open("div" if look.is_tight else "p", style)
    elif tag in _AS_DIV:
        yield _Open("div", style)
    elif tag in _AS_IS:
        yield _Open(tag, style + _numbers(tag, attributes))
    elif tag in _INLINE and not (look.is_plain and _INLINE[tag] == "b"):
        yield _Open(_INLINE[tag])
    elif tag == "a" and (target := _target(attributes.get("href") or "")):
        yield _Open("a", f' href="{escape(target)}"')
    yield from (_Open(name) for name in look.inline_tags if name != _INLINE.get(tag))
    if tag not in _ON_LINES and look.inline_style:
        yield _Open("span", look.inline_style)


_COUNTS = {"td": ("colspan", "rowspan"), "th": ("colspan", "rowspan"), "ol": ("start",)}


def _numbers(tag: str, attributes: Mapping[str, str | None]) -> str:
    written = ((name, attributes.get(name) or "") for name in _COUNTS.get(tag, ()))
    return "".join(
        f' {name}="{value}"' for name, value in written if value.isascii() and value.isdigit() and len(value) < 4
    )


_WEB = re.compile(r"https?://[^\s\"'<>\\^`{|}@/?#]+(?:[/?#][^\s\"'<>\\^`{|}]*)?", re.IGNORECASE)
_MAILTO = re.compile(r"mailto:([\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+)(?:\?.*)?", re.IGNORECASE | re.DOTALL)
_LONGEST_LINK = 2_000


def _target(href: str) -> str:
    """A page or a mail address; what else a link may say (a text for the mail, a password) is left out, or the link is."""
    href = href.strip()[: _LONGEST_LINK + 1]
    if found := _MAILTO.fullmatch(href):
        return f"mailto:{found[1]}"
    return href if len(href) <= _LONGEST_LINK and _WEB.fullmatch(href) else ""


# --- where the text stands -----------------------------------------------------------------------------------------------

_DRAWN = frozenset("*_~|<>-–—•·▪◦‣+=§¨")
_ADDRESSES = re.compile(r"<(?:https?://|mailto:|tel:)[^<>\s]*>", re.IGNORECASE)
_NAMED_PICTURES = re.compile(
    r"\[(?:image|inline image|cid|kuva|bild)[: ][^\[\]\n]{0,200}\]|<[^<>\n/]{1,100}\.(?:png|jpe?g|gif|heic|webp|bmp)>",
    re.IGNORECASE,
)
_ITEM = re.compile(r"(?:\d{1,3}|[a-z]|[ivx]{1,5})[.)](?=\s)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The letters of the text. ``optional``: where the number of a list begins, and how many letters it takes."""

    signs: str
    optional: Mapping[int, int]

    @property
    def may_bend(self) -> bool:
        """Whether the HTML may say the same in other letters."""
        return bool(self.optional) or "/" in self.signs


@dataclass(frozen=True, slots=True)
class _Said:
    """The letters of the HTML; ``lines``: where each line begins, with its number; ``items``: where list items begin."""

    signs: str
    lines: Mapping[int, int]
    items: Set[int]

    def line_at(self, place: int) -> int:
        starts = tuple(self.lines)
        return self.lines[starts[bisect_right(starts, place) - 1]]

    def is_line_end(self, place: int) -> bool:
        return place == len(self.signs) or place in self.lines


class _Counted(dict[int, str | None]):
    """For ``str.translate``: a letter that counts stays, another goes; each is looked at once."""

    def __missing__(self, code: int) -> str | None:
        sign = chr(code)
        goes = sign.isspace() or sign in _DRAWN or unicodedata.category(sign) in ("Cf", "Cc")
        self[code] = None if goes else sign
        return self[code]


_COUNTED = _Counted()


def counted(text: str) -> str:
    """The letters of a text that are compared: those that are seen and that no client draws by itself."""
    return text.translate(_COUNTED)


def _lines_saying(text: str, pieces: Sequence[_Piece], alternatives: Iterable[str]) -> tuple[int, int] | None:
    """First and last line of the HTML that together say the text; None if that is not certain."""
    wanted, said = _wanted(text, alternatives), _said(pieces)
    if not wanted.signs or len(wanted.signs) > len(said.signs) + sum(wanted.optional.values()) + text.count("/"):
        return None
    found: list[tuple[int, int]] = []
    steps = 0
    for start, line in said.lines.items():
        end, taken = _compared(wanted, said, start)
        steps += taken
        if end > start:
            found.append((line, said.line_at(end - 1)))
        if len(found) > 1 or steps > _MOST_STEPS:
            return None
    return _with_pictures(pieces, *found[0]) if found else None


def _wanted(text: str, alternatives: Iterable[str]) -> _Wanted:
    bare = _NAMED_PICTURES.sub(" ", _ADDRESSES.sub(" ", text.replace("\r", "")))
    for one in alternatives:
        bare = bare.replace(f"[{one}]", " ")
    signs: list[str] = []
    optional: dict[int, int] = {}
    place = 0
    for line in bare.split("\n"):
        stripped = line.lstrip(" \t\xa0>")
        if item := _ITEM.match(stripped):
            optional[place] = len(counted(item[0]))
        signs.append(counted(stripped))
        place += len(signs[-1])
    return _Wanted("".join(signs), optional)


def _said(pieces: Sequence[_Piece]) -> _Said:
    signs: list[str] = []
    lines: dict[int, int] = {}
    items: set[int] = set()
    place, line = 0, -1
    for piece in pieces:
        if not (letters := counted(piece.text)):
            continue
        if piece.line != line:
            lines[place] = line = piece.line
        if piece.begins_item:
            items.add(place)
        signs.append(letters)
        place += len(letters)
    return _Said("".join(signs), lines, items)


def _compared(wanted: _Wanted, said: _Said, start: int) -> tuple[int, int]:
    """Where in the HTML the text has ended, 0 if it says something else there; and how many steps that took."""
    if said.signs.startswith(wanted.signs, start):
        place = start + len(wanted.signs)
        return (place if said.is_line_end(place) else 0), 1
    if not wanted.may_bend:
        return 0, 1
    return _bent(wanted, said, start)


def _bent(wanted: _Wanted, said: _Said, start: int) -> tuple[int, int]:
    """The same letter by letter, where a number of a list or a stroke may be missing."""
    at, place = 0, start
    while at < len(wanted.signs):
        optional, sign = wanted.optional.get(at, 0), wanted.signs[at]
        is_over = place >= len(said.signs)
        if optional and (is_over or place in said.items) and not _is_numbered(wanted, at, said, place):
            at += optional
        elif not is_over and said.signs[place] == sign:
            at, place = at + 1, place + 1
        elif optional:
            at += optional
        elif sign == "/":  # some clients draw it around what is slanted
            at += 1
        else:
            return 0, at + 1
    return (place if said.is_line_end(place) else 0), at + 1


def _is_numbered(wanted: _Wanted, at: int, said: _Said, place: int) -> bool:
    """Whether the HTML too has the number of the list as letters: with its dot, or bracket, behind."""
    return said.signs.startswith(wanted.signs[at : at + wanted.optional[at]], place)


def _with_pictures(pieces: Sequence[_Piece], first: int, last: int) -> tuple[int, int]:
    """Pictures that stand alone directly above or below the text belong to it."""
    above = _reach([piece for piece in reversed(pieces) if piece.line < first])
    below = _reach([piece for piece in pieces if piece.line > last])
    return (first if above is None else above), (last if below is None else below)


def _reach(pieces: Iterable[_Piece]) -> int | None:
    """The farthest line with a picture before the first with words, a rule, a signature or a quote."""
    farthest = None
    for piece in pieces:
        if piece.text.strip() or piece.void == "hr" or piece.is_aside:
            break
        if piece.picture:
            farthest = piece.line
    return farthest


# --- writing it anew -----------------------------------------------------------------------------------------------------


def _written(pieces: Sequence[_Piece]) -> str:
    out: list[str] = []
    around: tuple[_Open, ...] = ()
    for piece in pieces:
        same = _same(around, piece.around)
        out += [f"</{one.tag}>" for one in reversed(around[same:])]
        out += [f"<{one.tag}{one.attributes}>" for one in piece.around[same:]]
        out.append(_piece(piece))
        around = piece.around
    out += [f"</{one.tag}>" for one in reversed(around)]
    return "".join(out).strip()


def _same(one: Sequence[_Open], other: Sequence[_Open]) -> int:
    count = 0
    while count < len(one) and count < len(other) and one[count] is other[count]:
        count += 1
    return count


def _piece(piece: _Piece) -> str:
    if piece.picture:
        return f'<img src="cid:{escape(piece.picture)}" alt="" style="max-width:100%;height:auto">'
    return f"<{piece.void}>" if piece.void else escape(piece.text, quote=False)


# What we write is made from the lists above; this is the lock behind the door.
_CLEANER = nh3.Cleaner(
    tags={
        "p", "div", "br", "hr", "b", "i", "u", "s", "sub", "sup", "code", "pre", "a", "ul", "ol", "li", "table", "thead", "tbody",
        "tfoot", "tr", "td", "th", "caption", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "span", "img",
    },
    attributes={
        "*": {"style"}, "a": {"href"}, "img": {"src", "alt"}, "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan"},
        "ol": {"start"},
    },
    filter_style_properties={
        "color", "background-color", "text-align", "border", "border-left", "border-collapse", "padding", "margin", "max-width",
        "height", "vertical-align", "white-space",
    },
    url_schemes={"http", "https", "mailto", "cid"},
    link_rel=None,
    strip_comments=True,
)  # fmt: skip
