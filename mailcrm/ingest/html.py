# ruff: noqa: SIM905 - a list of words is read more easily as words
"""HTML of strangers: made harmless for showing, and turned into text that the line scanner understands.

Both ``nh3`` and the HTML parser are quadratic in nesting (300 KB of open ``<div>`` took 8 s), so a linear count of open
tags and a size limit come first. Over the limits nothing is shown as HTML, and the text is made by a plain tag
stripper.
"""

import re
from functools import lru_cache
from html import unescape

import nh3
from selectolax.lexbor import LexborHTMLParser, LexborNode

from mailcrm.ingest.attribution import introduces
from mailcrm.ingest.charset import clean_text
from mailcrm.ingest.headerblock import bare, is_block_below_rule
from mailcrm.ingest.phrases import LIST_FOOTERS

LARGEST = 512 * 1024
DEEPEST = 256
MOST_TAGS = 20_000  # some parsers look at all elements of a list or table for each one more: 130,000 took a minute

# Of one tag each attribute is compared with all others: 50,000 took ten seconds. In what is short there is no room for many.
_SHORT = 16_000
_MANY_ATTRIBUTES = re.compile(
    r"<[a-z][^\s/>]*+(?:[\s/]++[^\s/>=]++(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s>]++)?+)?+){500}", re.IGNORECASE
)

# Elements that are never left open: void, or closed by the next of their kind, or counted through their container.
_UNCOUNTED = (
    "area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr|p|li|tr|td|th|dt|dd|tbody|thead|tfoot|"
    "html|head|body|title"
)
_TAG = re.compile(rf"<(/?)(?!(?:{_UNCOUNTED})(?![a-z0-9]))([a-z][a-z0-9]{{0,20}})", re.IGNORECASE)


@lru_cache(maxsize=1)  # asked for the text and again for the HTML
def is_within_limits(html: str) -> bool:
    """Whether the HTML is small and shallow enough for parsers that are quadratic in nesting."""
    marks = html.count("<")
    if len(html) > LARGEST or marks > 2 * MOST_TAGS:
        return False
    if len(html) > _SHORT and _MANY_ATTRIBUTES.search(html):
        return False
    return marks - html.count("</") <= DEEPEST or _depth(html) <= DEEPEST


def _depth(html: str) -> int:
    """The most tags open at once, never less than a browser would have: a stray end tag closes nothing."""
    still_open: dict[str, int] = {}
    depth = deepest = 0
    for end, name in _TAG.findall(html.lower()):
        count = still_open.get(name, 0)
        if not end:
            still_open[name] = count + 1
            depth += 1
            if depth > deepest:
                deepest = depth
        elif count:
            still_open[name] = count - 1
            depth -= 1
    return deepest


# --- harmless HTML ----------------------------------------------------------------------------------------------------

_TAGS = {
    "a", "abbr", "address", "b", "bdi", "bdo", "big", "blockquote", "br", "caption", "center", "cite", "code", "col",
    "colgroup",
    "dd", "del", "div", "dl", "dt", "em", "figcaption", "figure", "font", "h1", "h2", "h3", "h4", "h5", "h6", "hr",
    "i", "img",
    "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "s", "samp", "small", "span", "strike", "strong", "sub",
    "sup", "table",
    "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul", "var", "wbr",
}  # fmt: skip
_ATTRIBUTES = {
    "*": {"align", "dir", "lang", "title", "style", "valign", "width", "height"},
    "a": {"href", "name"},
    "img": {"src", "alt"},
    "font": {"color", "face", "size"},
    "table": {"border", "cellpadding", "cellspacing", "bgcolor"},
    "td": {"colspan", "rowspan", "bgcolor"},
    "th": {"colspan", "rowspan", "bgcolor"},
    "tr": {"bgcolor"},
    "ol": {"start", "type"},
}
# Properties that can neither load anything nor lay one thing over another.
_STYLES = {
    "color", "background-color", "font-weight", "font-style", "font-size", "font-family", "text-align",
    "text-decoration",
    "vertical-align", "white-space", "padding", "padding-left", "padding-right", "padding-top", "padding-bottom",
    "margin-left",
    "margin-top", "margin-bottom", "border", "border-left", "border-top", "border-collapse", "line-height",
}  # fmt: skip
_INLINE_IMAGE = re.compile(r"(?:cid:|data:image/(?:png|jpe?g|gif|webp);base64,)", re.IGNORECASE)


