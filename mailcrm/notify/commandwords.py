"""What commands did, what they could not do and how they are written: in words, for receipts, questions and help. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from babel import dates

from mailcrm.commands.words import usage
from mailcrm.i18n import Translator, format_date, format_money
from mailcrm.mail import FaultWhy, Meeting, Verb
from mailcrm.notify.cardtext import STARS, activity_name
from mailcrm.wishes import Level, Topic

Said = Mapping[str, Any]  # one change, as an outbox row keeps it


@dataclass(frozen=True, slots=True)
class HelpLine:
    """A command as it is written, and what it does."""

    line: str
    does: str


@dataclass(frozen=True, slots=True)
class Hand:
    """For whom it is worded."""

    words: Translator
    zone: str

    def day(self, written: str) -> str:
        """With the day of the week, so that a wrong one is seen."""
        day = date.fromisoformat(written)
        locale = "fi" if self.words.locale == "fi" else "en_GB"
        return f"{dates.format_date(day, 'EEE', locale=locale)} {format_date(day, self.words.locale)}"

    def when(self, said: Said) -> str:
        if not said.get("at"):
            return self.day(said["day"])
        local = dates.get_timezone(self.zone)
        at = datetime.fromisoformat(said["at"]).astimezone(local)
        return (
            f"{self.day(said['day'])} {at:klo %H.%M}"
            if self.words.locale == "fi"
            else f"{self.day(said['day'])} {at:%H:%M}"
        )


def change_words(said: Said, hand: Hand) -> str:
    """One thing that was changed, without a full stop; "" for what stands elsewhere."""
    worded = _CHANGES.get(str(said["what"]))
    return worded(said, hand) if worded else ""


def changed_line(changes: Sequence[Said], hand: Hand) -> str:
    """All that was changed, in one line."""
    _ = hand.words.gettext
    parts = [part for one in changes if (part := change_words(one, hand))]
    return _("Done: %(changes)s.") % {"changes": "; ".join(parts)} if parts else _("Nothing was changed.")


def numbered_lines(changes: Sequence[Said], hand: Hand) -> list[str]:
    """The answer to a digest: a line for each of its numbers."""
    by_number: dict[str, list[Said]] = {}
    for one in changes:
        by_number.setdefault(str(one.get("item", "")), []).append(one)
    lines = []
    for number, some in by_number.items():
        said = "; ".join(part for one in some if (part := change_words(one, hand)))
        about = str(some[0].get("about", ""))
        begins = f"{number} {about}: " if about else f"{number}: " if number else ""
        lines += [f"{begins}{said}"] if said else []
    return lines or [hand.words.gettext("Nothing was changed.")]


def kept_lines(changes: Sequence[Said], hand: Hand) -> list[str]:
    """What could not be taken back, and why."""
    _ = hand.words.gettext
    names = [_kept_name(str(one.get("name")), hand) for one in changes if one["what"] == "kept"]
    lines = []
    if any(one["what"] == "stays_sent" for one in changes):
        lines.append(_("What was sent to the customer stays sent."))
    if any(one["what"] == "stays_invited" for one in changes):
        lines.append(_("The customer stays invited: move the meeting or call it off on the page."))
    if any(one["what"] == "stays_written" for one in changes):
        lines.append(_("Notes stay written."))
    if names:
        said = _("Not taken back, since it was changed meanwhile: %(names)s.")
        lines.append(said % {"names": ", ".join(dict.fromkeys(names))})
    return lines


def destination_line(changes: Sequence[Said], hand: Hand) -> str:
    """To whom the text went."""
    _ = hand.words.gettext
    kinds = {str(one["what"]) for one in changes}
    mailed = _("The customer gets a mail about the meeting.") if "meeting_mailed" in kinds else ""
    sent = next((one for one in changes if one["what"] == "sent"), None)
    if sent is not None:
        line = _("Your text goes to %(to)s.") % {"to": sent["to"]}
        rest = _("The rest stays inside as a note.")
        return " ".join(part for part in (line, rest if "noted" in kinds else "", mailed) if part)
    if mailed:
        return f"{mailed} {_('Your text is an internal note.')}" if "noted" in kinds else mailed
    if "noted" in kinds:
        return _("Nothing goes to the customer; your text is an internal note.")
    return _("Nothing goes to the customer.")


def acceptance(meeting: Meeting | None, words: Translator, zone: str) -> str:
    """The command that accepts the time which the customer proposes instead of ours; "" where there is none."""
    if meeting is None or meeting.method != "COUNTER" or "T" not in meeting.start:
        return ""
    at = datetime.fromisoformat(meeting.start)
    at = at.replace(tzinfo=dates.get_timezone(zone)) if at.tzinfo is None else at.astimezone(dates.get_timezone(zone))
    clock = f"klo {at:%H.%M}" if words.locale == "fi" else f"at {at:%H:%M}"
    return f"/{usage(Verb.SNOOZE, words.locale).word} {at.day}.{at.month}.{at.year} {clock}"


def suggested_in(params: Said) -> list[Said]:
    """What a receipt suggests to plan next."""
    return [one for one in params.get("changes", ()) if one["what"] == "suggested"]


def suggested_command(said: Said, words: Translator) -> str:
    """What to write to plan what is suggested, in the reader's language; after a digest with the number of its lead."""
    day, number = date.fromisoformat(said["day"]), f"{said['item']} " if said.get("item") else ""
    return (
        f"{number}/{usage(Verb(said['type']), words.locale).word} {day.day}.{day.month}. {_suggested_text(said, words)}"
    )


