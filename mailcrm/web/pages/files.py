"""What strangers sent, handed out so that a browser never runs it: mail HTML in a sandbox, attachments as downloads."""

from starlette.responses import FileResponse, HTMLResponse, Response

from mailcrm.crm.done import NotFound
from mailcrm.crm.rights import Right, visible_leads
from mailcrm.web.guard import FILE_POLICY, MAIL_POLICY
from mailcrm.web.lead_reads import read_attachment, read_html
from mailcrm.web.mail_reads import raw_bytes, read_inbound, read_outbox, stored_mail, visible_outbox
from mailcrm.web.visit import Visit

_PAGE = (
    '<!doctype html><html><head><meta charset="utf-8"><title>.</title>'
    "<style>body{{font:16px/1.5 sans-serif;margin:12px;color:#111;background:#fff;overflow-wrap:anywhere}}"
    "img{{display:none}}</style></head><body>{body}</body></html>"
)


def message_html(visit: Visit) -> Response:
    """A message's HTML, already sanitised when it was read; the policy forbids whatever that missed."""
    with visit.desk.store.read() as session:
        html = read_html(session, visit.number("id"), visible_leads(visit.me.actor))
    if not html:
        raise NotFound("There is no mail %(id)s.", id=visit.number("id"))
    return _mail_html(html)


def outbox_html(visit: Visit) -> Response:
    """The HTML part of a leaving mail as it was rendered."""
    visit.require(Right.SEE_MAIL)
    with visit.desk.store.read() as session:
        found = read_outbox(session, visit.number("id"), visible_outbox(visit.me.actor))
    html = stored_mail(found["bytes"]).html if found and found["bytes"] is not None else ""
    if not html:
        raise NotFound("There is no mail %(id)s.", id=visit.number("id"))
    return HTMLResponse(html, headers={"content-security-policy": MAIL_POLICY})


def _mail_html(html: str) -> Response:
    return HTMLResponse(_PAGE.format(body=html), headers={"content-security-policy": MAIL_POLICY})


def attachment(visit: Visit) -> Response:
    """A file as a download, whatever type it claims to be."""
    with visit.desk.store.read() as session:
        found = read_attachment(session, visit.number("id"), visible_leads(visit.me.actor))
    if found is None:
        raise NotFound("There is no file %(id)s.", id=visit.number("id"))
    filename, sha256 = found
    path = visit.desk.blobs.path(sha256)
    if not path.is_file():
        raise NotFound("The file is no longer kept.")
    name = "".join(c for c in filename if c.isprintable() and c not in '/\\"') or "file"
    return FileResponse(
        path, filename=name, media_type="application/octet-stream", headers={"content-security-policy": FILE_POLICY}
    )


def inbound_source(visit: Visit) -> Response:
    """The mail as it came, as a download."""
    visit.require(Right.SEE_MAIL)
    inbound_id = visit.number("id")
    with visit.desk.store.read() as session:
        found = read_inbound(session, inbound_id)
    content = raw_bytes(found, visit.desk.blobs) if found else None
    if content is None:
        raise NotFound("The mail as it came is no longer kept.")
    headers = {
        "content-security-policy": FILE_POLICY,
        "content-disposition": f'attachment; filename="inbound-{inbound_id}.eml"',
    }
    return Response(content, media_type="application/octet-stream", headers=headers)
