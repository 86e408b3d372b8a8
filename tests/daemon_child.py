"""What a forge of daemons runs (``daemon_process``); their reading processes import this file again, and little more.

A mail with POISON in its From ends the process that reads it, as a fault in a library of C would.
"""

import os
from email.message import Message

import mailparser

POISON = "poison"
DIED = 139  # of poison
_IS_POISONED = "MAIL_IS_POISONED"


def poison() -> None:
    """From now on, here and in the reading processes of this daemon."""
    os.environ[_IS_POISONED] = "1"
    read = mailparser.MailParser.__init__

    def read_or_die(self: mailparser.MailParser, message: Message | None = None) -> None:
        if message is not None and POISON in str(message["From"]):
            os._exit(DIED)
        read(self, message)

    mailparser.MailParser.__init__ = read_or_die


if __name__ == "__mp_main__" and _IS_POISONED in os.environ:
    poison()
if __name__ == "__main__":
    from tests.daemon_process import serve

    serve()