def suggested_line(said: Said, hand: Hand) -> str:
    """What comes next, if the reader wants so."""
    values = {"type": said["type"], "summary": _suggested_text(said, hand.words), "day": said["day"]}
    named = _planned("%(what)s, %(when)s")(values, hand)
    text = hand.words.gettext("Next: %(what)s? Reply with: %(command)s")
    return text % {"what": named, "command": suggested_command(said, hand.words)}


def _suggested_text(said: Said, words: Translator) -> str:
    return str(said["fi" if words.locale == "fi" else "en"])


def fault_line(said: Said, hand: Hand) -> str:
    """Why a line was not carried out."""
    _ = hand.words.gettext
    values = {name: value for name, value in said.items() if name != "what"}
    why = _why(str(said["why"]), values, hand)
    return f"{said['line']} – {why}" if said["line"] else why


def _why(why: str, values: dict[str, Any], hand: Hand) -> str:
    say = hand.words.gettext
    detail = str(values.get("detail", ""))
    if why == FaultWhy.REFUSED:
        msgid = say(detail)
        return msgid % values if "%(" in msgid else msgid
    if why == FaultWhy.UNKNOWN and not detail:
        return say(_("no such command"))
    if why in (FaultWhy.AMBIGUOUS, FaultWhy.PAST):
        detail = _both(detail, hand)
    text = say(_WHY.get(why, why))
    return text % {"detail": detail} if "%(" in text else text


def _both(detail: str, hand: Hand) -> str:
    """Two days, or two times, as the reader writes them."""
    between = hand.words.gettext("or")
    return f" {between} ".join(_one(part, hand) for part in detail.split(" / "))


def _one(part: str, hand: Hand) -> str:
    try:
        return hand.day(part)
    except ValueError:
        return part


# --- changes ------------------------------------------------------------------------------------------------------------


def _stage(said: Said, hand: Hand) -> str:
    _ = hand.words.gettext
    text = _("stage %(name)s") % {"name": said[hand.words.locale]}
    if said.get("until"):
        text += " " + _("until %(day)s") % {"day": hand.day(said["until"])}
    return f"{text} ({said['reason']})" if said.get("reason") else text


def _money(said: Said, hand: Hand) -> str:
    amount = format_money(Decimal(said["amount"]), said["currency"], hand.words.locale)
    return hand.words.gettext("value %(amount)s") % {"amount": amount}


def _planned(msgid: str) -> "_Worded":
    def worded(said: Said, hand: Hand) -> str:
        what = activity_name(said["type"], hand.words)
        named = f"{what}: {said['summary']}" if said.get("summary") else what
        when = hand.when(said) if said.get("day") else ""
        return hand.words.gettext(msgid) % {"what": named, "when": when, "name": said.get("name", "")}

    return worded


def _plain(msgid: str) -> "_Worded":
    def worded(said: Said, hand: Hand) -> str:
        text = hand.words.gettext(msgid)
        return text % said if "%(" in text else text

    return worded


def _stars(said: Said, hand: Hand) -> str:
    return hand.words.gettext("priority %(stars)s") % {"stars": STARS[int(said["number"])]}


def _close(said: Said, hand: Hand) -> str:
    return hand.words.gettext("expected closing %(day)s") % {"day": hand.day(said["day"])}


def _away(said: Said, hand: Hand) -> str:
    _ = hand.words.gettext
    text = _("you are away until %(day)s, that day included") % {"day": hand.day(said["day"])}
    stands_in = _("%(name)s stands in")
    return f"{text}, {stands_in % {'name': said['deputy']}}" if said.get("deputy") else text


def _notices(said: Said, hand: Hand) -> str:
    return f"{topic_name(said['topic'], hand.words)}: {level_name(said['level'], hand.words)}"


