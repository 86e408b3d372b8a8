"""Who hears about it, and how the mail leaves."""
