"""A mail arrives and is understood; works without the database."""
