"""mailcrm: a CRM that lives in the mailbox."""

__version__ = "0.1.0"
