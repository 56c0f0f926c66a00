"""A lock lets one holder in, on a disk, on S3 and whatever the order in which two processes ask."""

import threading
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from ops.store.lock import _FREE, LockObject, MemoryObject, S3Object, hold, hold_object, open_object
from ops.store.storage import Store

KEY = "raw/lock"


@pytest.fixture(params=["disk", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "s3":
        return Store(f"{request.getfixturevalue('s3_store').root}/{uuid.uuid4().hex}")
    return Store(str(tmp_path) if request.param == "disk" else f"memory://{uuid.uuid4().hex}")


def test_one_at_a_time_and_all_in_the_end(store: Store) -> None:
    inside, most, entered = 0, 0, []

    def work(number: int) -> None:
        nonlocal inside, most
        with hold(store, KEY):
            inside += 1
            most = max(most, inside)
            time.sleep(0.02)
            entered.append(number)
            inside -= 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1 and sorted(entered) == [0, 1, 2, 3]


def test_who_waits_too_long_is_told_which_lock_it_is(store: Store) -> None:
    with hold(store, KEY), pytest.raises(TimeoutError, match=r"raw/lock.*still holds it"), hold(store, KEY, wait_s=0.1):
        pass
    with hold(store, KEY, wait_s=0.1):
        pass


def test_a_store_without_known_conditions_is_refused() -> None:
    with (
        pytest.raises(ValueError, match="expected a local folder or s3://"),
        hold(Store("http://127.0.0.1/x"), KEY),
    ):
        pass


@pytest.fixture(params=[MemoryObject, S3Object])
def lock(request: pytest.FixtureRequest) -> LockObject:
    if request.param is S3Object:
        return open_object(request.getfixturevalue("s3_store"), f"{uuid.uuid4().hex}.json")
    return open_object(Store("memory://locks"), f"{uuid.uuid4().hex}.json")


def test_writes_are_refused_unless_their_condition_holds(lock: LockObject) -> None:
    assert lock.read() is None
    assert not lock.write(b"x", '"no such tag"'), "there is nothing that could match"
    assert lock.write(b"a", None) and not lock.write(b"b", None)
    data, tag = lock.read() or (b"", "")
    assert data == b"a"
    assert lock.write(b"b", tag) and not lock.write(b"c", tag), "the tag is that of older bytes"
    assert (lock.read() or (b"", ""))[0] == b"b"


def test_the_lock_of_a_dead_process_is_taken_over_by_one_of_many(lock: LockObject) -> None:
    lock.write(b"1000000000 dead", None)
    taken = []
    barrier = threading.Barrier(4)

    def work() -> None:
        barrier.wait()
        try:
            with hold_object(lock, "lock", wait_s=0.1, expires_s=60.0):
                taken.append(1)
                time.sleep(0.4)
        except TimeoutError:
            pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken == [1]
    assert (lock.read() or (b"", ""))[0] == _FREE


class Between:
    """A lock object that lets something else happen between one process's look and its write."""

    def __init__(self, lock: LockObject, happens: Callable[[], None]) -> None:
        self.lock, self.happens = lock, iter([happens])

    def read(self) -> tuple[bytes, str] | None:
        return self.lock.read()

    def write(self, data: bytes, tag: str | None) -> bool:
        for happens in self.happens:
            happens()
        return self.lock.write(data, tag)


@pytest.mark.parametrize("before", [None, b"1000000000 dead", _FREE])
def test_nobody_comes_in_between_a_look_and_a_write(lock: LockObject, before: bytes | None) -> None:
    """The first of two that see a lock free, absent or expired takes it; the other one must see that."""
    if before is not None:
        lock.write(before, None)
    with ExitStack() as other:

        def take() -> None:
            other.enter_context(hold_object(lock, "lock", wait_s=0.0, expires_s=60.0))

        slow = Between(lock, take)
        with pytest.raises(TimeoutError), hold_object(slow, "lock", wait_s=0.0, expires_s=60.0):
            pass


def test_giving_back_leaves_alone_what_another_took_over(lock: LockObject, caplog: pytest.LogCaptureFixture) -> None:
    with hold_object(lock, "lock", wait_s=0.0, expires_s=60.0):
        other = hold_object(lock, "lock", wait_s=0.0, expires_s=-1.0)
        other.__enter__()
        held = lock.read()
    assert held is not None and lock.read() == held
    assert "expired while it was held" in caplog.text
    other.__exit__(None, None, None)
    assert (lock.read() or (b"", ""))[0] == _FREE


class LostAnswer(Between):
    """Writes, but the answer gets lost, so the client sends the same again and is refused."""

    def __init__(self, lock: LockObject) -> None:
        super().__init__(lock, lambda: None)

    def write(self, data: bytes, tag: str | None) -> bool:
        return self.lock.write(data, tag) and self.lock.write(data, tag)


def test_a_lost_answer_does_not_lock_out_who_holds_it(lock: LockObject) -> None:
    with hold_object(LostAnswer(lock), "lock", wait_s=0.0, expires_s=60.0):
        pass
    assert (lock.read() or (b"", ""))[0] == _FREE


def test_an_object_store_keeps_one_lock_object(s3_store: Store) -> None:
    key = f"{uuid.uuid4().hex}/lock"
    for _ in range(2):
        with hold(s3_store, key):
            assert s3_store.list(key.split("/")[0]) == [f"{key}.json"]
    assert s3_store.read_bytes(f"{key}.json") == _FREE
