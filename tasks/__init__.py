"""The asynchronous half: what workers run, and the broker that carries it.

`tasks.kafka_broker` is a generic package (dramatiq on Kafka, nothing of ours in it). The modules
beside it are this service's own use of it.
"""
