"""The verbs people use, whatever door they come through."""
