"""The history of the database: pymongo-migrate's scripts (`versions/`) behind a lock.

Frozen: scripts use pymongo alone, never our documents, so an old one still runs years later.
"""
