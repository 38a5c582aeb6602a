"""The command line `python -m tasks.kafka_broker`: what the library knows, for people and scripts.

`main` is the way in; only `__main__.py` hands it the process's arguments and environment.
"""
