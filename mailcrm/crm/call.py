"""A verb with its arguments as a value, for the doors that only pass it on."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mailcrm.crm.done import Done
from mailcrm.store.engine import Session


@dataclass(frozen=True, slots=True)
class Call:
    """What ``desk.perform`` runs: ``verb(session, *arguments, by, now)``. ``verb`` is a function of a module."""

    verb: Callable[..., Done]
    arguments: tuple[Any, ...]
    by: int | None = None

    def __call__(self, session: Session, now: datetime) -> Done:
        return self.verb(session, *self.arguments, self.by, now)
