"""This repository's KafkaBroker with its defaults, in this repository's environment."""
