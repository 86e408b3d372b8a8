"""The pages: each handler reads what it was asked, calls one verb or one read, and answers."""
