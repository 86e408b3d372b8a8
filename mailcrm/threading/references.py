"""Which lead a mail belongs to by Message-IDs (RFC 5322 3.6.4). Pure."""

from collections.abc import Mapping, Sequence

from mailcrm.mail import RefHit

_MOST = 32  # ids looked at, newest first
_RANK = {"ours": 0, "learned": 0, "received": 1, "mentioned": 2}


def ids_to_look_up(message_id: str, mentioned_ids: Sequence[str]) -> tuple[str, ...]:
    """Ids whose leads are wanted: at most 32 that the mail names, newest first, and its own (a reply may have come before it)."""
    named = [ref for ref in mentioned_ids[:_MOST] if ref != message_id]
    return (*named, message_id) if message_id else tuple(named)


def ref_hits(wanted: Sequence[str], own_id: str, found: Mapping[str, Sequence[tuple[str, int]]]) -> tuple[RefHit, ...]:
    """Leads in the order of the ids that found them; ``found`` maps an id to (kind, lead) pairs.

    Of one id, what was really sent or received counts before what was merely mentioned. The mail's own id finds only a lead
    whose message *mentioned* it: an id received twice is no evidence.
    """
    hits: dict[int, RefHit] = {}
    for ref in wanted:
        kinds = [(k, lead) for k, lead in found.get(ref, ()) if ref != own_id or k == "mentioned"]
        for _, lead_id in sorted(kinds, key=lambda pair: _RANK[pair[0]]):
            hits.setdefault(lead_id, RefHit(lead_id, ref, ref == own_id))
    return tuple(hits.values())
