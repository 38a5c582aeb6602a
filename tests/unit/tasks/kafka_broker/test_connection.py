import ssl

import pytest

from tasks.kafka_broker.connection import ConnectionUrlError, from_environment, from_url


def test_a_plain_url_names_servers_only() -> None:
    assert from_url("kafka://a,b:9093") == {
        "bootstrap_servers": ["a:9092", "b:9093"],
        "security_protocol": "PLAINTEXT",
    }


def test_each_address_may_repeat_the_scheme() -> None:
    options = from_url("kafka+ssl://a:9096, kafka+ssl://[::1]:9096")
    assert options["bootstrap_servers"] == ["a:9096", "[::1]:9096"]
    assert options["security_protocol"] == "SSL"


def test_credentials_are_decoded_and_the_password_does_not_show() -> None:
    options = from_url("kafka+sasl_ssl://ann%40x:p%2Cw%40@a:1,b:2?mechanism=SCRAM-SHA-256")
    assert options["sasl_plain_username"] == "ann@x"
    assert options["sasl_plain_password"] == "p,w@"
    assert options["sasl_mechanism"] == "SCRAM-SHA-256"
    assert options["bootstrap_servers"] == ["a:1", "b:2"]
    assert "p,w@" not in repr(options)


def test_the_mechanism_is_plain_by_default() -> None:
    assert from_url("kafka+sasl_ssl://ann:pw@a")["sasl_mechanism"] == "PLAIN"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a:9092",
        "http://a:9092",
        "kafka://",
        "kafka://a:pa55word",
        "kafka://a/topic",
        "kafka://a,kafka+ssl://b",
        "kafka+sasl_ssl://a,ann:pa55word@b",
        "kafka://ann:pa55word@a",
        "kafka+ssl://ann:pa55word@a",
        "kafka+sasl_ssl://ann:pa55word/@a",
        "kafka+sasl_ssl://ann:pa55word,@a",
        "kafka+sasl_ssl://ann:pa55word@[a",
        "kafka+sasl_ssl://ann:pa55word@a?mechanisms=PLAIN",
    ],
)
def test_a_wrong_url_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ConnectionUrlError) as caught:
        from_url(url)
    assert "pa55word" not in f"{caught.value}{caught.value.__cause__}"


def test_without_a_prefix_names_are_as_the_program_says() -> None:
    options = from_environment({"KAFKA_URL": "kafka://a"}, group_id="mails")
    assert (options["namespace"], options["group_id"]) == ("", "mails")


def test_a_prefix_begins_topics_and_groups() -> None:
    options = from_environment({"KAFKA_URL": "kafka://a", "KAFKA_PREFIX": "wabash-58799."})
    assert options["namespace"] == "wabash-58799"
    assert options["group_id"] == "wabash-58799.dramatiq"


def test_without_a_trusted_certificate_the_systems_are_trusted_and_names_checked() -> None:
    assert "ssl_context" not in from_environment({"KAFKA_URL": "kafka+ssl://a"})


@pytest.mark.parametrize(
    ("url", "certificates"),
    [
        ("kafka+ssl://a", {"KAFKA_TRUSTED_CERT": "s3cret"}),
        ("kafka+ssl://a", {"KAFKA_CLIENT_CERT": "s3cret", "KAFKA_CLIENT_CERT_KEY": "s3cret"}),
        ("kafka+ssl://a", {"KAFKA_CLIENT_CERT_KEY": "s3cret"}),
        ("kafka://a", {"KAFKA_TRUSTED_CERT": "s3cret"}),
    ],
)
def test_certificates_that_cannot_be_used_are_refused_without_being_quoted(
    url: str, certificates: dict[str, str]
) -> None:
    with pytest.raises(ConnectionUrlError) as caught:
        from_environment({"KAFKA_URL": url, **certificates})
    assert "s3cret" not in f"{caught.value}{caught.value.__cause__}"


def test_a_trusted_certificate_is_the_only_root(trusted_cert: str) -> None:
    context = from_url("kafka+ssl://a", trusted_cert=trusted_cert)["ssl_context"]
    assert len(context.get_ca_certs()) == 1
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert not context.check_hostname


@pytest.fixture(scope="module")
def trusted_cert(tmp_path_factory: pytest.TempPathFactory) -> str:
    from tests.services.certificates import Authority

    authority = Authority(tmp_path_factory.mktemp("unit") / "authority")
    return authority.certificate.read_text()