def _keep_attribute(tag: str, name: str, value: str) -> str | None:
    """Remote images lose their address: loading one tells the sender who reads, when and where."""
    if name == "src":
        return value if _INLINE_IMAGE.match(value.strip()) else None
    if name == "style" and ("url" in value.lower() or "\\" in value or "image" in value.lower()):
        return None
    if tag == "a" and name == "href" and value.strip().lower().startswith(("data:", "cid:")):
        return None
    return value


_HIDDEN_CONTENT = {"script", "style", "title", "template", "noscript", "object", "iframe", "svg", "math"}
# Without images, addresses in styles and hidden letters nothing is left to ask about each attribute; that halves the time.
_PLAIN_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    attributes=_ATTRIBUTES,
    clean_content_tags=_HIDDEN_CONTENT,
    filter_style_properties=_STYLES,
    url_schemes={"http", "https", "mailto", "tel"},
    link_rel="noopener noreferrer nofollow",
    strip_comments=True,
)
_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    attributes=_ATTRIBUTES,
    clean_content_tags=_HIDDEN_CONTENT,
    attribute_filter=_keep_attribute,
    filter_style_properties=_STYLES,
    url_schemes={"http", "https", "mailto", "tel", "cid", "data"},
    link_rel="noopener noreferrer nofollow",
    strip_comments=True,
)


def sanitise(html: str) -> str:
    """The HTML without anything that runs, loads or covers; "" over the limits."""
    if not html or not is_within_limits(html):
        return ""
    lowered = html.lower()
    needs_filter = any(map(lowered.__contains__, ("<im", "url", "image", "\\", "&#")))
    return (_CLEANER if needs_filter else _PLAIN_CLEANER).clean(html)


# --- text out of HTML -------------------------------------------------------------------------------------------------

_SKIPPED = frozenset("script style head title template noscript meta link object iframe svg select textarea".split())
_PARAGRAPHS = frozenset("p h1 h2 h3 h4 h5 h6 ul ol dl pre table blockquote figure".split())
_BLOCKS = frozenset(
    "div tr li dt dd address section article header footer center form fieldset caption tbody thead".split()
)
_SPACES = re.compile(r"[ \t\n\r\f]+")
_SEPARATOR = "_" * 32
# What mail programs call the passages they make; Exchange puts "x_" before the names of an earlier program.
_QUOTED_CLASSES = frozenset("moz-cite-prefix yahoo_quoted ntes-mailmaster-quote".split())
_SIGNATURE_CLASSES = frozenset("gmail_signature protonmail_signature_block zmail_signature_below".split())
_SIGNATURE_NAMES = frozenset("messagesignaturesection __sig_pre__ __sig_post__ _rc_sig".split())
_BELOW_IS_QUOTED = frozenset("divrplyfwdmsg zwchr __headers__ olk_src_body_section".split())
_OUTLOOK_LINE = re.compile(
    r"border(?:-top)?:none;border-top:solid|border-top:solid#|border-style:solidnonenone|border-top-style:solid"
    r"|border-left:none;(?:border-image:[a-z]{1,12};)?border-top:1(?:\.0)?ptsolid|border-top:#b5c4df1ptsolid"
)
# Tags that change nothing in the text: most of what programs write.
_PLAIN = frozenset("span b i u a font strong em o:p small big sub sup s strike tt code img".split())
_MARKED = frozenset("div span p table blockquote".split())
_MARKED_BLOCKS = frozenset("div blockquote".split())


