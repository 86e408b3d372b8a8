"""The page and the REST API: routes without logic."""
