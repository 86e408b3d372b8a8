"""SPF (RFC 7208): whether a domain lets this client send for it. pyspf evaluates; the questions are ours, with our limits.

pyspf keeps the limits of RFC 7208 4.6.4: ten mechanisms that ask, two empty answers, ten names of an MX or PTR.
"""

from typing import Any

import spf

from mailcrm.proof.resolver import DnsTrouble, Lookup

_RESULTS = frozenset({"pass", "fail", "softfail", "neutral", "none", "temperror", "permerror"})
_LONGEST_RECORD = 4_096


class _Query(spf.query):  # type: ignore[misc]  # comes without types
    """pyspf's evaluation; it calls ``dns`` for everything it wants to know."""

    def __init__(self, lookup: Lookup, client: str, mail_from: str, helo: str) -> None:
        super().__init__(i=client, s=mail_from, h=helo)
        self._lookup = lookup
        self._known: dict[tuple[str, str], list[Any]] = {}

    def dns(self, name: str, qtype: str, cnames: Any = None, ignore_void: bool = False) -> list[Any]:
        """The records, in pyspf's form; an empty answer counts towards its limit."""
        key = (str(name).rstrip(".").lower(), qtype)
        if not key[0] or any(not 0 < len(label) < 64 for label in key[0].split(".")):
            return []
        if key not in self._known:
            try:
                self._known[key] = self._ask(*key)
            except DnsTrouble as e:
                raise spf.TempError(str(e)) from e
        found = self._known[key]
        if not found and not ignore_void:
            self.void_lookups += 1
            if self.void_lookups > spf.MAX_VOID_LOOKUPS:
                raise spf.PermError("too many empty answers")
        return list(found)

    def _ask(self, name: str, qtype: str) -> list[Any]:
        if qtype == "TXT":
            return [(text,) for text in self._lookup.txt(name) if len(text) <= _LONGEST_RECORD]
        if qtype == "MX":
            return list(self._lookup.mail_exchangers(name))
        if qtype == "PTR":
            return list(self._lookup.pointers(name))
        return list(self._lookup.addresses(name, qtype))


def spf_result(lookup: Lookup, client: str, mail_from: str, helo: str) -> str:
    """The result for MAIL FROM, or for HELO where the reverse-path is null."""
    if not mail_from and not helo:
        return "none"
    try:
        result = str(_Query(lookup, client, mail_from, helo).check()[0])
    except Exception:  # noqa: BLE001 - a record that breaks the library proves nothing
        return "permerror"
    return result if result in _RESULTS else "none"
