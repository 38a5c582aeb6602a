"""Composition root of the web process: HTTP, pages and /ws on one port.

Imported by gunicorn in each worker, after gevent has patched the standard library and after the
fork: no client made here is ever shared between processes.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

import realtime
from composition import connect_database, make_broker
from observability import configure_logging, exposition
from operators_side import add_operators_side
from resumes.quota import QuotaRule
from resumes.submit import SubmitResume
from resumes.waiting import RecentThroughput
from settings import Settings, load_settings_or_exit
from store.audit import MongoAudit
from store.cancelling import MongoUserJobs
from store.connection import is_reachable
from store.corrections import MongoCorrections
from store.operators import MongoOperatorStore
from store.sign_in_attempts import MongoSignInAttempts
from store.statistics_reads import MongoStatistics
from store.uploads import MongoUploadStore
from store.users import MongoUserStore
from tasks.actors import declare_parse_resume
from tasks.queue import ActorParseQueue
from webapp import create_app
from webapp.auth import Authenticator, configure_jwt
from webapp.operators import OperatorGuard

#: A request must answer 503 quickly when MongoDB is away, yet give 10 MB time to be written.
_SELECT_TIMEOUT_S = 2.5
_STORE_TIMEOUT_S = 10
_READY_TIMEOUT_S = 1
#: Beyond the publish timeout, an upload that has not been answered is not running any more.
_ANSWER_MARGIN = timedelta(seconds=15)


def build_app(settings: Settings) -> Flask:
    """Put the web process together."""
    database = connect_database(
        settings, select_timeout_s=_SELECT_TIMEOUT_S, timeout_s=_STORE_TIMEOUT_S
    )
    broker = make_broker(settings)
    users = MongoUserStore(database)
    jobs = MongoUserJobs(database, catch_up=settings.realtime.catch_up)
    accounts = MongoOperatorStore(database)
    guard = OperatorGuard(accounts)
    queue = ActorParseQueue(
        declare_parse_resume(broker, settings.kafka.resume_parse_topic, _not_a_worker)
    )
    authenticate = Authenticator(users, identity_claim=settings.auth.jwt_identity_claim)
    submit = SubmitResume(
        uploads=MongoUploadStore(
            database,
            storage_kind=settings.storage.kind,
            answer_timeout=settings.kafka.timeout + _ANSWER_MARGIN,
            failed_file_retention=settings.jobs.failed_file_retention,
        ),
        queue=queue,
        quota=QuotaRule(settings.limits.uploads_per_day, ZoneInfo(settings.limits.timezone)),
        max_attempts=settings.jobs.max_attempts,
        now=lambda: datetime.now(UTC),
    )
    app = create_app(
        authenticate=authenticate,
        submit=submit,
        daily_limit=settings.limits.uploads_per_day,
        jobs=jobs,
        throughput=RecentThroughput(MongoStatistics(database)),
        users=users,
        corrections=MongoCorrections(database),
        guard=guard,
        accounts=accounts,
        attempts=MongoSignInAttempts(database),
        audit=MongoAudit(database),
        checks={
            "mongodb": lambda: is_reachable(database),
            "kafka": lambda: broker.is_reachable(_READY_TIMEOUT_S),
            # Registered below: /ws needs the app first.
            "change_stream": lambda: app.extensions["realtime"].healthy(),  # noqa: PLW0108
        },
        exposition=exposition(settings.app.metrics_dir),
    )
    configure_jwt(
        app,
        secret=settings.auth.jwt_secret.get_secret_value(),
        identity_claim=settings.auth.jwt_identity_claim,
        issuer=settings.auth.jwt_issuer,
        audience=settings.auth.jwt_audience,
        secure_cookies=settings.app.env != "development",
    )
    # The addresses of clients, for limits and logs; nothing else that a header says.
    if proxies := settings.app.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=0, x_host=0)  # type: ignore[method-assign]
    realtime.register(
        app,
        authenticate=authenticate,
        jobs=jobs,
        events=database["job_events"],
        tickets=realtime.MongoTicketStore(database["ws_tickets"]),
        options=realtime.Options(
            allowed_origins=frozenset(settings.realtime.allowed_origins),
            max_connections=settings.limits.sockets_per_process,
            max_connections_per_user=settings.limits.sockets_per_user,
        ),
    )
    add_operators_side(
        app,
        settings,
        database=database,
        broker=broker,
        queue=queue,
        guard=guard,
        sockets=app.extensions["realtime"].connections,
    )
    return app


def _not_a_worker(job_id: str, user_id: str) -> None:
    raise AssertionError(f"job {job_id} of user {user_id} was run in a web process")


_settings = load_settings_or_exit()
configure_logging(_settings.app.log_level, process="web")
app = build_app(_settings)
