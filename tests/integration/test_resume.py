import subprocess
import sys
import time
from pathlib import Path

import pytest

from ops.store.batch import read_batch
from ops.store.layout import manifest_key
from ops.store.storage import Store
from tests.integration.toy_batch import BATCH, STAGE, UNITS, main


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _bytes(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def _kill_at(root: Path, log: Path, pause_at: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.toy_batch", str(root), str(log), str(pause_at)]
    )
    deadline = time.monotonic() + 60
    while UNITS[pause_at].video_id not in _lines(log):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.1)  # now it is inside the write
    process.kill()
    process.wait()


@pytest.mark.parametrize("num_done", [0, 3, 7])
def test_a_killed_batch_does_only_what_is_missing_and_ends_in_the_same_bytes(tmp_path: Path, num_done: int) -> None:
    killed, log = tmp_path / "killed", tmp_path / "log"
    _kill_at(killed, log, num_done)
    store = Store(str(killed))
    assert len(_lines(log)) == num_done + 1
    assert not store.exists(manifest_key(STAGE.asset, BATCH))
    assert len([key for key in store.list() if key.endswith("unit.json")]) == num_done

    log.unlink()
    main(str(killed), str(log))
    assert _lines(log) == [unit.video_id for unit in UNITS[num_done:]]
    assert [unit.outcome.kind for unit in read_batch(store, STAGE.asset, BATCH)].count("rejected") == 1

    main(str(tmp_path / "unbroken"), str(tmp_path / "log2"))
    leftovers = {name for name in _bytes(killed) if "/.tmp-" in name}
    assert {name: data for name, data in _bytes(killed).items() if name not in leftovers} == _bytes(
        tmp_path / "unbroken"
    )

    log.unlink()
    main(str(killed), str(log))
    assert _lines(log) == []
