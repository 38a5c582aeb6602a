from datetime import timedelta
from pathlib import Path

import pytest

from settings import Settings, load_settings, load_settings_or_exit
from settings_sources import ENVIRONMENT_NAMES, SettingsError

SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for section, field in Settings.model_fields.items():
        for key in getattr(field.annotation, "model_fields", {}):
            monkeypatch.delenv(f"{section}__{key}".upper(), raising=False)
    for name in [*ENVIRONMENT_NAMES, "CONFIG_FILE"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JWT_SECRET", SECRET)


def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    monkeypatch.setenv("CONFIG_FILE", str(tmp_path / "config.yaml"))


def test_the_shipped_file_holds_the_customers_values() -> None:
    kafka = load_settings().kafka
    assert kafka.brokers == ["localhost:9092"]
    assert kafka.resume_parse_topic == "resume-parse-jobs"
    assert kafka.consumer_group == "resume-parser-group"
    assert (kafka.num_partitions, kafka.num_workers) == (1, 2)
    assert kafka.timeout == timedelta(seconds=30)


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("KAFKA_BROKERS", "a:1, b:2", lambda s: s.kafka.brokers == ["a:1", "b:2"]),
        ("KAFKA_RESUME_PARSE_TOPIC", "t", lambda s: s.kafka.resume_parse_topic == "t"),
        ("KAFKA_CONSUMER_GROUP", "g", lambda s: s.kafka.consumer_group == "g"),
        ("DATABASE_SOURCE", "mongodb://h", lambda s: "//h" in s.database.source.get_secret_value()),
        ("DATABASE_NAME", "d", lambda s: s.database.name == "d"),
        ("RESUME_PARSER_URL", "http://p:1", lambda s: s.services.resume_parser_url.host == "p"),
        ("JWT_IDENTITY_CLAIM", "uid", lambda s: s.auth.jwt_identity_claim == "uid"),
        ("LIMITS_TIMEZONE", "Asia/Tokyo", lambda s: s.limits.timezone == "Asia/Tokyo"),
        ("KAFKA__NUM_PARTITIONS", "3", lambda s: s.kafka.num_partitions == 3),
        ("JOBS__LEASE", "1.5s", lambda s: s.jobs.lease == timedelta(seconds=1.5)),
        ("KAFKA__TIMEOUT", "500ms", lambda s: s.kafka.timeout == timedelta(seconds=0.5)),
    ],
)
def test_the_environment_overrides_the_file(
    name: str, value: str, read: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert callable(read)
    assert read(load_settings())


def test_the_customers_name_wins_over_the_sections_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE__NAME", "one")
    monkeypatch.setenv("DATABASE_NAME", "two")
    assert load_settings().database.name == "two"


def test_variables_in_the_file_are_expanded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIVEN", "p: #1")  # YAML's own signs in a value do no harm
    write(
        tmp_path,
        monkeypatch,
        "kafka: {username: '${GIVEN}', consumer_group: '${NOT_GIVEN:-fallback}'}\n"
        "database: {name: '${NOT_GIVEN}'}\n",
    )
    settings = load_settings()
    assert settings.kafka.username == "p: #1"
    assert settings.kafka.consumer_group == "fallback"
    assert settings.database.name == "jobly"  # empty means "not given"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("kafka: {num_partitons: 3}", "kafka.num_partitons is not a known key"),
        ("kafak: {}", "kafak is not a known key"),
        ("kafka: {num_partitions: 0}", "kafka.num_partitions"),
        ("kafka: {timeout: 30 seconds}", "kafka.timeout"),
        ("kafka: {brokers: [localhost]}", "kafka.brokers"),
        ("kafka: {enable_sasl: true}", "kafka: enable_sasl needs username and password"),
        ("kafka: {resume_parse_topic: 'a b'}", "kafka.resume_parse_topic"),
        ("kafka: {url: 'http://u:hunter2@h'}", "kafka: url: a Kafka url begins with one of kafka"),
        ("kafka: {url: 'kafka+ssl://h', trusted_cert: text}", "kafka: url: a certificate or key"),
        ("kafka: {prefix: 'a b'}", "kafka.prefix"),
        ("database: {source: 'postgres://x'}", "database.source"),
        ("services: {resume_parser_url: parser}", "services.resume_parser_url"),
        ("limits: {timezone: Mars/Olympus}", "limits.timezone"),
        ("storage: {kind: floppy}", "storage.kind"),
        ("- a list", "sections"),
        ("kafka: [", "is not YAML"),
    ],
)
def test_a_bad_file_is_refused_with_one_line_that_names_the_key(
    text: str, names: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, monkeypatch, text)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert names in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_herokus_variables_say_where_kafka_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_URL", "kafka+sasl_ssl://ann:hunter2@a:9096,b:9096")
    monkeypatch.setenv("KAFKA_PREFIX", "wabash-58799.")
    kafka = load_settings().kafka
    assert kafka.url_options()["bootstrap_servers"] == ["a:9096", "b:9096"]
    assert kafka.resume_parse_topic == "wabash-58799.resume-parse-jobs"
    assert kafka.consumer_group == "wabash-58799.resume-parser-group"
    assert "hunter2" not in repr(kafka)


def test_a_missing_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFIG_FILE", "/nowhere/config.yaml")
    with pytest.raises(SettingsError, match=r"/nowhere/config\.yaml"):
        load_settings()


@pytest.mark.parametrize("secret", ["", "short", "your-secret-key", "x" * 31])
def test_a_weak_secret_is_refused_in_production(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JWT_SECRET", secret)
    with pytest.raises(SettingsError, match="JWT_SECRET"):
        load_settings()


def test_a_weak_secret_will_do_for_development(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_ENV", "development")
    monkeypatch.setenv("JWT_SECRET", "your-secret-key")
    assert load_settings().auth.jwt_secret.get_secret_value() == "your-secret-key"


def test_secrets_do_not_show_in_text_or_errors(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_SOURCE", "mongodb://u:hunter2@h")
    monkeypatch.setenv("KAFKA_PASSWORD", "hunter2")
    assert "hunter2" not in repr(load_settings())
    monkeypatch.setenv("DATABASE_SOURCE", "postgres://u:hunter2@h")
    with pytest.raises(SystemExit):
        load_settings_or_exit()
    shown = capsys.readouterr().err
    assert "hunter2" not in shown
    assert shown.count("\n") == 1


def test_a_rescuer_that_does_not_wait_for_a_publish_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KAFKA__TIMEOUT", "30s")
    monkeypatch.setenv("JOBS__RESCUE_AFTER", "30s")
    with pytest.raises(SettingsError, match=r"jobs\.rescue_after"):
        load_settings()


def test_retention_is_for_good_unless_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (load_settings().jobs.retention, load_settings().jobs.event_retention) == (None, None)
    monkeypatch.setenv("JOB_RETENTION", "90d")
    monkeypatch.setenv("EVENT_RETENTION", "365d")
    monkeypatch.setenv("FAILED_FILE_RETENTION", "7d")
    jobs = load_settings().jobs
    assert [jobs.retention, jobs.event_retention, jobs.failed_file_retention] == [
        timedelta(days=days) for days in (90, 365, 7)
    ]
