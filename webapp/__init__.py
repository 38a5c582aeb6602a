"""HTTP only: parse the request, call one use case, shape the answer.

`create_app` gets every collaborator by name; it reads no settings and opens no connection.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from flask import Flask

from resumes.correct import Corrections
from resumes.identity import Identity
from resumes.submit import SubmitResume
from resumes.waiting import Throughput
from webapp.cli import UserAdmin, user_commands
from webapp.corrections import ResumeReader, corrections_blueprint
from webapp.errors import register_error_handlers
from webapp.health import health_blueprint
from webapp.job_status import Jobs, job_status_blueprint
from webapp.operator_cli import AccountAdmin, operator_commands
from webapp.operators import OperatorGuard
from webapp.operators_pages import Sessions, operators_blueprint
from webapp.operators_passwords import Passwords
from webapp.operators_sign_in import Attempts, Audit, SignIn, SignInAccounts
from webapp.pages import pages_blueprint
from webapp.request_context import register_request_context
from webapp.uploads import MAX_BODY_BYTES, uploads_blueprint


class Users(UserAdmin, ResumeReader, Protocol):
    """What the web process asks of the users' store."""


class Accounts(AccountAdmin, SignInAccounts, Sessions, Protocol):
    """What the web process asks of the operators' store."""


def create_app(  # noqa: PLR0913 - a composition root's collaborators, all by name
    *,
    authenticate: Callable[[Sequence[str]], Identity],
    submit: SubmitResume,
    daily_limit: int,
    jobs: Jobs,
    throughput: Throughput,
    users: Users,
    corrections: Corrections,
    guard: OperatorGuard,
    accounts: Accounts,
    attempts: Attempts,
    audit: Audit,
    checks: Mapping[str, Callable[[], bool]],
    exposition: Callable[[], tuple[bytes, str]],
) -> Flask:
    """Return the web application; `webapp.auth.configure_jwt` and /ws are added by wsgi.py."""
    app = Flask(__name__, static_folder=None)  # webapp.pages serves the assets
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.config["MAX_FORM_MEMORY_SIZE"] = 1024 * 1024
    app.config["MAX_FORM_PARTS"] = 20
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    # Else //x is redirected to what Host says.
    app.url_map.merge_slashes = False
    register_request_context(app)
    register_error_handlers(app)
    app.register_blueprint(uploads_blueprint(submit, authenticate, daily_limit))
    app.register_blueprint(job_status_blueprint(jobs, throughput, authenticate))
    app.register_blueprint(corrections_blueprint(users, corrections, authenticate))
    app.register_blueprint(health_blueprint(checks, exposition))
    app.register_blueprint(pages_blueprint())
    app.register_blueprint(user_commands(users))
    passwords = Passwords()
    sign_in = SignIn(accounts, passwords, attempts, audit)
    app.register_blueprint(operators_blueprint(guard, sign_in, accounts, audit))
    app.register_blueprint(operator_commands(accounts, passwords, audit))
    return app
