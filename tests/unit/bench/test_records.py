import os
from pathlib import Path

from bench.inside.records import Progress, Record, Recorder, read


def test_what_was_recorded_is_read_by_process(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.end(recorder.begin(7, sent_at=1.5))
    recorder.begin(8, sent_at=2.5)
    [done, running] = read(tmp_path)[str(os.getpid())]
    assert (done.number, done.sent_at, running.number) == (7, 1.5, 8)
    assert done.ended_at >= done.started_at > 0
    assert running.ended_at == 0


def test_progress_counts_on_from_where_it_was(tmp_path: Path) -> None:
    recorder, progress = Recorder(tmp_path), Progress(tmp_path)
    assert progress.count() == 0
    for number in range(3):
        recorder.begin(number, sent_at=1)
    assert progress.count() == 3
    recorder.begin(3, sent_at=1)
    assert progress.count() == 4


def test_a_record_that_a_killed_thread_never_wrote_is_left_out(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    offset = recorder.begin(1, sent_at=1)
    recorder.begin(2, sent_at=1)
    path = next(tmp_path.iterdir())
    data = bytearray(path.read_bytes())
    data[offset : offset + 32] = bytes(32)
    path.write_bytes(data)
    assert [record.number for record in read(tmp_path)[path.stem]] == [2]


def test_a_crash_is_what_both_workers_did_together() -> None:
    from bench.parts.crash import compare

    before = [Record(0, 1, 1, 2), Record(1, 1, 1, 2), Record(2, 1, 1, 0)]
    after = [Record(1, 1, 5, 6), Record(2, 1, 5, 6)]
    assert compare(before, after, tasks=4) == {
        "running_at_kill": 1,
        "lost": 1,
        "started_twice": 2,
        "ended_twice": 1,
    }