def topic_name(topic: str, words: Translator) -> str:
    """What a topic of notices is called."""
    _ = words.gettext
    return {
        Topic.NEW: _("new leads"),
        Topic.REPLY: _("customers' mail"),
        Topic.MENTION: _("mentions"),
        Topic.NOTE: _("notes"),
        Topic.SENT: _("colleagues' answers"),
        Topic.REMINDER: _("reminders"),
        Topic.FAILURE: _("mail that did not arrive"),
        Topic.ABSENCE: _("absences"),
    }[Topic(topic)]


def level_name(level: str, words: Translator) -> str:
    _ = words.gettext
    return {
        Level.NOW: _("at once"),
        Level.BATCHED: _("gathered"),
        Level.DIGEST: _("in the digest"),
        Level.OFF: _("not at all"),
    }[Level(level)]


def _field_back(said: Said, hand: Hand) -> str:
    _ = hand.words.gettext
    name, value = _kept_name(said["name"], hand), said["value"]
    if said["name"] == "priority":
        value = STARS[int(value)]
    elif said["name"] == "expected_closing" and value:
        value = hand.day(value)
    return _("%(name)s is %(value)s again") % {"name": name, "value": value or _("empty")}


def _kept_name(name: str, hand: Hand) -> str:
    _ = hand.words.gettext
    return {
        "stage_id": _("the stage"),
        "owner_id": _("the owner"),
        "priority": _("the priority"),
        "expected_revenue": _("the value"),
        "currency": _("the currency"),
        "expected_closing": _("the expected closing"),
        "probability": _("the probability"),
        "title": _("the title"),
        "tags": _("the tags"),
        "followers": _("who follows"),
        "activity": _("an activity"),
        "away": _("your absence"),
        "notices": _("your notices"),
        "merge": _("the merging"),
        "split": _("the splitting"),
        "new": _("the new lead"),
        "turn": _("who waits"),
        "drop": _("the mail that was dropped"),
        "dismissed": _("the mail that was dropped"),
    }.get(name, name)


def _owner_back(said: Said, hand: Hand) -> str:
    _ = hand.words.gettext
    return _("owner %(name)s again") % {"name": said["name"] or _("nobody")}


def _stage_back(said: Said, hand: Hand) -> str:
    return hand.words.gettext("stage %(name)s again") % {"name": said[hand.words.locale]}


def _(msgid: str) -> str:
    """Marks a text for translation."""
    return msgid


_WHY: Mapping[str, str] = {
    FaultWhy.UNKNOWN: _("no such command; did you mean /%(detail)s?"),
    FaultWhy.NOT_AT_TOP: _("commands stand at the top, before the text"),
    FaultWhy.MISSING: _("something is missing: %(detail)s"),
    FaultWhy.SUPERFLUOUS: _("this does not belong there: %(detail)s"),
    FaultWhy.NO_DATE: _("no date that can be read, such as 3.12., tomorrow or in 2 weeks"),
    FaultWhy.NO_TIME: _("an invitation needs a time of day, such as at 10 or klo 14.30"),
    FaultWhy.AMBIGUOUS: _("it may be %(detail)s: write the one you mean"),
    FaultWhy.PAST: _("that is past: %(detail)s"),
    FaultWhy.NOT_A_DAY: _("there is no such day"),
    FaultWhy.NO_AMOUNT: _("not an amount: %(detail)s"),
    FaultWhy.NO_NUMBER: _("not a number that fits: %(detail)s"),
    FaultWhy.MAY_GO_ON: _("does it end here? Leave an empty line below the commands; the next line is: %(detail)s"),
    FaultWhy.TOO_MANY: _("too many commands in one mail"),
    FaultWhy.NO_DIGEST_NUMBER: _("a line begins with a number of the digest and says what to do, such as: 1 done"),
    FaultWhy.NO_ACTION: _("what is to be done with it?"),
    FaultWhy.SEVERAL: _("this may be one thing or two: write each number on a line of its own"),
}
_Worded = Callable[[Said, Hand], str]
_CHANGES: Mapping[str, _Worded] = {
    "stage": _stage,
    "owner": _plain(_("owner %(name)s")),
    "stars": _stars,
    "value": _money,
    "close": _close,
    "tags": _plain(_("tag %(names)s")),
    "untagged": _plain(_("without tag %(names)s")),
    "following": _plain(_("you follow the lead")),
    "muted": _plain(_("you no longer follow the lead")),
    "mentioned": _plain(_("%(names)s is told")),
    "planned": _planned(_("%(what)s, %(when)s")),
    "invited": _planned(_("%(what)s, %(when)s, the customer is invited")),
    "done": _planned(_("%(what)s is done")),
    "snoozed": _planned(_("%(what)s, moved to %(when)s")),
    "merged": _plain(_("lead %(id)s is merged into lead %(into)s")),
    "split": _plain(_("the mail is lead %(id)s now")),
    "new": _plain(_("lead %(id)s for %(name)s: %(title)s")),
    "history": _plain(_("the history comes in a mail of its own")),
    "away": _away,
    "notices": _notices,
    "help": _plain(_("here is what can be written")),
    "note": _plain(_("the note is written")),
    "given": _planned(_("%(what)s is %(name)s’s now")),
    "answered": _plain(_("the customer no longer waits")),
    "read": _plain(_("the mention is read")),
    "dropped": _plain(_("the mail is dropped")),
    "back_turn": _plain(_("the customer waits again")),
    "back_mentions": _plain(_("the mention is unread again")),
    "back_dropped": _plain(_("the mail is held again")),
    "back_field": _field_back,
    "back_stage": _stage_back,
    "back_owner": _owner_back,
    "back_tags": _plain(_("the tags are as they were")),
    "back_followers": _plain(_("who follows is as it was")),
    "back_activity_gone": _planned(_("%(what)s is no longer planned")),
    "back_activity": _planned(_("%(what)s, %(when)s again")),
    "back_notices": _plain(_("your notices are as they were")),
    "back_away": _plain(_("your absence is as it was")),
    "back_merge": _plain(_("lead %(id)s is a lead of its own again")),
    "back_split": _plain(_("the mail is on lead %(id)s again")),
}


