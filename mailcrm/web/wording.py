"""What rows say, in words: chatter events, ages, sizes. Pure; the translation comes as a function."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from mailcrm import reasons
from mailcrm.crm.stages import Stage
from mailcrm.i18n import format_date, format_datetime

Gettext = Callable[[str], str]
Ngettext = Callable[[str, str, int], str]


def _(msgid: str) -> str:
    return msgid


FIELDS: Mapping[str, str] = {
    "title": _("Title"),
    "priority": _("Stars"),
    "expected_revenue": _("Expected revenue"),
    "currency": _("Currency"),
    "probability": _("Probability"),
    "expected_closing": _("Expected closing"),
    "source": _("Source"),
    "medium": _("Medium"),
    "campaign": _("Campaign"),
    "team_id": _("Team"),
}

ACTIVITY_TYPES: Mapping[str, str] = {
    "call": _("Call"),
    "meeting": _("Meeting"),
    "mail": _("Mail"),
    "quote": _("Quote"),
    "todo": _("To do"),
}

RELATIONS: Mapping[str, str] = {
    "prospect": _("Prospect"),
    "customer": _("Customer"),
    "former": _("Former customer"),
    "supplier": _("Supplier"),
    "partner": _("Partner"),
}

_MOVED_BY: Mapping[str, str] = {
    "owner_set": _("because it got an owner"),
    "first_mail_out": _("because the first mail to the customer left"),
    "undone": _("because a command was taken back"),
}


@dataclass(frozen=True, slots=True)
class Names:
    """What ids in an event's data are called: users, teams and stages."""

    users: Mapping[int, str]
    teams: Mapping[int, str]
    stages: Mapping[int, Stage]
    zone: str = "UTC"


def event_words(say: Gettext, locale: str, event: str, data: Mapping[str, Any], reason: str, names: Names) -> str:
    """One sentence for a chatter event; an unknown event is named as it is, so that nothing is hidden."""
    worded = _EVENTS.get(event)
    if worded is None:
        return event.replace("_", " ")
    return worded(_Telling(say, locale, data, reason, names))


@dataclass(frozen=True, slots=True)
class _Telling:
    say: Gettext
    locale: str
    data: Mapping[str, Any]
    reason: str
    names: Names

    def user(self, key: str) -> str:
        user_id = self.data.get(key)
        return self.names.users.get(user_id, f"#{user_id}") if isinstance(user_id, int) else self.say("nobody")

    def stage(self, key: str) -> str:
        stage_id = self.data.get(key)
        stage = self.names.stages.get(stage_id) if isinstance(stage_id, int) else None
        return stage.name(self.locale) if stage else f"#{stage_id}"

    def day(self, key: str) -> str:
        return _day(self, self.data.get(key))

    def why(self) -> str:
        """The reason in brackets, if there is one."""
        return f" ({self.say(reasons.words(reasons.REASONS, self.reason))})" if self.reason else ""


_Worded = Callable[[_Telling], str]


def _lead_created(t: _Telling) -> str:
    text = t.say("Lead opened, owner %(name)s") % {"name": t.user("owner_id")} + t.why()
    if follows := t.data.get("follows_lead_id"):
        text += ". " + t.say("It continues lead #%(id)s") % {"id": follows}
    return text


def _stage(t: _Telling) -> str:
    text = t.say("Moved from %(before)s to %(after)s") % {"before": t.stage("from_id"), "after": t.stage("to_id")}
    reason = str(t.data.get("reason") or "")
    if reason in _MOVED_BY:
        return f"{text} {t.say(_MOVED_BY[reason])}"
    return f"{text}: {reason}" if reason else text


def _owner(t: _Telling) -> str:
    text = t.say("Owner changed from %(before)s to %(after)s")
    why = "" if t.reason == "by_hand" else t.why()
    return text % {"before": t.user("from_id"), "after": t.user("to_id")} + why


def _fields(t: _Telling) -> str:
    changes = [(name, pair) for name, pair in t.data.items() if isinstance(pair, Sequence) and len(pair) == 2]
    return "; ".join(_change(t, name, pair[0], pair[1]) for name, pair in changes)


