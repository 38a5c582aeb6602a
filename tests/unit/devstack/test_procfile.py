from pathlib import Path

from devstack import procfile


def test_each_line_has_its_ports_and_the_release_is_none_of_them() -> None:
    started = procfile.processes({"PORT": "8000", "PATH": ""}, {"worker": 2})
    assert [(process.name, process.env["PORT"]) for process in started] == [
        ("web.1", "8000"),
        ("worker.1", "8100"),
        ("worker.2", "8101"),
        ("parser.1", "8200"),
        ("rescuer.1", "8300"),
    ]


def test_every_process_knows_the_parser_unless_told_another() -> None:
    for process in procfile.processes({"PORT": "9000"}):
        assert process.env["RESUME_PARSER_URL"] == "http://127.0.0.1:9200"
    for process in procfile.processes({"PORT": "9000", "RESUME_PARSER_URL": "http://elsewhere"}):
        assert process.env["RESUME_PARSER_URL"] == "http://elsewhere"


def test_no_process_counts_what_another_did(tmp_path: Path) -> None:
    base = {"PORT": "8000", "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    directories = {process.env["PROMETHEUS_MULTIPROC_DIR"] for process in procfile.processes(base)}
    assert len(directories) == 4
    assert all(Path(directory).is_dir() for directory in directories)


def test_the_release_is_the_procfiles() -> None:
    assert procfile.release_command()[-1] == "exec python -m migrations upgrade"
