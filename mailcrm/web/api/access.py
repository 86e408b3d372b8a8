"""One call of the API: whose key it carries, and how it reads and acts.

A route reads with ``with caller.reading() as (session, who)`` and acts with ``caller.perform(right, verb)``. Both look the
key up in the same transaction in which they work, so that a revoked key ends at once.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from mailcrm.crm.api_keys import note_use, use_key
from mailcrm.crm.desk import Desk
from mailcrm.crm.done import Done, Refused
from mailcrm.crm.rights import Actor, Right, require, require_lead
from mailcrm.store.engine import Session

_bearer = HTTPBearer(auto_error=False, description="A key made by `mailcrm apikey add`; it acts as its user.")


class Unknown(Refused):
    """No key, or one that is not valid."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, not yet looked up."""

    desk: Desk
    key: str

    @contextmanager
    def reading(self, right: Right | None = None) -> Iterator[tuple[Session, Actor]]:
        """A read-only session and the user of the key; Unknown or Forbidden otherwise."""
        with self.desk.store.read() as session:
            use = use_key(session, self.key, self.desk.now()) if self.key else None
            if use is None:
                raise Unknown("A valid API key is needed: Authorization: Bearer KEY.")
            if right is not None:
                require(use.actor, right)
            yield session, use.actor
        if use.is_unnoted:
            self.desk.store.write(lambda session: note_use(session, self.key, self.desk.now()))

    def perform(self, right: Right, verb: Callable[[Session, Actor, datetime], Done]) -> int:
        """Run a verb as the user of the key; strangers never reach the writer."""
        with self.reading(right):
            pass

        def checked(session: Session, now: datetime) -> Done:
            use = use_key(session, self.key, now)
            if use is None:
                raise Unknown("A valid API key is needed: Authorization: Bearer KEY.")
            require(use.actor, right)
            return verb(session, use.actor, now)

        return self.desk.perform(checked)

    def perform_on_lead(self, right: Right, lead_id: int, verb: Callable[[Session, int, Actor, datetime], Done]) -> int:
        """Run a verb on a lead that the user may see; it is given the number of the lead as it is now."""

        def on_lead(session: Session, who: Actor, now: datetime) -> Done:
            return verb(session, require_lead(session, who, lead_id), who, now)

        return self.perform(right, on_lead)


async def _caller(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Caller:
    return Caller(request.app.state.desk, credentials.credentials if credentials else "")


async def refuse_parameters(request: Request) -> None:
    """For routes without query parameters: a misspelt one is told, not ignored."""
    if request.query_params:
        raise Refused("%(names)s: unknown parameter.", names=", ".join(sorted(set(request.query_params))))


Calling = Annotated[Caller, Depends(_caller)]
