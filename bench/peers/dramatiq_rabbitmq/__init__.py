"""dramatiq's own RabbitmqBroker."""
