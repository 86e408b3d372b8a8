"""The commands: each opens what it needs, does one thing and says what it did."""