class _Text:
    """Lines under construction; a quoted line begins with as many ``> `` as it is deep."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.line: list[str] = []
        self.depth = 0
        self.is_pre = 0
        self.rules: list[int] = []  # which lines were made by a rule

    def add(self, text: str) -> None:
        if self.is_pre:
            head, *rest = text.split("\n")
            self.line.append(head)
            for line in rest:
                self.flush(force=True)
                self.line.append(line)
            return
        if not text.strip(" \t\n\r\f"):
            if self.line:
                self.line.append(" ")
            return
        self.line.append(_SPACES.sub(" ", text) if "\n" in text or "  " in text or "\t" in text else text)

    def flush(self, *, force: bool = False) -> None:
        if not self.line and not force:
            return
        text = "".join(self.line).replace("\xa0", " ")
        force = force or (text != "" and text.isspace())
        text = text.rstrip() if self.is_pre else text.strip(" ")
        if text or force:
            self.lines.append(self.prefix() + text)
        self.line = []

    def blank(self) -> None:
        self.flush()
        if self.lines and self.lines[-1].strip("> ") != "":
            self.lines.append(self.prefix().rstrip())

    def rule(self) -> None:
        self.blank()
        self.rules.append(len(self.lines))
        self.lines.append(self.prefix() + _SEPARATOR)

    def last(self) -> str:
        """The last line with words."""
        return next((line for line in reversed(self.lines[-4:]) if line.strip("> ")), "")

    def prefix(self) -> str:
        """Deeper than this nobody counts, and 250 marks on each of 100,000 lines are 50 MB."""
        return "> " * min(self.depth, 8)


def html_to_text(html: str) -> str:
    """Readable text: blocks on lines of their own, quotes marked by ``>``, separators and signatures made visible."""
    if not is_within_limits(html):
        return strip_tags(html)
    tree = LexborHTMLParser(html)
    root = tree.body or tree.root
    if root is None:
        return ""
    lowered = html.lower()
    may_hide = "display:none" in lowered or "display: none" in lowered
    # Outlook gives every span and paragraph attributes; they are read only where one of them may name a signature.
    marked = _MARKED if "signature" in lowered else _MARKED_BLOCKS
    return (may_hide and _finish(_walk(root, marked, may_hide=True))) or _finish(_walk(root, marked))


_MOST_ROWS = 200


def two_cell_rows(html: str) -> tuple[tuple[str, str], ...]:
    """What stands in the rows of tables that have two cells with words: a label and its value, as forms print them."""
    if not is_within_limits(html):
        return ()
    found: list[tuple[str, str]] = []
    for row in LexborHTMLParser(html).css("tr")[:_MOST_ROWS]:
        if row.css_first("table") is not None:
            continue  # layout; its inner rows are looked at themselves, so that nothing is walked twice
        cells = [_cell_text(cell) for cell in row.iter() if cell.tag in ("td", "th")]
        if len(filled := [text for text in cells if text]) == 2 and "\n" not in filled[0]:
            found.append((filled[0], filled[1]))
    return tuple(found)


def _cell_text(cell: LexborNode) -> str:
    return clean_text("\n".join(_walk(cell, frozenset()).lines)).strip()


def _walk(root: LexborNode, marked: frozenset[str], *, may_hide: bool = False) -> _Text:
    """Depth first without recursion; every element is entered once and left once.

    ``may_hide``: what no reader is shown (the line that newsletters put into the list of mails) is left out.
    """
    out = _Text()
    above: list[tuple[LexborNode, str, bool]] = []
    plain = frozenset() if may_hide else _PLAIN - marked
    node: LexborNode | None = root
    while node is not None:
        tag = node.tag or ""
        child = None
        if tag == "-text":
            out.add(node.text_content or "")
        elif tag in plain:
            child = node.first_child
            if child is not None:
                above.append((node, "", False))
        elif tag not in _SKIPPED and tag[:1] not in ("-", "!") and not (may_hide and _is_hidden(node)):
            is_quote = _enter(node, tag, marked, out)
            child = node.first_child
            if child is None:
                _leave(tag, is_quote, out)
            else:
                above.append((node, tag, is_quote))
        node = child or _after(node, above, out)
    out.flush()
    return out


def _is_hidden(node: LexborNode) -> bool:
    return "display:none" in _squeezed(node.attributes.get("style"))


def _after(node: LexborNode, above: list[tuple[LexborNode, str, bool]], out: _Text) -> LexborNode | None:
    """The next node in order; what ends before it is left."""
    while above:
        if node.next is not None:
            return node.next
        node, tag, is_quote = above.pop()
        if tag:
            _leave(tag, is_quote, out)
    return None


def _enter(node: LexborNode, tag: str, marked: frozenset[str], out: _Text) -> bool:
    """Open the element; whether what is in it is quoted."""
    _begin(tag, out)
    is_quote = False
    if tag in marked and (attributes := node.attributes):
        is_quote = _mark(node, tag, attributes, out)
    elif tag == "blockquote":
        is_quote = introduces(out.last())  # without a word about what it is, it may be the person's own indented text
    if is_quote:
        out.flush()
        out.depth += 1
    return is_quote


def _mark(node: LexborNode, tag: str, attributes: dict[str, str | None], out: _Text) -> bool:
    """What a mail program says of the element in its attributes: a quote, a signature, the head of a quoted mail."""
    name = attributes.get("id") or attributes.get("name") or attributes.get("data-marker") or ""
    name = name.lower().removeprefix("x_")
    classes = (attributes.get("class") or "").lower().split()
    style = attributes.get("style") or ""
    if _is_quote(node, tag, classes, style):
        return True
    if "gmail_quote" in classes or "gmail_extra" in classes:
        out.blank()  # what is in it stands apart from the words above
    if tag != "blockquote" and not out.depth and _is_signature(node, name, classes):
        out.flush()
        if not out.lines or out.lines[-1] != "--":
            out.lines.append("-- ")
    elif name in _BELOW_IS_QUOTED or (tag == "div" and "solid" in style and _OUTLOOK_LINE.search(_squeezed(style))):
        out.flush()
        if not out.rules or _SEPARATOR not in out.last():
            out.rule()
    return False


def _begin(tag: str, out: _Text) -> None:
    """What the element itself puts into the text."""
    if tag in _PARAGRAPHS:
        out.blank()
    elif tag in _BLOCKS:
        out.flush()
    if tag == "br":
        out.flush(force=True)
    elif tag == "hr":
        out.rule()
    elif tag == "li":
        out.line.append("* ")
    elif tag in ("td", "th") and out.line:
        out.line.append(" ")
    elif tag == "pre":
        out.is_pre += 1


def _leave(tag: str, is_quote: bool, out: _Text) -> None:
    is_paragraph = tag in _PARAGRAPHS
    if is_quote or is_paragraph or tag in _BLOCKS:
        out.flush()
    out.depth -= is_quote
    if tag == "pre":
        out.is_pre -= 1
    if is_paragraph:
        out.blank()


def _is_quote(node: LexborNode, tag: str, classes: list[str], style: str) -> bool:
    """A quotation, or the line that introduces one in a class of its own (whatever its language)."""
    if tag == "blockquote":
        return "margin:00040px" not in _squeezed(style)  # the indent button of Gmail and Apple Mail
    if tag != "div" or not classes:
        return False
    if "gmail_attr" in classes:
        return "---" not in node.text(deep=True)[:40]  # a forward
    return not _QUOTED_CLASSES.isdisjoint(classes)


def _is_signature(node: LexborNode, name: str, classes: list[str]) -> bool:
    if name.endswith("signature") or name in _SIGNATURE_NAMES or not _SIGNATURE_CLASSES.isdisjoint(classes):
        return True
    is_named = any(one.endswith("-signature") and one != "moz-signature" for one in classes)
    return is_named and bool(node.text(deep=True).strip())


def _squeezed(style: str | None) -> str:
    return (style or "").replace(" ", "").lower()


def _finish(out: _Text) -> str:
    for index in out.rules:
        if not _is_head_below(out.lines, index):
            out.lines[index] = ""
    return clean_text("\n".join(out.lines).replace("\u200b", "").strip("\n"))


def _is_head_below(lines: list[str], index: int) -> bool:
    """A rule is worth a line of text where another mail or a list's foot begins below it; else it is an ornament."""
    near = range(index + 1, min(len(lines), index + 8))
    first = next((place for place in near if bare(lines[place])), -1)
    if first < 0:
        return False
    below = [text for place in near if (text := bare(lines[place]))][:3]
    is_unknown_label = len(below) > 1 and "@" in below[0] and all(0 < text.find(":") <= 24 for text in below[:2])
    return (
        is_block_below_rule(lines, first)
        or is_unknown_label
        or any(foot in " ".join(below).casefold() for foot in LIST_FOOTERS)
    )


_BREAKING = re.compile(r"<(?:br|/p|/div|/tr|/li|/h[1-6]|/table|p|div)\b", re.IGNORECASE)
_HIDDEN = ("style", "script", "head", "title")


def strip_tags(html: str) -> str:
    """Text of HTML that no parser should see: one pass, no structure but line ends."""
    out: list[str] = []
    hidden = ""
    first, *pieces = html.split("<")
    out.append(_SPACES.sub(" ", first))
    for piece in pieces:
        inside, found, after = piece.partition(">")
        if not found:
            out.append("" if hidden else "<" + inside)
            continue
        name = inside[:12].strip().lower().split(" ")[0]
        if not hidden and name in _HIDDEN:
            hidden = "/" + name
        elif hidden and name == hidden:
            hidden = ""
        if hidden:
            continue
        if _BREAKING.match("<" + inside[:8]):
            out.append("\n")
        out.append(_SPACES.sub(" ", after))
    return clean_text(unescape("".join(out)).replace("\xa0", " ").strip())
