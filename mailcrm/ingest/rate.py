"""Rate limits: how many times a key may do something within a window.

A sliding window is estimated from two counters per key (this window and the one before), so that a key costs constant memory.
What was refused is not counted: whoever asks too often still gets the permitted number. At most ``max_keys`` keys are remembered;
the key unused for longest is forgotten first. The caller passes the time; nothing here looks at a clock.
"""

from collections import OrderedDict


class RateLimit:
    """At most ``limit`` uses of a key in any ``window`` seconds; a limit of 0 means no limit."""

    def __init__(self, limit: int, window: float = 3600.0, max_keys: int = 50_000) -> None:
        self._limit = limit
        self._window = window
        self._max_keys = max_keys
        self._counts: OrderedDict[str, tuple[int, int, int]] = (
            OrderedDict()
        )  # key -> window number, count, count before

    def allow(self, key: str, now: float) -> bool:
        """Count one use of ``key`` if it is within the limit; say whether it was."""
        if self._limit <= 0:
            return True
        number, count, before = self._rolled(key, now)
        allowed = before * (1.0 - now / self._window % 1.0) + count + 1 <= self._limit
        self._counts[key] = (number, count + allowed, before)
        self._counts.move_to_end(key)
        if len(self._counts) > self._max_keys:
            self._counts.popitem(last=False)
        return allowed

    def _rolled(self, key: str, now: float) -> tuple[int, int, int]:
        number = int(now // self._window)
        last, count, before = self._counts.get(key, (number, 0, 0))
        if number <= last:  # the same window, or a clock set back
            return last, count, before
        return number, 0, count if number == last + 1 else 0

    def __len__(self) -> int:
        return len(self._counts)
