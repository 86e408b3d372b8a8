"""Crash points: places where a test kills the process to see what a restart makes of it.

``reached("spool.renamed")`` does nothing unless the environment variable MAILCRM_CRASH_AT names that point, as ``name`` or
``name:n`` for the n-th time; then the process ends at once with status 137, as after ``kill -9``: no clean-up, no flush.
"""

import os
from collections import Counter

_NAME, _, _TIMES = os.environ.get("MAILCRM_CRASH_AT", "").partition(":")
_seen: Counter[str] = Counter()


def reached(name: str) -> None:
    """Die here if a test asked for it."""
    if _NAME and name == _NAME:
        _seen[name] += 1
        if _seen[name] >= int(_TIMES or "1"):
            os._exit(137)
