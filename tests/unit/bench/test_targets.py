from bench.samples import Results
from bench.targets import Verdict, verdicts


def drained(**rates: float) -> Results:
    return {"drain-1": {name.replace("_", "-"): [{"tasks_per_s": r}] for name, r in rates.items()}}


def verdict(results: Results, what: str) -> Verdict:
    [found] = [one for one in verdicts(results) if one.what == what]
    return found


def test_ours_is_measured_against_the_fastest_peer_and_never_the_bare_loop() -> None:
    results = drained(ours=100, kafka_python=900, celery_redis=10, dramatiq_redis=40)
    assert verdict(results, "drain, 1 x 8") == Verdict(
        "drain, 1 x 8", "at least 2.5 x dramatiq-redis", "2.50 (100 / 40)", is_met=True
    )


def test_a_target_can_be_missed() -> None:
    assert verdict(drained(ours=50, dramatiq_redis=40), "drain, 1 x 8").is_met is False


def test_a_target_of_which_a_side_is_missing_is_not_judged() -> None:
    assert verdict(drained(ours=50), "drain, 1 x 8").is_met is None
    assert all(one.is_met is None for one in verdicts({}))


def test_a_crash_is_judged_by_its_worst_round() -> None:
    rounds: list[dict[str, float] | str] = [{"lost": 0}, {"lost": 1}, {"lost": 0}]
    lost = verdict({"crash": {"ours": rounds}}, "kill -9: lost")
    assert (lost.measured, lost.is_met) == ("1 tasks", False)


def test_a_long_backlog_is_measured_against_a_short_one_of_ours() -> None:
    sample: dict[str, float] = {"short_rss_mib": 50, "long_rss_mib": 60}
    memory = verdict(
        {"growth-backlog": {"ours": [sample]}}, "memory, backlog of 1,000,000 against 10,000"
    )
    assert (memory.measured, memory.is_met) == ("1.20 (60 / 50)", False)
