"""Routes /inbound, /outbox and /attachments: what happened to each mail, and its files."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import FileResponse

from mailcrm.crm.done import NotFound
from mailcrm.crm.rights import Right
from mailcrm.web.api.access import Calling, refuse_parameters
from mailcrm.web.api.chatter_reads import read_attachment
from mailcrm.web.api.mail_reads import InboundFilter, OutboxFilter, read_inbound, read_outbox
from mailcrm.web.api.paging import LARGEST_ID, Page
from mailcrm.web.api.shapes import InboundOut, OutboxOut

router = APIRouter(tags=["mail"])
# What no reader runs; everything else is handed out as bytes without a type.
_PASSIVE = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf", "text/plain"})
_NEVER_ACTIVE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, no-store",
}


@router.get("/inbound")
def list_inbound(caller: Calling, asked: Annotated[InboundFilter, Query()]) -> Page[InboundOut]:
    """Every received mail with its author, verdict, reason and route, newest first."""
    with caller.reading(Right.SEE_MAIL) as (session, _who):
        return read_inbound(session, asked)


@router.get("/outbox")
def list_outbox(caller: Calling, asked: Annotated[OutboxFilter, Query()]) -> Page[OutboxOut]:
    """Every mail that left or will leave, with the state of each recipient, newest first."""
    with caller.reading(Right.SEE_MAIL) as (session, _who):
        return read_outbox(session, asked)


@router.get("/attachments/{attachment_id}", response_class=FileResponse, dependencies=[Depends(refuse_parameters)])
def get_attachment(caller: Calling, attachment_id: Annotated[int, Path(ge=1, le=LARGEST_ID)]) -> FileResponse:
    """The file, always as a download and never as something a browser would run."""
    with caller.reading() as (session, who):
        row = read_attachment(session, who, attachment_id)
    path = caller.desk.blobs.path(row["sha256"])
    if not path.is_file():
        raise NotFound("The file of attachment %(id)s is no longer there.", id=attachment_id)
    type_ = row["content_type"].partition(";")[0].strip().lower()
    return FileResponse(
        path,
        media_type=type_ if type_ in _PASSIVE else "application/octet-stream",
        filename=_file_name(row["filename"]) or f"attachment-{attachment_id}",
        headers=_NEVER_ACTIVE,
    )


def _file_name(written: str) -> str:
    """A label from a mail as a file name: no path, no control or direction-changing characters."""
    last = written.replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in last if c.isprintable()).strip(" .")
