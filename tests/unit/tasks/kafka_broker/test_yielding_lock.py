"""Guards the lock of the broker's hot path: exclusive, and lost by no interrupt and no death."""

import contextlib
import ctypes
import threading
import time
from collections.abc import Callable

import pytest

from tasks.kafka_broker.yielding_lock import YieldingCondition, YieldingLock
from tests.eventually import eventually


class ThrownError(BaseException):
    """What dramatiq throws into a thread that takes too long."""


def throw_into(thread: threading.Thread) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread.ident or 0), ctypes.py_object(ThrownError)
    )


@pytest.mark.parametrize("make", [YieldingLock, YieldingCondition])
def test_one_thread_at_a_time(make: Callable[[], YieldingLock]) -> None:
    lock, inside, most = make(), 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(2_000):
            with lock:
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (inside, most) == (0, 1)


def test_a_condition_wakes_who_waits() -> None:
    condition, woken = YieldingCondition(), []
    ready = threading.Semaphore(0)

    def wait(number: int) -> None:
        with condition:
            ready.release()
            assert condition.wait(30)
            woken.append(number)

    threads = [threading.Thread(target=wait, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert ready.acquire(timeout=30)
    with condition:
        condition.notify(2)
    eventually(lambda: len(woken) == 2)
    with condition:
        condition.notify_all()
    for thread in threads:
        thread.join(30)
    assert sorted(woken) == [0, 1, 2, 3]
    with condition:
        assert not condition.wait(0.01), "nobody woke it"


def test_only_who_has_it_may_notify() -> None:
    with pytest.raises(RuntimeError):
        YieldingCondition().notify()


def test_it_can_be_tried() -> None:
    lock = YieldingLock()
    assert lock.acquire(blocking=False)
    other: list[bool] = []
    thread = threading.Thread(target=lambda: other.append(lock.acquire(blocking=False)))
    thread.start()
    thread.join(30)
    assert other == [False]
    lock.release()
    with lock:
        pass


def test_interrupts_at_any_place_leave_it_usable() -> None:
    """Each of them would be the last task of the whole worker process."""
    condition = YieldingCondition()
    stopping = threading.Event()

    def take_again_and_again() -> None:
        while not stopping.is_set():
            with condition:
                pass

    def work() -> None:
        while not stopping.is_set():
            with contextlib.suppress(ThrownError):
                take_again_and_again()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(3_000):
        throw_into(threads[number % 3])
    taken = threading.Event()

    def take() -> None:
        with condition:
            taken.set()

    threading.Thread(target=take, daemon=True).start()
    assert taken.wait(30)
    stopping.set()


def test_a_dead_threads_lock_is_taken_from_it() -> None:
    lock = YieldingLock()
    dead = threading.Thread(target=lock.acquire)
    dead.start()
    dead.join(30)
    begun = time.monotonic()
    with lock:
        assert time.monotonic() - begun < 30
