"""The stages: the ten seeded ones, and the answers that rules need about their order."""

from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import func, insert, select

from mailcrm.crm.suggestions import seed_suggestions
from mailcrm.store.engine import Session, remembered
from mailcrm.store.prepared import Prepared
from mailcrm.store.tables import stage

SEED = (
    # name_en, name_fi, kind, is_folded, on_event
    ("New", "Uusi", "open", False, ""),
    ("Assigned", "Vastuutettu", "open", False, "owner_set"),
    ("Contacted", "Kontaktoitu", "open", False, "first_mail_out"),
    ("Meeting booked", "Tapaaminen sovittu", "open", False, ""),
    ("Make a quote", "Tee tarjous", "open", False, ""),
    ("Quote sent", "Tarjous lähetetty", "open", False, ""),
    ("Won", "Voitettu", "won", True, ""),
    ("Lost", "Hävitty", "lost", True, ""),
    ("Cancelled", "Peruttu", "cancelled", True, ""),
    ("On hold", "On hold", "on_hold", True, ""),
)


@dataclass(frozen=True, slots=True)
class Stage:
    """One column of the board."""

    id: int
    name_en: str
    name_fi: str
    position: int
    kind: str
    on_event: str

    def name(self, locale: str) -> str:
        return self.name_fi if locale == "fi" else self.name_en


_ALL = Prepared(
    select(stage.c.id, stage.c.name_en, stage.c.name_fi, stage.c.position, stage.c.kind, stage.c.on_event).order_by(
        stage.c.position, stage.c.id
    )
)


def seed_stages(session: Session) -> None:
    """Write the ten stages, and what they suggest, into empty tables; those with stages are left alone: theirs to change."""
    if session.execute(select(func.count()).select_from(stage)).scalar_one():
        return
    names = ("name_en", "name_fi", "kind", "is_folded", "on_event")
    rows = [dict(zip(names, seed, strict=True), position=n) for n, seed in enumerate(SEED)]
    session.execute(insert(stage), rows)
    seed_suggestions(session)


def all_stages(session: Session) -> tuple[Stage, ...]:
    """All stages in the board's order."""
    return remembered(session, "stages", lambda: tuple(Stage(*row) for row in _ALL.all(session)))


def first_open(stages: tuple[Stage, ...]) -> Stage:
    """Where a new lead starts."""
    return next(s for s in stages if s.kind == "open")


def stage_after_event(stages: tuple[Stage, ...], current_id: int, event: str) -> Stage | None:
    """The stage that ``event`` moves a lead to: only forward, only from the open stage just before; else None."""
    opened = [s for s in stages if s.kind == "open"]
    for before, after in pairwise(opened):
        if after.on_event == event and before.id == current_id:
            return after
    return None
