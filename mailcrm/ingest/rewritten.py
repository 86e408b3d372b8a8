"""Who wrote a mail whose From a list or a relay put its own address into (DMARC): the person, and what proves it.

Only what the rewriting program itself left behind counts: "Name via List" with a Reply-To or an original-sender field, the
list's own address in From with a Reply-To of the same name, or a field with the original From. A Reply-To alone proves nothing:
people have answers sent elsewhere.
"""

import re

from mailcrm.ingest.headers import Headers, addresses_in
from mailcrm.mail import Address, WrittenBy

_ORIGINALS = (
    "x-original-from",
    "x-google-original-from",
    "x-mailman-original-from",
    "original-from",
    "x-simplelogin-original-from",
    "x-anonaddy-original-sender",
    "x-original-sender",
)
_VIA = re.compile(
    r"^['\"‘“]?(.{0,200}?)['\"’”]? +\(?(?:via|kautta|genom|gjennom|gennem|über|par l['’]intermédiaire de|por medio de|a través de|"
    r"através de|tramite|przez|prostřednictvím|prin|через|经由|経由)[ :]+\S.*$",
    re.IGNORECASE,
)
_REWRITTEN_LOCALS = ("-dmarc-request", "-dmarc-noreply")


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
        return _behind_list(headers, writer, reply_to)
    others = [box for box in (*reply_to, *addresses_in(headers.by_name.get("cc", ())[:1])) if _is_other(box, writer)]
    is_listed = "list-id" in headers or "list-post" in headers or "mailing-list" in headers
    outside = [box for box in others if box.domain != writer.domain] or others
    if outside and (is_listed or len(reply_to) == 1) and _fits(via.group(1), outside[0]):
        return WrittenBy(_named(outside[0], via), "via, reply-to")
    return None


def _behind_list(headers: Headers, writer: Address, reply_to: tuple[Address, ...]) -> WrittenBy | None:
    """From names the person and holds the list's address; Reply-To has the same name and the person's own."""
    same = next((box for box in reply_to if _is_other(box, writer) and box.name and box.name == writer.name), None)
    if same is None:
        return None
    post = " ".join(headers.by_name.get("list-post", ())).lower()
    list_id = " ".join(headers.by_name.get("list-id", ())).lower()
    is_list = f"mailto:{writer.address.lower()}>" in post or f"<{writer.address.lower().replace('@', '.')}>" in list_id
    is_rewritten = writer.local.lower().endswith(_REWRITTEN_LOCALS)
    return WrittenBy(same, "list address, reply-to") if is_list or is_rewritten else None


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
    return Address(
        "" if "@" in name or name.endswith("--") else name, box.address
    )  # "dave--- via List": cut for privacy
