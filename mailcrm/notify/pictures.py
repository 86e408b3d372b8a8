"""The pictures of a mail, shown in the notice where their writer put them, or below the words. Pure.

Only what is a PNG, JPEG or GIF by its own bytes is shown; all else stays a file. A width goes along, since Outlook shows a picture
as wide as it is otherwise.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from mailcrm.notify.files import File, is_picture, safe_filename
from mailcrm.notify.letterhead import Letterhead
from mailcrm.notify.prose import html_of

_WIDEST = 600  # what fits beside the margins of the sheet
_MOST_PIXELS = 20_000  # of a side; what says more is not shown
_PLACE = re.compile(r"\[(?:cid:|image:[ \t]{0,5})([^\]\n]{1,200})\]")  # Outlook's and Gmail's text twins write so
_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")
_STYLE = "max-width:100%;height:auto;border:0;"


@dataclass(frozen=True, slots=True)
class Picture:
    """A file that is shown. ``cid`` is its Content-ID in our mail; ``said`` what a text twin calls it."""

    file: File
    cid: str
    width: int

    @property
    def name(self) -> str:
        return safe_filename(self.file.filename)

    @property
    def html(self) -> Markup:
        tag = Markup('<img src="cid:{0}" alt="{1}" width="{2}" style="{3}">')
        return tag.format(self.cid, self.name, self.width, _STYLE)


def shown_pictures(files: Sequence[File], contents: Mapping[int, bytes], head: Letterhead) -> tuple[Picture, ...]:
    """Those of the files that go along and can be shown."""
    pictures = []
    for file in files:
        content = contents.get(file.id, b"") if is_picture(file) else b""
        width = pixel_width(content) if content else 0
        if width:
            pictures.append(Picture(file, f"picture-{file.id}@{head.domain}", min(width, _WIDEST)))
    return tuple(pictures)


def with_pictures(text: str, pictures: Sequence[Picture], *, with_links: bool = True) -> tuple[Markup, list[Picture]]:
    """Text as HTML with each picture where the text names it, and the pictures that it does not name."""
    left = list(pictures)
    parts: list[Markup] = []
    end = 0
    for found in _PLACE.finditer(text) if left else ():
        named = next((one for one in left if found[1].strip() in (one.file.content_id, one.file.filename)), None)
        if named is None:
            continue
        left.remove(named)
        parts += [html_of(text[end : found.start()], with_links=with_links), named.html]
        end = found.end()
    parts.append(html_of(text[end:], with_links=with_links))
    return Markup("").join(parts), left


def pixel_width(content: bytes) -> int:
    """How wide a PNG, GIF or JPEG is; 0 for what is none, or says that it is of no size a picture has."""
    if not content.startswith(_SIGNATURES):
        return 0
    if content.startswith(b"GIF"):
        width, height = (int.from_bytes(content[at : at + 2], "little") for at in (6, 8))
    elif content.startswith(b"\x89PNG"):
        width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
    else:
        width, height = _jpeg_size(content)
    return width if 0 < width <= _MOST_PIXELS and 0 < height <= _MOST_PIXELS else 0


def _jpeg_size(content: bytes) -> tuple[int, int]:
    """From the frame header (ITU T.81 B.2.2), past the segments before it."""
    at = 2
    for _ in range(1_000):
        marker, length = content[at : at + 2], int.from_bytes(content[at + 2 : at + 4], "big")
        if len(marker) < 2 or marker[0] != 0xFF or length < 2:
            break
        if 0xC0 <= marker[1] <= 0xCF and marker[1] not in (0xC4, 0xC8, 0xCC):
            height, width = (int.from_bytes(content[at + i : at + i + 2], "big") for i in (5, 7))
            return width, height
        at += 2 + length
    return 0, 0