def _change(t: _Telling, name: str, before: Any, after: Any) -> str:
    label = t.say(FIELDS.get(name, name))
    if name == "team_id":
        before, after = t.names.teams.get(before, ""), t.names.teams.get(after, "")
    if name == "expected_closing":
        before, after = _day(t, before), _day(t, after)
    if before in (None, ""):
        return f"{label}: {after}"
    return f"{label}: {before} → {'—' if after in (None, '') else after}"


def _day(t: _Telling, written: Any) -> str:
    """A day as events store it, the way the reader writes it."""
    try:
        return format_date(date.fromisoformat(str(written)), t.locale)
    except ValueError:
        return str(written or "")


def _tags(t: _Telling) -> str:
    before, after = list(t.data.get("from") or ()), list(t.data.get("to") or ())
    added = [f"+{name}" for name in after if name not in before]
    removed = [f"−{name}" for name in before if name not in after]
    return t.say("Tags: %(changes)s") % {"changes": ", ".join(added + removed)}


def _follower(t: _Telling) -> str:
    return t.say("%(name)s follows this lead") % {"name": t.user("user_id")}


def _of_lead(msgid: str, key: str) -> _Worded:
    def worded(t: _Telling) -> str:
        return t.say(msgid) % {"id": t.data.get(key)}

    return worded


def _unfollowed(t: _Telling) -> str:
    return t.say("%(name)s no longer follows this lead") % {"name": t.user("user_id")}


def _person_confirmed(t: _Telling) -> str:
    who = str(t.data.get("name") or "") or str(t.data.get("address") or "")
    return t.say("%(name)s was confirmed as a person of this lead") % {"name": who}


def _mail_dropped(t: _Telling) -> str:
    said = t.say("A mail that was held back was dropped and does not leave")
    why = leak_words(t.say, str(t.data.get("why") or ""))
    return f"{said} ({why})" if why else said


def _receipt(t: _Telling) -> str:
    return t.say("%(address)s has received or opened a mail of ours") % {"address": t.data.get("from") or "?"}


def _acknowledged(t: _Telling) -> str:
    return t.say("%(address)s was told automatically that the mail has arrived") % {
        "address": t.data.get("address") or "?"
    }


def _partner_filled(t: _Telling) -> str:
    labels = {"phone": _("Phone"), "company": _("Company")}
    known = [f"{t.say(label)}: {t.data[name]}" for name, label in labels.items() if t.data.get(name)]
    return t.say("From the form: %(facts)s") % {"facts": ", ".join(known)}


def _activity(msgid: str) -> _Worded:
    def worded(t: _Telling) -> str:
        kind = str(t.data.get("type") or "todo")
        parts = [t.say(ACTIVITY_TYPES.get(kind, kind)), *(str(t.data.get(k) or "") for k in ("summary", "feedback"))]
        return t.say(msgid) % {"what": ": ".join(p for p in parts if p)}

    return worded


_moved_to_another_day = _activity(_("Moved to another day: %(what)s"))
_given_on = _activity(_("Given on: %(what)s"))


def _rescheduled(t: _Telling) -> str:
    said = f"{_moved_to_another_day(t)}, {t.day('from_due_on')} → {t.day('due_on')}"
    if not t.data.get("customer_away_until"):
        return said
    return f"{said}. " + t.say(_("The customer is away until %(day)s.")) % {"day": t.day("customer_away_until")}


def _given(t: _Telling) -> str:
    return f"{_given_on(t)}, {t.user('from_user_id')} → {t.user('user_id')}"


def _meeting(msgid: str) -> _Worded:
    def worded(t: _Telling) -> str:
        who = str(t.data.get("name") or t.data.get("address") or "")
        return t.say(msgid) % {"what": t.data.get("summary") or "", "who": who, "place": t.data.get("location") or ""}

    return worded


_meeting_moved_by_mail = _meeting(_("Meeting moved: %(what)s"))
_one_of_series = _meeting(_("One meeting of a series was changed, not the one planned here: %(what)s"))
_MEETING_ANSWERS = {
    "accepted": _meeting(_("%(who)s accepted: %(what)s")),
    "declined": _meeting(_("%(who)s declined: %(what)s")),
    "tentative": _meeting(_("%(who)s may come: %(what)s")),
    "delegated": _meeting(_("%(who)s sends somebody else: %(what)s")),
    "counter": _meeting(_("%(who)s proposes another time: %(what)s")),
}


