"""Which notices a user wants, and how: for each topic at once, gathered, in the digest, or not at all. Pure; standard library only.

Stored with the user as topic -> level; a topic that is not there comes at once. What must be heard of cannot be switched off:
a customer who wrote, a colleague who named them, a mail of theirs that did not arrive. Questions about their own mail, receipts and
what concerns the whole house have no level: they always leave at once.
"""

from collections.abc import Mapping
from enum import StrEnum


class Level(StrEnum):
    NOW = "now"
    BATCHED = "batched"  # one mail with all of it, some minutes after the first
    DIGEST = "digest"
    OFF = "off"


class Topic(StrEnum):
    NEW = "new"  # a lead became theirs, or somebody's of their team
    REPLY = "reply"  # a customer wrote on a lead
    MENTION = "mention"  # a colleague named them in a note
    NOTE = "note"
    SENT = "sent"  # a colleague answered the customer
    REMINDER = "reminder"
    FAILURE = "failure"  # a mail of theirs did not arrive
    ABSENCE = "absence"


ALLOWED: Mapping[Topic, tuple[Level, ...]] = {
    Topic.NEW: (Level.NOW, Level.BATCHED, Level.DIGEST),
    Topic.REPLY: (Level.NOW, Level.BATCHED, Level.DIGEST),
    Topic.MENTION: (Level.NOW, Level.BATCHED, Level.DIGEST),
    Topic.NOTE: (Level.NOW, Level.BATCHED, Level.DIGEST, Level.OFF),
    Topic.SENT: (Level.NOW, Level.BATCHED, Level.DIGEST, Level.OFF),
    Topic.REMINDER: (Level.NOW, Level.OFF),  # the digest lists what is due in any case
    Topic.FAILURE: (Level.NOW, Level.BATCHED),
    Topic.ABSENCE: (Level.NOW, Level.BATCHED, Level.DIGEST, Level.OFF),
}


def level_of(wishes: Mapping[str, str], topic: Topic | None) -> Level:
    """How notices of this topic reach a user; at once for what has no topic, or where a level is kept that is allowed no more."""
    kept = wishes.get(topic.value, "") if topic else ""
    return Level(kept) if topic and kept in [level.value for level in ALLOWED[topic]] else Level.NOW


def with_level(wishes: Mapping[str, str], topic: Topic, level: Level) -> dict[str, str]:
    """The wishes with one changed; what comes at once is not written down."""
    rest = {name: kept for name, kept in wishes.items() if name != topic.value}
    return rest if level is Level.NOW else {**rest, topic.value: level.value}
