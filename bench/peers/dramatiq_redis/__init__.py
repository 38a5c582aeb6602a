"""dramatiq's own RedisBroker."""
