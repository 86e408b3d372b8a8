"""How an element of a mail looks, as far as we pass it on: bold, slanted, underlined, struck, coloured, framed; or hidden. Pure.

Colours are kept where they say something: black on white is everybody's own choice, and white on nothing would be hidden text. They
are made as light as can be read on a light and on a dark screen. Sizes and fonts are the reader's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

Colour = tuple[int, int, int]

_DECLARATION = re.compile(r"([a-z-]{1,40})\s*:\s*([^;]{0,300})")
_NOTHING = re.compile(r"[-+]?0*\.?0*(?:[01](?:\.\d+)?)?(?:px|pt|em|rem|%|vh|vw|in|cm|mm)?\Z")
_FAR_AWAY = re.compile(r"-\s*\d{3,}")
_NONE = frozenset(("none", "hidden", "collapse"))
_HIDING_SIZES = ("font-size", "max-height", "max-width", "line-height")


@dataclass(frozen=True, slots=True)
class Look:
    """What is kept of an element's looks. ``is_plain``: it says that it is not bold; ``is_bullet``: Word draws a list with it."""

    is_hidden: bool = False
    is_bullet: bool = False
    is_plain: bool = False
    is_tight: bool = False  # a paragraph without room around it
    has_border: bool = False
    inline_tags: tuple[str, ...] = ()
    colour: Colour | None = None
    background: Colour | None = None
    align: str = ""

    @property
    def inline_style(self) -> str:
        return _attribute(self._colours())

    def block_style(self, tag: str, *, has_border: bool) -> str:
        """The style attribute of a block, a list or a part of a table."""
        found = self._colours()
        if self.align and tag in ("p", "div", "td", "th", "h1", "h2", "h3", "h4", "h5", "h6"):
            found.append(f"text-align:{self.align}")
        if tag == "table":
            found.append("border-collapse:collapse")
        elif tag in ("td", "th"):
            found += ["border:1px solid #999999"] if has_border else []
            found += ["padding:4px 8px", "vertical-align:top"]
        elif tag == "blockquote":
            found += ["margin:0 0 0 6px", "padding:0 0 0 10px", "border-left:2px solid #b8c0ca"]
        elif tag == "pre":
            found.append("white-space:pre-wrap")
        return _attribute(found)

    def _colours(self) -> list[str]:
        """A background always has the letters' colour beside it, or a reader with a dark screen could not read them."""
        if self.background is None:
            return [f"color:{_hex(_on_any_screen(self.colour))}"] if self.colour and _is_worth_it(self.colour) else []
        return [f"background-color:{_hex(self.background)}", f"color:{_hex(_readable(self.colour, self.background))}"]


def look_of(tag: str, attributes: Mapping[str, str | None]) -> Look:
    """The looks of an element by its own attributes."""
    return _look(tag, tuple(attributes.items())) if attributes else _PLAIN


@lru_cache(1_000)  # programs give every paragraph the same ones
def _look(tag: str, given: tuple[tuple[str, str | None], ...]) -> Look:
    attributes = dict(given)
    style = dict(_DECLARATION.findall(_without_comments(attributes.get("style") or "").lower()))
    weight = style.get("font-weight", "")
    return Look(
        is_hidden=_is_hidden(attributes, style),
        is_bullet="ignore" in style.get("mso-list", ""),
        is_plain=weight.strip() in ("normal", "400", "300", "lighter"),
        is_tight=tag == "p" and _is_tight(attributes.get("class") or "", style),
        has_border=_has_border(tag, attributes, style),
        inline_tags=tuple(_inline_tags(style, weight)),
        colour=colour_of(style.get("color") or (attributes.get("color") if tag == "font" else "") or ""),
        background=_background(attributes, style),
        align=next(
            (one for one in ("right", "center") if one in style.get("text-align", attributes.get("align") or "")), ""
        ),
    )


_PLAIN = Look()


def _without_comments(style: str) -> str:
    return re.sub(r"/\*.*?\*/", "", style[:5_000], flags=re.DOTALL)


def _is_hidden(attributes: Mapping[str, str | None], style: Mapping[str, str]) -> bool:
    """Whether no reader is shown what is in it."""
    if "hidden" in attributes or style.get("display", "").startswith("none") or "all" in style.get("mso-hide", ""):
        return True
    if style.get("visibility", "").split(" ")[0] in _NONE or _is_clear(style.get("opacity", "1")):
        return True
    if style.get("color", "").strip() == "transparent" or "absolute" in style.get("position", ""):
        return True
    if any(
        _FAR_AWAY.search(style.get(name, "")) for name in ("text-indent", "left", "top", "margin-left", "margin-top")
    ):
        return True
    sizes = (style.get(name, "").replace("!important", "").strip() for name in _HIDING_SIZES)
    if any(size and _NOTHING.match(size) and size not in ("1", "1.0", "1em", "1rem") for size in sizes):
        return True
    is_cut = "hidden" in style.get("overflow", "")
    return is_cut and any(_NOTHING.match(style[name].strip()) for name in ("height", "width") if name in style)


