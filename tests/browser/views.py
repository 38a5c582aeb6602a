"""The dashboard after a night that went wrong, and the addresses of its views."""

from collections.abc import Mapping

from tests.services.operators import CHEAP, MemoryAccounts, MemoryAttempts, MemoryAudit
from tests.unit.webapp.dashboard.in_memory import object_id
from tests.unit.webapp.dashboard.site import Site, with_operations
from webapp.operators import OperatorGuard
from webapp.operators_pages import operators_blueprint
from webapp.operators_passwords import Passwords
from webapp.operators_sign_in import SignIn


def night_site() -> tuple[Site, Mapping[str, str]]:
    """Return the site, on collaborators in memory, and its views' addresses by their names."""
    site, accounts, audit = Site(), MemoryAccounts(), MemoryAudit()
    sign_in = SignIn(accounts, Passwords(**CHEAP), MemoryAttempts(), audit)
    site.app.register_blueprint(
        operators_blueprint(OperatorGuard(accounts), sign_in, accounts, audit)
    )
    dry_run, running, ended = with_operations(site)
    views = {
        "overview": "",
        "overview-day": "?span=day",
        "jobs": "/jobs",
        "jobs-failed": "/jobs?state=failed",
        "jobs-none": "/jobs?error_code=nothing",
        "job": f"/jobs/{object_id(0)}",
        "job-completed": f"/jobs/{object_id(630)}",
        "failures": "/failures",
        "operations": "/operations",
        "operation-new": "/operations/new?kind=discard&state=failed",
        "operation-dry-run": f"/operations/{dry_run}",
        "operation-running": f"/operations/{running}",
        "operation-ended": f"/operations/{ended}",
        "letters": "/letters",
        "letter": "/letters/3:17",
        "lanes": "/lanes",
        "audit": "/audit",
        "problem": "/jobs/nothing",
        "sign-in": "/sign-in",
    }
    return site, {name: f"/dashboard{address}" for name, address in views.items()}


#: Below where the pages of tasks are mounted.
TASK_VIEWS = {
    "actors": "/",
    "actor": "/actors/parse_resume",
    "actor-failures": "/actors/send_digest?only=failures",
    "actor-none": "/actors/nobody-knows-it",
    "queues": "/queues",
    "running": "/running",
    "waiting": "/waiting",
    "waiting-delayed": "/waiting/mails/delayed",
    "waiting-lane": "/waiting/mails/low",
    "waiting-none": "/waiting/mails/high",
    "waiting-nowhere": "/waiting/mails/nowhere",
    "dead": "/dead",
    "dead-letters": "/dead/mails",
    "dead-none": "/dead/mails?actor=nobody",
    "letter": "/dead-letter/mails/{letter}",
    "periodic": "/periodic",
}
