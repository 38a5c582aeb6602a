"""taskiq with taskiq-aio-kafka: asyncio, its tasks in threads."""
