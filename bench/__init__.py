"""How fast the journey is: ``python -m bench`` prints one table."""