# --- help ---------------------------------------------------------------------------------------------------------------


def help_lines(words: Translator) -> tuple[HelpLine, ...]:
    """Every command as it is written in the reader's language."""
    _ = words.gettext
    does = {
        Verb.WON: _("won, perhaps with its value"),
        Verb.LOST: _("lost, and why"),
        Verb.CANCEL: _("cancelled"),
        Verb.HOLD: _("on hold until a day"),
        Verb.STAGE: _("to a stage"),
        Verb.ASSIGN: _("give the lead to somebody"),
        Verb.TAKE: _("take the lead yourself"),
        Verb.TAG: _("add tags"),
        Verb.UNTAG: _("take tags away"),
        Verb.STARS: _("priority"),
        Verb.VALUE: _("expected value"),
        Verb.CLOSE: _("expected closing day"),
        Verb.CALL: _("plan a call"),
        Verb.MEETING: _("plan a meeting"),
        Verb.INVITE: _("plan a meeting and invite the customer by mail: they read the text and the place"),
        Verb.MAIL: _("plan a mail"),
        Verb.QUOTE: _("plan a quote"),
        Verb.TODO: _("plan something else"),
        Verb.DONE: _("the next activity is done, or the one with this number"),
        Verb.SNOOZE: _("move the next activity"),
        Verb.NOTE: _("all below is an internal note"),
        Verb.MENTION: _("tell a colleague"),
        Verb.FOLLOW: _("hear of every mail"),
        Verb.MUTE: _("hear no more"),
        Verb.MERGE: _("merge this lead into another"),
        Verb.SPLIT: _("make the mail you answer a lead of its own"),
        Verb.AWAY: _("you are away, and who stands in"),
        Verb.HISTORY: _("get the whole lead by mail"),
        Verb.NEW: _("open a lead for a customer"),
        Verb.NOTIFY: _("which notices come at once, gathered, in the digest or not"),
        Verb.UNDO: _("take back what you last did"),
        Verb.HELP: _("this list"),
    }
    return tuple(HelpLine(usage(verb, words.locale).line, text) for verb, text in does.items())


def digest_help_lines(words: Translator) -> tuple[HelpLine, ...]:
    """How a digest is answered, in the words of the reader's language."""
    _ = words.gettext

    def written(verb: Verb, text: str = "") -> str:
        return f"{usage(verb, words.locale).word} {text}".rstrip()

    return (
        HelpLine(f"1 {written(Verb.DONE)}", _("the activity is done; a customer who waits was answered otherwise")),
        HelpLine(_("3 +2d"), _("two days later; or any day: tomorrow, 3.12.")),
        HelpLine(_("4 NAME"), _("give it to a colleague")),
        HelpLine(f"5 {written(Verb.HOLD, '1.6.')}", _("the lead is on hold until that day")),
        HelpLine(f"2 {written(Verb.WON, '1200')} · 6 {written(Verb.LOST, _('REASON'))}", _("won or lost")),
        HelpLine(f"7 {written(Verb.NOTE, _('TEXT'))}", _("an internal note on its lead")),
        HelpLine(
            f"1-3 {written(Verb.DONE)} · 1, 2, 4 {_('+1d')}",
            _("several at once; “all” means what was overdue or for that day"),
        ),
        HelpLine(_("8 drop"), _("held mail is dropped")),
        HelpLine(f"2 {written(Verb.TAG, _('x'))}", _("every other command, with or without its slash")),
    )
