"""Who wrote a mail whose From a list or a relay put its own address into (DMARC): the person, and what proves it.

Only what the rewriting program itself left behind counts: "Name via List" with a Reply-To or an original-sender field, or a field
with the original From. A Reply-To alone proves nothing: people have answers sent elsewhere.
"""

import re

from mailcrm.ingest.headers import Headers, addresses_in
from mailcrm.mail import Address, WrittenBy

_ORIGINALS = (
    "x-original-from",
    "x-google-original-from",
    "x-mailman-original-from",
    "original-from",
    "x-original-sender",
)
_VIA = re.compile(
    r"^['\"‘“]?(.{0,200}?)['\"’”]? +(?:via|kautta|genom|über|par l'intermédiaire de|por medio de) +\S.*$", re.IGNORECASE
)


def written_by(headers: Headers, writer: Address | None, reply_to: tuple[Address, ...]) -> WrittenBy | None:
    """The person and the name of the field that tells; None where From is the person's own."""
    if writer is None:
        return None
    via = _VIA.match(writer.name) if " " in writer.name else None
    for name in _ORIGINALS:
        boxes = addresses_in(headers.by_name[name][:1]) if name in headers else ()
        if boxes and _is_other(boxes[0], writer) and (via or name != "x-original-sender"):
            return WrittenBy(_named(boxes[0], via), name)
    if via is None:
        return None
    others = [box for box in (*reply_to, *addresses_in(headers.by_name.get("cc", ())[:1])) if _is_other(box, writer)]
    is_listed = "list-id" in headers or "list-post" in headers or "mailing-list" in headers
    if others and (is_listed or len(reply_to) == 1) and _fits(via.group(1), others[0]):
        return WrittenBy(_named(others[0], via), "via, reply-to")
    return None


def _is_other(box: Address, writer: Address) -> bool:
    return box.address.lower() != writer.address.lower()


def _fits(name: str, box: Address) -> bool:
    """The name before "via" is that of the mailbox, by its name or its address."""
    if not name.strip() or not box.name:
        return bool(box.address) and ("@" not in name or name.strip("'\" ").lower() == box.address.lower())
    return (
        name.strip("'\" ").casefold() == box.name.casefold() or name.strip("'\" ").casefold() == box.address.casefold()
    )


def _named(box: Address, via: re.Match[str] | None) -> Address:
    name = box.name or (via.group(1).strip("'\" ") if via else "")
    return Address("" if "@" in name else name, box.address)
