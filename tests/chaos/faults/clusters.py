"""F11, F12: servers that are several, of which one is lost: an election, and nothing else."""

import time

from tests.chaos.environment import Needs
from tests.chaos.scenario import Scenario
from tests.chaos.site import Site
from tests.services.kafka_cluster import KafkaCluster
from tests.services.replica_set import ReplicaSet

_DOWN_S = 4.0
_STILL_S = 12.0
_IN_SYNC_WITHIN_S = 60
#: Every write goes to three servers, on this one machine.
_SHARE = 0.5


def step_down(site: Site) -> None:
    """Have the primary hand over, twice."""
    members = _replica_set(site)
    for _ in range(2):
        before = members.primary()
        members.step_down()
        after = members.primary()
        assert after != before, "the primary is the same"
        site.prove(f"member {after} is primary after {before}")
        site.wait(_DOWN_S)


def kill_primary(site: Site) -> None:
    """Kill the primary, and start it again as a secondary."""
    members = _replica_set(site)
    before = members.primary()
    members.kill(before)
    after = members.primary()
    site.prove(f"member {after} is primary after {before}")
    site.wait(_DOWN_S)
    members.restart(before)


def pause_primary(site: Site) -> None:
    """Stop the primary in its tracks: it believes in itself when it goes on."""
    members = _replica_set(site)
    before = members.primary()
    members.pause(before)
    after = members.primary()
    site.wait(_STILL_S)
    members.resume_(before)
    site.prove(f"member {after} is primary after {before}")


def kill_leader(site: Site) -> None:
    """Kill a broker that leads a partition and not the cluster."""
    cluster = _cluster(site)
    topic = site.stack.topic
    leaders = {cluster.leader(topic, partition) for partition in range(4)}
    leader = next(iter(leaders - {cluster.controller()}))
    _kill_broker(site, cluster, leader, f"broker {leader}, a leader, was killed")


def kill_controller(site: Site) -> None:
    """Kill the broker that leads the cluster."""
    cluster = _cluster(site)
    controller = cluster.controller()
    _kill_broker(site, cluster, controller, f"broker {controller}, the controller, was killed")


def lose_two(site: Site) -> None:
    """Leave one of three brokers: nothing may be acknowledged until there are two again."""
    cluster = _cluster(site)
    first, second = site.random.sample(range(3), 2)
    since = time.time()
    cluster.pause(first)
    cluster.pause(second)
    site.wait(_STILL_S)
    cluster.resume_(first)
    cluster.resume_(second)
    site.until(cluster.is_in_sync, within_s=_IN_SYNC_WITHIN_S, why="the replicas catch up")
    refused = site.unanswered(since=since)
    assert refused, "one of three brokers acknowledged"
    site.prove(f"one broker of three was left, {refused} uploads not taken")


def _kill_broker(site: Site, cluster: KafkaCluster, index: int, what: str) -> None:
    cluster.kill(index)
    site.wait(_DOWN_S)
    site.until(lambda: site.accepted(since=time.time() - 1), within_s=60, why="uploads are taken")
    site.prove(what)
    cluster.restart(index)
    site.until(cluster.is_in_sync, within_s=_IN_SYNC_WITHIN_S, why="the replicas catch up")


def _replica_set(site: Site) -> ReplicaSet:
    assert site.servers.replica_set
    return site.servers.replica_set


def _cluster(site: Site) -> KafkaCluster:
    assert site.servers.cluster
    return site.servers.cluster


SCENARIOS = (
    *(
        Scenario(name, "F11", fault, needs=Needs.REPLICA_SET, share=_SHARE)
        for name, fault in (
            ("mongo-step-down", step_down),
            ("mongo-kill-primary", kill_primary),
            ("mongo-pause-primary", pause_primary),
        )
    ),
    *(
        Scenario(name, "F12", fault, needs=Needs.KAFKA_CLUSTER, share=_SHARE)
        for name, fault in (
            ("kafka-kill-leader", kill_leader),
            ("kafka-kill-controller", kill_controller),
            ("kafka-lose-two", lose_two),
        )
    ),
)
