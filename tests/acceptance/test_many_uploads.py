"""Done means: 3 partitions, 2 workers, 200 uploads at once, each completed exactly once.

Once in peace, and once with a worker killed (-9) in the middle: nothing is lost, nothing is twice.
"""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bson import ObjectId

from tests.eventually import eventually
from tests.services.client import ServiceClient, TestUser
from tests.services.stack import ServiceStack

PDF = (Path(__file__).parents[2] / "samples" / "resume.pdf").read_bytes()
UPLOADS = 200


def upload_all(clients: list[ServiceClient], users: list[TestUser]) -> dict[str, TestUser]:
    with ThreadPoolExecutor(len(users)) as pool:
        job_ids = pool.map(
            lambda pair: clients[pair[0] % len(clients)].accepted(pair[1], PDF), enumerate(users)
        )
        return dict(zip(job_ids, users, strict=True))


def assert_each_completed_exactly_once(client: ServiceClient, jobs: dict[str, TestUser]) -> None:
    keys = [ObjectId(job_id) for job_id in jobs]

    def statuses() -> Counter[str]:
        found = client.database["resume_parse_jobs"].find({"_id": {"$in": keys}}, {"status": 1})
        return Counter(job["status"] for job in found)

    eventually(lambda: statuses() == {"completed": len(jobs)}, within_s=90, why="all complete")
    ends = client.database["job_events"].find({"job_id": {"$in": keys}, "to": "completed"})
    assert Counter(str(event["job_id"]) for event in ends) == dict.fromkeys(jobs, 1)
    for user in jobs.values():
        assert len(client.resumes_of(user)) == 1
    assert client.database["resume_files"].count_documents({"_id": {"$in": keys}}) == 0


@pytest.fixture
def clients(client: ServiceClient, other: ServiceClient) -> list[ServiceClient]:
    return [client, other]


@pytest.mark.timeout(240)
def test_200_uploads_at_once_complete_exactly_once_and_the_lag_is_gone(
    clients: list[ServiceClient], lag: Callable[[], int]
) -> None:
    jobs = upload_all(clients, [clients[0].new_user() for _ in range(UPLOADS)])
    assert_each_completed_exactly_once(clients[0], jobs)
    mine = {"_id": {"$in": [ObjectId(job_id) for job_id in jobs]}}
    workers = clients[0].database["resume_parse_jobs"].distinct("worker", mine)
    assert len(workers) >= 2, "both workers had a share"
    eventually(lambda: lag() == 0, within_s=30, why="the group's lag returns to 0")


@pytest.mark.timeout(240)
def test_a_worker_killed_in_the_middle_loses_nothing_and_repeats_nothing(
    clients: list[ServiceClient], service: ServiceStack, lag: Callable[[], int]
) -> None:
    users = [clients[0].new_user() for _ in range(UPLOADS)]
    with ThreadPoolExecutor(1) as pool:
        uploading = pool.submit(upload_all, clients, users)
        keys = [ObjectId(user.id) for user in users]
        jobs = clients[0].database["resume_parse_jobs"]
        eventually(
            lambda: (
                jobs.count_documents({"user_id": {"$in": keys}, "status": "completed"}) >= 20
                and jobs.find_one({"user_id": {"$in": keys}, "status": "processing"})
            ),
            within_s=60,
            why="work is under way",
        )
        service.kill_worker(0)
        unfinished = jobs.count_documents(
            {"user_id": {"$in": keys}, "status": {"$in": ["pending", "processing"]}}
        )
        killed = uploading.result()
    assert unfinished > 0, "the kill came too late to prove anything"
    service.restart_worker(0)
    assert_each_completed_exactly_once(clients[0], killed)
    eventually(lambda: lag() == 0, within_s=30, why="the group's lag returns to 0")
