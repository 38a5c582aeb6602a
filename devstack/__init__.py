"""Real Kafka and MongoDB for `make run`, `make demo` and the tests: find or install, start, stop.

Nothing of the service is imported here and the service never imports this; what the two share is
the Procfile, the environment and HTTP. Each server is a child process that dies with its owner.
"""