def _is_clear(opacity: str) -> bool:
    try:
        return float(opacity.replace("!important", "").strip().rstrip("%") or 1) < 0.2
    except ValueError:
        return False


def _is_tight(classes: str, style: Mapping[str, str]) -> bool:
    margin = style.get("margin", "") or style.get("margin-bottom", "")
    return "mso" in classes.lower() or margin.lstrip().startswith("0")


def _has_border(tag: str, attributes: Mapping[str, str | None], style: Mapping[str, str]) -> bool:
    if tag == "table" and (attributes.get("border") or "0").strip("px ") not in ("0", ""):
        return True
    return tag in ("table", "td", "th") and any(
        "solid" in value for name, value in style.items() if name[:6] == "border"
    )


def _inline_tags(style: Mapping[str, str], weight: str) -> list[str]:
    found = ["b"] if weight.strip() in ("bold", "bolder", "600", "700", "800", "900") else []
    found += ["i"] if style.get("font-style", "").strip() in ("italic", "oblique") else []
    line = style.get("text-decoration", "") + style.get("text-decoration-line", "")
    return found + (["u"] if "underline" in line else []) + (["s"] if "line-through" in line else [])


def _background(attributes: Mapping[str, str | None], style: Mapping[str, str]) -> Colour | None:
    written = style.get("background-color") or style.get("background") or attributes.get("bgcolor") or ""
    found = colour_of(written)
    return found if found and min(found) < 0xF0 else None


# --- colours -------------------------------------------------------------------------------------------------------------

_HEX = re.compile(r"#([0-9a-f]{6}|[0-9a-f]{3})\b")
_RGB = re.compile(r"rgba?\(\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})\s*(?:[,/]\s*([\d.]+)%?\s*)?\)")
_NAMES: dict[str, Colour] = {
    "black": (0, 0, 0), "white": (255, 255, 255), "red": (255, 0, 0), "green": (0, 128, 0), "blue": (0, 0, 255),
    "yellow": (255, 255, 0), "orange": (255, 165, 0), "purple": (128, 0, 128), "gray": (128, 128, 128), "grey": (128, 128, 128),
    "navy": (0, 0, 128), "maroon": (128, 0, 0), "teal": (0, 128, 128), "olive": (128, 128, 0), "lime": (0, 255, 0),
    "aqua": (0, 255, 255), "cyan": (0, 255, 255), "fuchsia": (255, 0, 255), "magenta": (255, 0, 255), "silver": (192, 192, 192),
}  # fmt: skip


def colour_of(written: str) -> Colour | None:
    """A colour as CSS writes it; None for one that we do not know."""
    written = written.lower().strip()[:100]
    if found := _HEX.search(written):
        digits = found[1] if len(found[1]) == 6 else "".join(c * 2 for c in found[1])
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    if found := _RGB.search(written):
        if found[4] and float(found[4].strip(".") or 0) == 0:
            return None
        return min(255, int(found[1])), min(255, int(found[2])), min(255, int(found[3]))
    return _NAMES.get(written.partition(" ")[0].removesuffix("!important"))


def contrast(one: Colour, other: Colour) -> float:
    """From 1 (the same) to 21 (black on white), as WCAG 2 counts it."""
    lighter, darker = sorted((_light(one), _light(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _readable(colour: Colour | None, background: Colour) -> Colour:
    """The colour, where it can be read on the background; else black or white."""
    if colour is not None and contrast(colour, background) >= 3:
        return colour
    return max(((0, 0, 0), (255, 255, 255)), key=lambda one: contrast(one, background))


def _light(colour: Colour) -> float:
    parts = [c / 255 for c in colour]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _is_worth_it(colour: Colour) -> bool:
    """Neither nearly black, which is what text is anyway, nor so light that nobody would have read it on white."""
    is_colourful = max(colour) - min(colour) >= 0x60
    return max(colour) > 0x50 and (is_colourful or contrast(colour, (255, 255, 255)) >= 2.2)


_DARKEST, _LIGHTEST = 0.175, 0.212  # between them, four times as light as a dark screen, and white four times as light


def _on_any_screen(colour: Colour) -> Colour:
    """The colour, mixed with as much white or black as it takes to be read on a light and on a dark screen."""
    light = _light(colour)
    target = 255 if light < _DARKEST else 0
    for part in range(0, 101, 2):
        mixed = tuple(round(c + (target - c) * part / 100) for c in colour)
        found = (mixed[0], mixed[1], mixed[2])
        if light < _DARKEST <= _light(found) or light > _LIGHTEST >= _light(found) or _DARKEST <= light <= _LIGHTEST:
            return found
    return colour


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _attribute(found: list[str]) -> str:
    return f' style="{";".join(found)}"' if found else ""
