"""Makes the mail of an outbox row: a person's mail to the customer, or a notice to one member of staff. Pure.

``compose`` is called once in a row's life; its bytes are stored and the same on every attempt.
"""

from datetime import datetime

from mailcrm.mail import NoticeKind
from mailcrm.notify.acknowledgement import acknowledgement
from mailcrm.notify.assembling import Composed
from mailcrm.notify.customer_mail import customer_mail
from mailcrm.notify.letterhead import Letterhead
from mailcrm.notify.material import Material
from mailcrm.notify.notice import notice
from mailcrm.notify.render import Templates

__all__ = ["Composed", "compose"]


def compose(material: Material, head: Letterhead, templates: Templates, now: datetime) -> Composed:
    """The mail of this row; raises LookupError where a row that it needs is gone."""
    made = _TO_THE_OUTSIDE.get(material.row.kind, notice)
    return made(material, head, templates, now)


_TO_THE_OUTSIDE = {NoticeKind.CUSTOMER_REPLY: customer_mail, NoticeKind.ACKNOWLEDGEMENT: acknowledgement}
