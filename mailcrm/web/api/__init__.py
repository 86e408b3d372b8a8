"""The REST API /api/v1: each route checks a right, calls one verb or one read, and answers in JSON."""
