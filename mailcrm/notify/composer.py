"""Making notices in another process, a group at a time: templates are most of what a notice costs."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial

from mailcrm.apart import Apart
from mailcrm.mail import NoticeKind
from mailcrm.notify.compose import Composed, compose
from mailcrm.notify.letterhead import Letterhead
from mailcrm.notify.material import Material
from mailcrm.notify.render import Templates

FEW = 4  # notices: so few are made where they are, and a quiet house starts no process for them


@dataclass(frozen=True, slots=True)
class Draft:
    """What a notice is to be made of, and when."""

    material: Material
    now: datetime


Composer = Apart[Draft, Composed]


def composer(head: Letterhead, processes: int) -> Composer:
    """``processes`` 0 composes in the calling thread."""
    return Apart(partial(_compose, head), processes)


def may_go_apart(material: Material) -> bool:
    """Notices without files: what a person sends is looked at for leaks here, and files are not worth the way."""
    has_files = any(one.message is not None and bool(one.message.files) for one in material.all)
    return (
        material.row.kind not in (NoticeKind.CUSTOMER_REPLY, NoticeKind.ACKNOWLEDGEMENT, NoticeKind.HISTORY)
        and not has_files
    )


def _compose(head: Letterhead, draft: Draft) -> Composed:
    return compose(draft.material, head, _templates(), draft.now)


@cache
def _templates() -> Templates:
    """Those of the process."""
    return Templates()
