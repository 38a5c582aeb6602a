"""Celery in threads on Redis, acknowledging late."""
