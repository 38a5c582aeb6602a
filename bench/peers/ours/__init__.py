"""This repository's KafkaBroker with its defaults."""
