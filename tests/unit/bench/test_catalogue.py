import pytest

from bench.catalogue import PEERS, Peer

BY_NAME = {peer.name: peer for peer in PEERS}


def test_two_processes_are_one_command_where_the_worker_forks() -> None:
    [command] = BY_NAME["ours"].commands(processes=2, threads=8)
    assert command[:6] == ["dramatiq", "bench.peers.ours.app:broker", "-p", "2", "-t", "8"]


def test_two_processes_are_two_commands_where_it_does_not() -> None:
    commands = BY_NAME["celery-redis"].commands(processes=2, threads=8)
    names = [command[command.index("-n") + 1] for command in commands]
    assert names == ["w0@%h", "w1@%h"]


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_each_peer_says_what_to_install_in_hashed_lines(peer: Peer) -> None:
    if peer.requirements is None:
        assert peer.package in {"ours", "kafka_python"}
    else:
        assert "--hash=sha256:" in peer.requirements.read_text()
