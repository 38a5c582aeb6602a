"""FastStream on aiokafka, which commits when a task has ended."""
