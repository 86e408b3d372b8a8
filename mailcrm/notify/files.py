"""Which files of a message go with a notice, and which stand in it as a link. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailcrm.notify.letterhead import header_text

_RUNS_WHEN_OPENED = """
ade adp apk app appx appxbundle bat cab chm cmd com cpl dll dmg docm dotm exe gadget hta img inf ins iso isp jar jnlp js jse
lib lnk mde msc msi msix msp mst nsh pif potm ppam ppsm pptm ps1 ps1xml psm1 reg scf scr sct sh sys url vb vbe vbs vhd vhdx
vxd wsc wsf wsh xlam xll xlsm xltm
"""
_EXECUTABLE = frozenset(_RUNS_WHEN_OPENED.split())
_UNFIT = re.compile(r'[/\\:*?"<>|]')
_SMALL_INLINE = 8_000  # a picture in the text below this is a logo
_LARGE_INLINE = 3_000_000  # and above this a link
_MOST_PICTURES = 20
_PICTURES = frozenset(
    {"image/png", "image/jpeg", "image/jpg", "image/pjpeg", "image/gif"}
)  # what every mail client shows


@dataclass(frozen=True, slots=True)
class File:
    """An attachment of a message, without its content."""

    id: int
    filename: str
    content_type: str
    size: int
    sha256: str
    is_inline: bool
    content_id: str = ""


def safe_filename(name: str) -> str:
    """A label without folders, control characters or signs that some system forbids."""
    return _UNFIT.sub("_", header_text(name, 120)).strip(". ") or "file"


def is_executable(name: str) -> bool:
    """Whether opening such a file runs it; trailing dots and spaces fool nobody but the reader."""
    return safe_filename(name).rpartition(".")[2].lower() in _EXECUTABLE


def is_picture(file: File) -> bool:
    """Whether its writer put it into the text, to be seen there."""
    return file.is_inline and file.content_type.lower() in _PICTURES


def is_logo(file: File) -> bool:
    return file.is_inline and file.size < _SMALL_INLINE


def carried(files: Sequence[File], limit: int) -> frozenset[int]:
    """The ids of the files that go along: in order, together at most ``limit`` bytes; nothing that runs, no logos.

    Of pictures in the text no more than a mail client shows quickly.
    """
    ids = []
    left = limit
    pictures = 0
    for file in files:
        if is_executable(file.filename) or is_logo(file) or file.size > left:
            continue
        if is_picture(file):
            if file.size > _LARGE_INLINE or pictures == _MOST_PICTURES:
                continue
            pictures += 1
        ids.append(file.id)
        left -= file.size
    return frozenset(ids)
