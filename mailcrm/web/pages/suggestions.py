"""What the stages suggest after an activity is done, as a manager changes it."""

from starlette.responses import Response

from mailcrm.crm import suggestions
from mailcrm.crm.done import Refused
from mailcrm.crm.rights import Right
from mailcrm.crm.stages import all_stages
from mailcrm.crm.suggestions import Rule
from mailcrm.web.visit import Visit
from mailcrm.web.wording import ACTIVITY_TYPES

_PATH = "/settings/suggestions"
_EMPTY = Rule(stage_id=0, after_type="", next_type="call", text_en="", text_fi="", days=1)


def show(visit: Visit) -> Response:
    return _page(visit)


def _page(visit: Visit, refused: Refused | None = None) -> Response:
    visit.require(Right.SUGGEST)
    with visit.desk.store.read() as session:
        rules, stages = suggestions.all_rules(session), all_stages(session)
    return visit.show(
        "suggestions.html", 422 if refused else 200, rules=rules, stages=stages, types=ACTIVITY_TYPES, refused=refused,
        new=_typed(visit) if refused else _EMPTY, names={stage.id: stage.name(visit.locale) for stage in stages},
    )  # fmt: skip


def save(visit: Visit) -> Response:
    """One suggestion, new or in place of the one that stood there."""
    visit.require(Right.SUGGEST)
    by = visit.me.id
    try:
        rule = _typed(visit)
        visit.perform(lambda session, now: suggestions.set_rule(session, rule, by, now))
    except Refused as e:
        return _page(visit, e)
    return visit.to(_PATH, "saved")


def _typed(visit: Visit) -> Rule:
    """What was typed; a number that is none is 0, which no rule takes."""
    text = visit.text
    texts = (text("after_type"), text("next_type"), text("text_en"), text("text_fi"))
    return Rule(_number(text("stage_id")), *texts, _number(text("days")))


def _number(text: str) -> int:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def remove(visit: Visit) -> Response:
    visit.require(Right.SUGGEST)
    by, rule_id = visit.me.id, visit.number("id")
    visit.perform(lambda session, now: suggestions.remove_rule(session, rule_id, by, now))
    return visit.to(_PATH, "saved")
