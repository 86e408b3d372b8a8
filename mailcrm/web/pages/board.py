"""The board: the pipeline by stage."""

from starlette.responses import Response

from mailcrm.crm.rights import Right, visible_leads
from mailcrm.crm.stages import Stage, all_stages
from mailcrm.web.board_reads import (
    PAGE,
    Selection,
    held_back,
    matching,
    possible_owners,
    read_columns,
    team_names,
    waiting_mail,
)
from mailcrm.web.mail_reads import visible_outbox
from mailcrm.web.visit import Visit

_OPEN_KINDS = ("open",)


def board(visit: Visit) -> Response:
    """Columns with their first cards; ``?stage=`` shows one column alone, page by page."""
    selection, actor = _selection(visit), visit.me.actor
    page = visit.page_number()
    with visit.desk.store.read() as session:
        stages = all_stages(session)
        only = next((stage for stage in stages if str(stage.id) == visit.query("stage")), None)
        shown = (only,) if only else stages
        opened = frozenset(stage.id for stage in shown if only or _is_unfolded(visit, stage))
        columns = read_columns(session, shown, opened, matching(selection, visible_leads(actor)), page if only else 1)
        owners, teams = possible_owners(session), team_names(session)
        may_see = visit.me.may(Right.SEE_MAIL)
        waiting = waiting_mail(session) if may_see else {}
        stopped = held_back(session, visible_outbox(actor)) if may_see else 0
    return visit.show(
        "board.html", columns=columns, stages=stages, only=only, page=page, page_size=PAGE, owners=owners, teams=teams,
        waiting=waiting, stopped=stopped, selection=selection, unfolded=visit.query("unfold"),
    )  # fmt: skip


def _selection(visit: Visit) -> Selection:
    owner, team = visit.query("owner"), visit.query("team")
    if owner == "mine":
        owner = str(visit.me.id)
    return Selection(
        owner=owner if owner == "none" or _is_id(owner) else "",
        team_id=int(team) if _is_id(team) else None,
        text=visit.query("q").strip()[:200],
        next="none" if visit.query("next") == "none" else "",
    )


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _is_unfolded(visit: Visit, stage: Stage) -> bool:
    return stage.kind in _OPEN_KINDS or str(stage.id) == visit.query("unfold")
