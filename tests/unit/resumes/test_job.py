from hypothesis import given
from hypothesis import strategies as st

from resumes.job import TRANSITIONS, JobStatus, is_object_id, resume_id_of

object_ids = st.text("0123456789abcdef", min_size=24, max_size=24)


def test_only_completed_and_failed_are_terminal() -> None:
    assert {status for status in JobStatus if status.is_terminal} == {
        JobStatus.COMPLETED,
        JobStatus.FAILED,
    }


def test_every_status_is_reached_from_pending() -> None:
    reached, fresh = {JobStatus.PENDING}, {JobStatus.PENDING}
    while fresh:
        fresh = {to for status in fresh for to in TRANSITIONS[status]} - reached
        reached |= fresh
    assert reached == set(JobStatus)


def test_only_an_operator_lets_anything_follow_an_end() -> None:
    assert TRANSITIONS[JobStatus.COMPLETED] == frozenset()
    # Replayed, or discarded.
    assert TRANSITIONS[JobStatus.FAILED] == {JobStatus.PENDING, JobStatus.FAILED}


@given(object_ids)
def test_a_jobs_resume_id_is_an_id_of_its_own_and_always_the_same(job_id: str) -> None:
    resume_id = resume_id_of(job_id)
    assert is_object_id(resume_id)
    assert resume_id != job_id
    assert resume_id_of(resume_id) == job_id


@given(st.one_of(st.none(), st.integers(), st.text(), st.dictionaries(st.text(), st.text())))
def test_what_is_no_id_is_refused(value: object) -> None:
    hexadecimal = isinstance(value, str) and len(value) == 24
    assert is_object_id(value) is (hexadecimal and not set(str(value)) - set("0123456789abcdef"))
