"""The mail data between "354" and its end (RFC 5321 4.1.1.4), read in blocks and never as a whole.

Only CRLF.CRLF ends it. A bare CR or LF, alone or around a dot, is content: what another server takes for an end of data can so
never smuggle a second mail in. A dot that the sender doubled at the start of a line is taken out again (RFC 5321 4.5.2); lines
start after CRLF only.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

_END = b"\r\n.\r\n"


class SmtpReader(asyncio.StreamReader):
    """A stream reader that is strict about command lines and can put bytes back."""

    async def readuntil(self, separator: Any = b"\n") -> bytes:
        """A command line that does not end with CRLF becomes the command BARE-LF, which is refused."""
        line = await super().readuntil(separator)
        return b"BARE-LF\r\n" if separator == b"\n" and not line.endswith(b"\r\n") else line

    def put_back(self, data: bytes) -> None:
        self._buffer[:0] = data  # type: ignore[attr-defined] # there is no public way to look ahead

    async def mail_data(self) -> AsyncIterator[bytes]:
        """Yield the data as received, dots included, in blocks that do not cut the end mark."""
        # The CRLF of the DATA command counts: ".CRLF" at once is an empty mail.
        self.put_back(b"\r\n")
        while True:
            try:
                last = await super().readuntil(_END)
            except asyncio.LimitOverrunError as overrun:
                yield await self.read(overrun.consumed)  # so many bytes hold no beginning of the end mark
            else:
                yield last[:-3]
                return


class Unstuffer:
    """Take out the doubled dots; feed it what ``mail_data`` yields, then take what ``rest`` holds."""

    def __init__(self) -> None:
        self._held = b""
        self._skip = 2  # the CRLF of the DATA command

    def feed(self, block: bytes) -> bytes:
        data = self._held + block
        keep = 2 if data.endswith(b"\r\n") else 1 if data.endswith(b"\r") else 0
        ready = len(data) - keep
        self._held = data[ready:]
        return self._skipped(data[:ready].replace(b"\r\n.", b"\r\n"))

    def rest(self) -> bytes:
        data, self._held = self._held, b""
        return self._skipped(data)

    def _skipped(self, data: bytes) -> bytes:
        cut = data[self._skip :]
        self._skip -= len(data) - len(cut)
        return cut
