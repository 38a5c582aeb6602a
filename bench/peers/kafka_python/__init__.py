"""A bare kafka-python loop, in this repository's environment: what no broker on it can exceed."""
