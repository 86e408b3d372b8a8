"""When a notice leaves, and with which others: at once, gathered in one mail, in the digest, or not at all. Pure.

The first notice about a lead leaves at once; what follows within the burst's seconds is gathered and leaves when they are over, as
one mail that tells all of it. Who gets very many within those seconds gets the rest of all leads as one list. Whoever wants a topic
gathered in any case gets it some minutes after the first. No notice waits longer than its window, and a mail about somebody new, or
one that came to an internal address, is never gathered: its warnings are about it alone.

A gathered mail about one lead is answered like any other. Notes and customers' mail never share one, since their answers go
different ways; a list of several leads is answered by the button of each.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from mailcrm.config import Config
from mailcrm.mail import Event, NoticeKind
from mailcrm.notify.recipients import Notice, Person
from mailcrm.wishes import Level, Topic, level_of

SWITCHED_OFF = "switched_off"
IN_DIGEST = "in_digest"
GATHERED = "gathered"
_OF_A_BURST = frozenset({Topic.NEW, Topic.REPLY, Topic.MENTION, Topic.NOTE, Topic.SENT})


@dataclass(frozen=True, slots=True)
class Windows:
    """``burst_seconds`` 0: nothing is gathered that is wanted at once. ``burst_mails``: so many to one person go alone."""

    burst_seconds: int = 0
    burst_mails: int = 10
    batch_minutes: int = 30

    @property
    def burst(self) -> timedelta:
        return timedelta(seconds=self.burst_seconds)


@dataclass(frozen=True, slots=True)
class Posting:
    """What writing rows of the outbox needs of the configuration: the domain of Message-IDs, the windows."""

    domain: str
    windows: Windows = Windows()


def posting(config: Config) -> Posting:
    n = config.notify
    return Posting(config.mail.domains[0], Windows(n.burst_seconds, n.burst_mails, n.batch_minutes))


@dataclass(frozen=True, slots=True)
class Leaving:
    """``gather`` names what it leaves together with; ``skipped`` says why no mail of its own leaves."""

    at: datetime
    gather: str | None = None
    skipped: str = ""


def leaving(event: Event, notice: Notice, now: datetime, windows: Windows) -> Leaving:
    """How this notice reaches its person."""
    person, topic = notice.person, topic_of(event, notice)
    if person is None or topic is None or notice.skipped:
        return Leaving(now, skipped=notice.skipped)
    level = _level(person, topic)
    if level is Level.OFF:
        return Leaving(now, skipped=SWITCHED_OFF)
    if event.is_unconfirmed or event.is_staff_token_misused:
        return Leaving(now)
    if level is Level.DIGEST:
        return Leaving(now, skipped=IN_DIGEST)
    if level is Level.BATCHED:
        return Leaving(now + timedelta(minutes=windows.batch_minutes), gather=f"all:{person.id}")
    return _at_once(notice, topic, person, now, windows)


def _level(person: Person, topic: Topic) -> Level:
    """Who gets no digest every working day would never hear of it, or days later: gathered instead."""
    level = level_of(person.wishes, topic)
    return Level.BATCHED if level is Level.DIGEST and not person.has_daily_digest else level


def _at_once(notice: Notice, topic: Topic, person: Person, now: datetime, windows: Windows) -> Leaving:
    if topic not in _OF_A_BURST or not windows.burst_seconds:
        return Leaving(now)
    if person.told_at is not None:
        side = "note" if notice.kind == NoticeKind.NOTE else "lead"
        return Leaving(now + windows.burst, gather=f"{side}:{person.id}")
    if person.told_count >= windows.burst_mails:
        return Leaving(now + windows.burst, gather=f"all:{person.id}")
    return Leaving(now)


def topic_of(event: Event, notice: Notice) -> Topic | None:
    """What a user would call it; None for what is never put off: questions, receipts, what concerns the house."""
    match notice.kind:
        case NoticeKind.MESSAGE:
            return Topic.NEW if event.is_new_lead else Topic.REPLY
        case NoticeKind.NOTE:
            return Topic.MENTION if notice.why == "mentioned" else Topic.NOTE
        case NoticeKind.ASSIGNED:
            return Topic.NEW
        case NoticeKind.SENT:
            return Topic.SENT
        case NoticeKind.REMINDER:
            return Topic.REMINDER
        case NoticeKind.FAILED:
            return Topic.FAILURE
        case NoticeKind.ABSENCE:
            return Topic.ABSENCE
    return None
