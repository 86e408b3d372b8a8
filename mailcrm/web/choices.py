"""What a person can decide about a received mail: what its row offers, and no more. Pure."""

from sqlalchemy import RowMapping

from mailcrm.crm.rights import Actor, may_decide
from mailcrm.mail import AuthorKind

_UNDECIDED = ("held", "triage", "quiet", "dismissed")


def is_of_staff(mail: RowMapping) -> bool:
    """Whether one of us wrote it, proven or not; an automatic answer of theirs is nobody's."""
    return mail["author_user_id"] is not None and mail["author"] != AuthorKind.MACHINE


def choices(mail: RowMapping, actor: Actor) -> tuple[str, ...]:
    """The decisions that make sense for this mail and this person, the likeliest first."""
    if mail["state"] == "buried":
        return ("replay", "dismiss")
    if mail["state"] not in _UNDECIDED or not may_decide(actor, mail["author_user_id"] if is_of_staff(mail) else None):
        return ()
    last = () if mail["state"] == "dismissed" else ("dismiss",)
    if not is_of_staff(mail):
        return ("make_lead", "attach", *last)
    on_its_lead = ("send", "keep_as_note") if mail["lead_id"] is not None else ()
    return (*on_its_lead, "attach", *last)


def is_anothers(mail: RowMapping, actor: Actor) -> bool:
    """Whether it waits for a colleague whom the page should name, and not for this person."""
    return is_of_staff(mail) and mail["state"] in _UNDECIDED and not may_decide(actor, mail["author_user_id"])
