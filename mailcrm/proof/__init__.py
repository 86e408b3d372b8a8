"""Who sent a mail, found out by ourselves where nobody of ours received it before us: SPF, DKIM and DMARC."""