def _meeting_moved(t: _Telling) -> str:
    return f"{_meeting_moved_by_mail(t)}, {_time(t, 'from_')} → {_time(t, '')}"


def _time(t: _Telling, which: str) -> str:
    """When a meeting is; the time of day in the reader's zone."""
    written = str(t.data.get(f"{which}due_at") or "")
    return (
        format_datetime(datetime.fromisoformat(written), t.locale, t.names.zone) if written else t.day(f"{which}due_on")
    )


def _meeting_answered(t: _Telling) -> str:
    worded = _MEETING_ANSWERS.get(str(t.data.get("answer")))
    said = worded(t) if worded else "meeting answered"
    proposed = str(t.data.get("proposed_at") or "")
    return f"{said}, {format_datetime(datetime.fromisoformat(proposed), t.locale, t.names.zone)}" if proposed else said


def _plain(msgid: str) -> _Worded:
    return lambda t: t.say(msgid)


_EVENTS: Mapping[str, _Worded] = {
    "lead_created": _lead_created,
    "stage": _stage,
    "owner": _owner,
    "fields": _fields,
    "tags": _tags,
    "follower": _follower,
    "unfollowed": _unfollowed,
    "continued": _of_lead(_("It is continued by lead #%(id)s"), "lead_id"),
    "linked": _of_lead(_("A mail with reply addresses of this lead and of lead #%(id)s lies there"), "lead_id"),
    "moved_here": _of_lead(_("A message was moved here from lead #%(id)s"), "from_id"),
    "split_off": _of_lead(_("A message was split off to lead #%(id)s"), "to_id"),
    "person_confirmed": _person_confirmed,
    "mail_dropped": _mail_dropped,
    "acknowledged": _acknowledged,
    "turn_settled": _plain(_("Answered in another way: nobody waits")),
    "turn_unsettled": _plain(_("The customer waits after all")),
    "receipt": _receipt,
    "partner_filled": _partner_filled,
    "meeting_moved": _meeting_moved,
    "meeting_place": _meeting(_("Meeting: %(what)s, new place %(place)s")),
    "meeting_answered": _meeting_answered,
    "meeting_answered_before": _meeting(_("%(who)s answered an earlier invitation, not the present one: %(what)s")),
    "meeting_cancelled": _meeting(_("Meeting cancelled: %(what)s")),
    "meeting_not_changed": _meeting(_("%(who)s is not the organiser of %(what)s: nothing was changed")),
    "meeting_of_series": _one_of_series,
    "activity_scheduled": _activity(_("Planned: %(what)s")),
    "activity_done": _activity(_("Done: %(what)s")),
    "activity_rescheduled": _rescheduled,
    "activity_given": _given,
    "activity_reopened": _activity(_("Not done after all: %(what)s")),
    "merged": _of_lead(_("Lead #%(id)s was merged into this one"), "from_id"),
    "unmerged": _of_lead(_("Lead #%(id)s was taken out of this one again"), "to_id"),
    "unmerged_from": _of_lead(_("Taken out of lead #%(id)s again"), "from_id"),
    "activity_cancelled": _activity(_("No longer planned: %(what)s")),
}


def leak_words(say: Gettext, why: str) -> str:
    """Why a mail may not leave: a sentence of ours, and after a colon what was found."""
    sentence, colon, found = why.partition(": ")
    return f"{say(sentence)}{colon}{found}" if sentence else ""


def age(ngettext: Ngettext, since: datetime | None, now: datetime) -> str:
    """How long ago, in the largest fitting unit: minutes, hours, days."""
    if since is None:
        return ""
    minutes = max(0, int((now - since).total_seconds() // 60))
    if minutes < 60:
        return ngettext("%(num)s min", "%(num)s min", minutes) % {"num": minutes}
    if minutes < 48 * 60:
        return ngettext("%(num)s h", "%(num)s h", minutes // 60) % {"num": minutes // 60}
    return ngettext("%(num)s day", "%(num)s days", minutes // 1440) % {"num": minutes // 1440}
