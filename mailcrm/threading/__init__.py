"""Where a mail belongs: references, subject, partner, owner."""
