"""The desk: where every door for people (page, API, command line) does its work.

``perform`` runs one verb and remembers whom to tell in the same transaction, so a change without its event or notice cannot happen.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from mailcrm.config import Config
from mailcrm.crm.done import Done
from mailcrm.ingest.spool import Spool
from mailcrm.notify import outbox
from mailcrm.notify.gathering import posting
from mailcrm.store.blobs import Blobs
from mailcrm.store.engine import Session, Store
from mailcrm.store.keyring import Keyring


@dataclass(frozen=True)
class Desk:
    """What a door needs. ``wake`` tells the deliverer that there may be something to send."""

    config: Config
    store: Store
    blobs: Blobs
    keyring: Keyring
    spool: Spool
    now: Callable[[], datetime]
    wake: Callable[[], None]

    def perform(self, verb: Callable[[Session, datetime], Done]) -> int:
        """Run ``verb(session, now)`` in one transaction with its notices; returns the id it made or changed.

        Raises Refused when the verb says no; then nothing has changed.
        """
        now = self.now()

        def work(session: Session) -> Done:
            done = verb(session, now)
            outbox.enqueue(session, done.events, now, posting(self.config))
            return done

        done = self.store.write(work)
        if done.events:
            self.wake()
        return done.id
