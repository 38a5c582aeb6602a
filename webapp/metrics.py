"""The web process's own metrics; docs/metrics.md lists all of them."""

from prometheus_client import Counter

UPLOADS = Counter(
    "resume_uploads_total",
    "Answered uploads by outcome: accepted, or the problem's code.",
    ["outcome"],
)
SIGN_INS = Counter(
    "resume_operator_sign_ins_total",
    "Operators' attempts to sign in by outcome: success, wrong_password or locked.",
    ["outcome"],
)
JOBS_CREATED = Counter("resume_jobs_created_total", "Jobs stored and acknowledged by the queue.")
