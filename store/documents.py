"""What is made from scratch, as mongoengine documents: fields and names, no behaviour, no indexes.

Indexes and validators are made by `migrations/`, so that a start-up never alters the database.
"""

import mongoengine as me

from resumes.job import JobStatus

_STATUSES = [str(status) for status in JobStatus]


class User(me.Document):
    """A user, made by the customer's other services: we read it and push resumes."""

    meta = {"collection": "user", "auto_create_index": False, "strict": False}

    email = me.StringField()
    role = me.StringField()
    tier = me.StringField()
    resume = me.ListField(me.DictField(), null=True)
    created_at = me.DateTimeField()
    updated_at = me.DateTimeField()


class ResumeParseJob(me.Document):
    """One upload's way to a resume. `cv_data` is JSON text: the parser's own, whatever its keys."""

    meta = {"collection": "resume_parse_jobs", "auto_create_index": False, "strict": False}

    user_id = me.ObjectIdField(required=True)
    file_name = me.StringField(required=True)
    file_data = me.BinaryField()
    storage = me.StringField(required=True, choices=["mongo", "inline"])
    size = me.LongField(required=True)
    sha256 = me.StringField(required=True)
    status = me.StringField(required=True, choices=_STATUSES)
    rev = me.IntField(required=True, min_value=1)
    attempt = me.IntField(required=True, min_value=0)
    max_attempts = me.IntField(required=True, min_value=1)
    forgiven = me.IntField()  # attempts that do not count
    counted_before = me.IntField()  # attempts that counted before the last replay
    next_retry_at = me.DateTimeField()
    lease_until = me.DateTimeField()
    due_at = me.DateTimeField()  # when something is to happen; absent when nothing is left to do
    rescues = me.IntField()
    dead_letter = me.StringField(choices=["due", "written"])
    file_expires_at = me.DateTimeField()  # of inline bytes
    worker = me.StringField(default="")
    error_code = me.StringField(default="")
    error_message = me.StringField(default="")
    resume_id = me.ObjectIdField()
    cv_data = me.StringField()
    day = me.StringField(required=True)
    idempotency_key = me.StringField()
    traceparent = me.StringField()
    is_retrying = me.BooleanField()  # it waits for another attempt; else absent
    replays = me.IntField()
    restarted_at = me.DateTimeField()  # by the last replay
    discarded_at = me.DateTimeField()
    letter_id = me.StringField()  # "partition:offset"
    created_at = me.DateTimeField(required=True)
    updated_at = me.DateTimeField(required=True)


class ResumeFile(me.Document):
    """A PDF's bytes; `_id` is the job's. Apart, since a status change rewrites its document."""

    meta = {"collection": "resume_files", "auto_create_index": False}

    id = me.ObjectIdField(primary_key=True)
    data = me.BinaryField(required=True)
    created_at = me.DateTimeField(required=True)


class IdempotencyKey(me.Document):
    """The first upload with an Idempotency-Key, kept 24 h; `_id` is `<user id>:<key>`."""

    meta = {"collection": "idempotency_keys", "auto_create_index": False}

    id = me.StringField(primary_key=True)
    job_id = me.ObjectIdField(required=True)
    sha256 = me.StringField(required=True)
    answered_at = me.DateTimeField()
    created_at = me.DateTimeField(required=True)
