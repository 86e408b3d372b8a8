"""The pipeline and the forecast as a PNG for a mail: bars with their figures, on a light ground of its own for dark mail too.

Pillow draws it (7 MB and 0.06 s to import, about 0.1 s and 25 KB a picture), in Roboto from font-roboto, since Pillow's own font
has no å, ä, ö. Both are imported by the process that makes the mail, with its first picture. The figures stand as text below it.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

from mailcrm.i18n import Translator
from mailcrm.notify.mime import Part

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

WIDTH = 560  # as shown; drawn twice as large, for dense screens
_SCALE = 2
_PAD, _ROW, _BAR, _TITLE, _GAP = 16, 40, 12, 34, 14
_GROUND, _INK, _PALE, _TRACK = "#f5f7fa", "#1f2733", "#56616f", "#dfe5ec"
_PIPELINE, _FORECAST = "#1f5fae", "#23805f"


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Picture:
    """What the template shows, and the part that goes along; without a ``content_id`` the figures stand alone."""

    content_id: str = ""
    width: int = WIDTH
    height: int = 0
    alt: str = ""
    parts: tuple[Part, ...] = ()


def pipeline_picture(pipeline: Mapping[str, Any] | None, content_id: str, words: Translator) -> Picture:
    """The picture of what the outbox row tells. Where it cannot be drawn, the digest leaves without."""
    if not pipeline:
        return Picture()
    titles = (words.gettext("Pipeline"), words.gettext("Forecast, weighted by probability"))
    try:
        png, height = draw(titles, pipeline)
    except (ImportError, OSError) as e:
        log.error("the pipeline cannot be drawn: %s", e)
        return Picture()
    alt = "; ".join(_said(title, pipeline[key]) for title, key in zip(titles, ("stages", "forecast"), strict=True))
    return Picture(content_id, WIDTH, height, alt, (Part("pipeline.png", "image/png", png, content_id),))


def _said(title: str, bars: Sequence[Mapping[str, Any]]) -> str:
    return f"{title}: " + ", ".join(f"{bar['name']} {bar['value'] or '–'}" for bar in bars)


def draw(titles: tuple[str, str], pipeline: Mapping[str, Sequence[Mapping[str, Any]]]) -> tuple[bytes, int]:
    """The PNG and its height as shown; ``pipeline`` as the outbox row keeps it, ``titles`` of its two charts."""
    from PIL import Image, ImageDraw

    charts = [(titles[0], pipeline["stages"], _PIPELINE), (titles[1], pipeline["forecast"], _FORECAST)]
    height = 2 * _PAD + _GAP + sum(_TITLE + _ROW * len(bars) for _, bars, _ in charts)
    image = Image.new("RGB", (WIDTH * _SCALE, height * _SCALE), _GROUND)
    pen, top = ImageDraw.Draw(image), _PAD
    for title, bars, colour in charts:
        top = _chart(pen, top, title, bars, colour) + _GAP
    few = image.quantize(48, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    stream = BytesIO()
    few.save(stream, "PNG")
    return stream.getvalue(), height


def _chart(pen: "ImageDraw", top: int, title: str, bars: Sequence[Mapping[str, Any]], colour: str) -> int:
    """Below each name and figure a bar as long as its part of the longest."""
    longest = max((bar["amount"] for bar in bars), default=0)
    _text(pen, _PAD, top, title, 17, _INK, is_bold=True)
    top += _TITLE
    for bar in bars:
        _text(pen, _PAD, top, _short(bar["name"]), 16, _INK)
        _text(pen, WIDTH - _PAD, top, str(bar["value"] or "–"), 16, _PALE, anchor="ra")
        _bar(pen, top + 22, 1.0, _TRACK)
        if longest and bar["amount"]:
            _bar(pen, top + 22, max(0.01, bar["amount"] / longest), colour)
        top += _ROW
    return top


def _bar(pen: "ImageDraw", top: int, part: float, colour: str) -> None:
    right = _PAD + part * (WIDTH - 2 * _PAD)
    box = (_PAD * _SCALE, top * _SCALE, round(right * _SCALE), (top + _BAR) * _SCALE - 4)
    pen.rectangle(box, fill=colour)


def _text(
    pen: "ImageDraw", x: int, y: int, text: str, size: int, colour: str, *, anchor: str = "la", is_bold: bool = False
) -> None:
    pen.text((x * _SCALE, y * _SCALE), text, font=_font(size * _SCALE, is_bold), fill=colour, anchor=anchor)


def _short(text: str) -> str:
    return text if len(text) <= 32 else text[:31] + "…"


@cache
def _font(size: int, is_bold: bool) -> "FreeTypeFont":
    import font_roboto
    from PIL import ImageFont

    path = font_roboto.font_files["RobotoBold" if is_bold else "Roboto"]
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
