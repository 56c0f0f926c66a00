from pathlib import Path

import numpy as np
import pytest

from training.detector import pool
from training.detector.painter import random_pad
from training.detector.scenes import drawn_scene


def test_a_shard_is_a_function_of_its_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "SHARD_SIZE", 3)
    monkeypatch.setattr(pool, "_PADS_AT_HAND", 1)
    monkeypatch.setattr(pool.PadSource, "draw", lambda self, rng: random_pad(rng))
    scenes = [drawn_scene] * 3
    first, second = (pool.make_shard(np.random.default_rng(2), pool.PadSource(""), scenes) for _ in range(2))
    assert set(first) == {"channels", "things", "places"}
    assert all(len(array) == 3 for array in first.values())
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name])


def test_pads_come_from_both_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    painted: list[int] = []
    monkeypatch.setattr(pool, "random_pad", lambda rng: painted.append(1) or random_pad(rng))
    source = pool.PadSource("")
    pads = [source.draw(np.random.default_rng(seed)) for seed in range(6)]
    assert len(painted) > 0
    assert all(len(pad.marks) > 1 for pad in pads)


def test_shards_are_numbered(tmp_path: Path) -> None:
    assert pool.shard_path(tmp_path, 7) == tmp_path / "shard-0007.npz"
