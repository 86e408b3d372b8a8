"""A letter as its writer formatted it, ready for a mail: its pictures cleaned, named anew and tied to the HTML. Pure."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from mailcrm.notify.material import Shown
from mailcrm.notify.mime import Part
from mailcrm.pictures import clean_picture

_SHOWN = re.compile(r'<img src="cid:([0-9a-f]{64})"')
_PICTURE = re.compile(r'<img src="cid:([0-9a-f]{64})"[^<>]*>')


@dataclass(frozen=True, slots=True)
class LetterHtml:
    """``html`` is "" where the writer's formatting is not known; ``taken`` are the hashes of the files that became pictures."""

    html: Markup
    pictures: tuple[Part, ...]
    taken: frozenset[str]


def letter_of(message: Shown, contents: Mapping[int, bytes], domain: str) -> LetterHtml:
    """The formatted letter; a picture that is no longer there, or cannot be cleaned, is left out of it.

    A picture that was put into the text, and whose place in it is not certain, goes along as a file, cleaned as well.
    """
    shown = frozenset(_SHOWN.findall(message.letter_html))
    pictures: dict[str, Part] = {}
    for file in message.files:
        is_put_in = file.sha256 in shown or file.is_inline
        cleaned = clean_picture(contents.get(file.id, b"")) if is_put_in and file.sha256 not in pictures else None
        if cleaned is not None:
            name = f"picture-{len(pictures) + 1}"
            content_id = f"{name}.{secrets.token_hex(6)}@{domain}" if file.sha256 in shown else ""
            pictures[file.sha256] = Part(f"{name}.{cleaned.ending}", cleaned.content_type, cleaned.content, content_id)

    def tied(found: re.Match[str]) -> str:
        picture = pictures.get(found[1])
        return found[0].replace(found[1], picture.content_id, 1) if picture else ""

    html = Markup(_PICTURE.sub(tied, message.letter_html))  # made from an allow-list when the mail came
    return LetterHtml(html, tuple(pictures.values()), frozenset(pictures))
