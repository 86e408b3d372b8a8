"""The values of a digest: whom it is for, its sections and items, the team's table. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from mailcrm.config import Config
from mailcrm.i18n import Translator
from mailcrm.store.engine import Session
from mailcrm.workdays import OFFICE_HOURS, WorkingTime, moment_before


@dataclass(frozen=True, slots=True)
class Rules:
    """The configuration's part. ``latest``: until when a late digest is sent."""

    latest: str = "12:00"
    unanswered_hours: int = 8  # working hours
    holidays: str = "FI"
    working_hours: str = OFFICE_HOURS
    stalled_days: int = 14


def rules_of(config: Config) -> Rules:
    day = config.digest
    return Rules(day.latest, config.routing.unanswered_hours, day.holidays, day.working_hours, day.stalled_days)


@dataclass(frozen=True, slots=True)
class ReaderOf:
    """Whom a digest is for."""

    id: int
    name: str
    address: str
    role: str
    locale: str
    time_zone: str
    working_days: str
    holidays: str | None = None  # None: the house's
    how_often: str = "daily"

    @property
    def is_manager(self) -> bool:
        return self.role in ("manager", "admin")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to look at. ``path`` is where on the page; ``kind`` and ``id`` say what it is, for an answer by number.

    ``detail`` is the first line of context; ``context`` the second: how the customer's last mail begins, or the next step.
    """

    title: str
    detail: str
    path: str
    kind: str
    id: int
    number: int = 0
    lead_id: int | None = None
    context: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    key: str
    title: str
    items: tuple[Item, ...]
    total: int
    path: str  # of the whole list
    more: str = ""
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class TeamLine:
    name: str
    path: str
    open: int
    overdue: int
    waiting: int
    value: str
    won: int = 0  # since the reader's last digest, like lost
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """One lead that changed, and how."""

    title: str
    detail: str
    path: str


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One kind of change: how many, and some of them."""

    key: str
    title: str
    count: int
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure of a chart. ``amount`` is in the main currency, ``value`` says all of it in words."""

    name: str
    leads: int
    amount: int
    value: str


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Open leads by stage, and what they are likely to bring by month of closing."""

    stages: tuple[Bar, ...]
    forecast: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Content:
    """A digest's whole content, ready to be shown."""

    subject: str
    sections: tuple[Section, ...]
    team: tuple[TeamLine, ...] = ()
    missed: str = ""
    quiet: str = ""  # how much was put on the quiet list, in words
    broken: tuple[str, ...] = ()  # a line for each section that could not be read
    changes: tuple[ChangeLine, ...] = ()
    pipeline: Pipeline | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nobody needs to be told: a number of newsletters, or a pipeline as it was, is no reason for a mail."""
        has_team = any(line.open or line.overdue for line in self.team)
        return not (self.sections or self.broken or has_team or self.changes)

    def with_missed(self, line: str) -> "Content":
        return replace(self, missed=line)

    def as_json(self) -> dict[str, Any]:
        """As the outbox row keeps it until the mail is made."""
        return asdict(self)

    def snapshot(self) -> dict[str, Any]:
        """What the numbers mean, for an answer by mail days later."""
        items = [{"number": i.number, "kind": i.kind, "id": i.id} for section in self.sections for i in section.items]
        return {"items": items, "counts": {section.key: section.total for section in self.sections}}


@dataclass(frozen=True, slots=True)
class Asking:
    """One reader's digest being read at ``now``."""

    session: Session
    reader: ReaderOf
    now: datetime
    rules: Rules
    words: Translator

    @property
    def today(self) -> date:
        return self.now.astimezone(ZoneInfo(self.reader.time_zone)).date()

    @property
    def working(self) -> WorkingTime:
        """When the reader works."""
        reader, rules = self.reader, self.rules
        holidays = rules.holidays if reader.holidays is None else reader.holidays
        return WorkingTime(reader.time_zone, reader.working_days, holidays, rules.working_hours)

    @property
    def unanswered_before(self) -> datetime:
        """A customer waiting since then, or longer, waits too long."""
        return moment_before(self.now, timedelta(hours=self.rules.unanswered_hours), self.working)


_Rows = Sequence[Any]


def section(
    key: str,
    title: str,
    rows: _Rows,
    item: Callable[[Any], Item],
    path: str,
    *,
    most: int = 10,
    is_late: bool = False,
) -> Section:
    """A section of rows that each know their ``total``, of which some were read."""
    items = tuple(item(row) for row in rows[:most])
    return Section(key, title, items, rows[0].total if rows else 0, path, is_late=is_late)


def joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def shortened(text: str, most: int = 120) -> str:
    """On one line; what is too long ends in an ellipsis."""
    said = " ".join(text.split())
    return said if len(said) <= most else said[: most - 1].rstrip() + "…"


def lead_name(row: Any) -> str:
    """The customer and what it is about."""
    return shortened(f"{row.partner_name}: {row.title}" if row.partner_name else str(row.title))
