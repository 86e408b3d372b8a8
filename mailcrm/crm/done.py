"""What every verb answers: the row it made or changed, and the events to tell of; and how a verb says no."""

from dataclasses import dataclass

from mailcrm.mail import Event


@dataclass(frozen=True, slots=True)
class Done:
    """A verb's answer. ``id`` is the row made or changed."""

    id: int
    events: tuple[Event, ...] = ()


class Refused(Exception):
    """A verb that cannot be done; the text is an English msgid shown to the person in their language, filled with ``data``."""

    def __init__(self, text: str, **data: object) -> None:
        super().__init__(text % data if data else text)
        self.text = text
        self.data = data


class NotFound(Refused):
    """The object does not exist, or the person may not see it."""


class Taken(Refused):
    """What should be unique is already somebody else's."""
