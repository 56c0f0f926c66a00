from pathlib import Path

import numpy as np
import torch

from ops.overlay.detect import PLACES, ZOOM_PX
from training.detector.data import Examples, batch_of
from training.detector.pool import shard_path
from training.detector.samples import HEIGHT_PX, MOST_THINGS, WIDTH_PX


def write_shard(folder: Path, number: int, box: tuple[float, ...], count: int = 2) -> None:
    rng = np.random.default_rng(number)
    channels = rng.integers(1, 255, (count, HEIGHT_PX, WIDTH_PX, 7)).astype(np.uint8)
    channels[..., 6] = 0
    x, y, w, h = (int(value) for value in box)
    channels[:, y : y + h, x : x + w, 6] = 255
    things = np.full((count, MOST_THINGS, 5), -1, np.float32)
    things[:, 0] = (0, *box)
    places = np.full((count, MOST_THINGS, len(PLACES), 4), np.nan, np.float32)
    places[:, 0, 0] = (box[0] + 10, box[1] + 8, 4, 4)
    np.savez(shard_path(folder, number), channels=channels, things=things, places=places)


def test_shards_are_taken_in_order_as_they_appear(tmp_path: Path) -> None:
    examples = Examples(tmp_path, 1, 2)
    write_shard(tmp_path, 0, (30, 30, 60, 40))
    assert examples.refill() == 0
    write_shard(tmp_path, 1, (30, 30, 60, 40))
    write_shard(tmp_path, 2, (30, 30, 60, 40))
    write_shard(tmp_path, 3, (30, 30, 60, 40))
    assert examples.refill() == 4
    assert examples.refill() == 4


def test_windows_keep_a_thing_whole_and_move_its_truth(tmp_path: Path) -> None:
    write_shard(tmp_path, 0, (2.0, 100.0, 100.0, 70.0))
    examples = Examples(tmp_path, 0, 1)
    examples.refill()
    rng = np.random.default_rng(0)
    for _ in range(10):
        channels, things, places, ignored = examples.window(0, rng)
        assert channels.shape == (ZOOM_PX[1], ZOOM_PX[0], 7)
        assert ignored.max() == 0
        _, x, y, w, h = things[0]
        rows, columns = np.nonzero(channels[..., 6])
        assert (columns.min(), rows.min()) == (x, y)
        assert (columns.max() + 1, rows.max() + 1) == (x + w, y + h)
        assert tuple(places[0, 0, :2] - things[0, 1:3]) == (10, 8)


def test_a_thing_that_no_window_holds_is_ignored(tmp_path: Path) -> None:
    write_shard(tmp_path, 0, (2.0, 1.0, 280.0, 170.0))
    examples = Examples(tmp_path, 0, 1)
    examples.refill()
    _, things, places, ignored = examples.window(0, np.random.default_rng(0))
    assert (things[:, 0] == -1).all()
    assert np.isnan(places).all()
    assert ignored[0, 2] == 280


def test_a_batch_is_varied_only_with_a_generator(tmp_path: Path) -> None:
    write_shard(tmp_path, 0, (30, 30, 60, 40))
    examples = Examples(tmp_path, 0, 1)
    examples.refill()
    plain, truth = batch_of(examples, np.array([0, 1]), None)
    again, _ = batch_of(examples, np.array([0, 1]), None)
    varied, _ = batch_of(examples, np.array([0, 1]), np.random.default_rng(0))
    assert plain.shape == (2, 6, ZOOM_PX[1], ZOOM_PX[0])
    torch.testing.assert_close(plain, again)
    assert (varied - plain).abs().mean() > 0.01
    assert varied.min() >= 0 and varied.max() <= 1
    assert truth.mask.shape == (2, ZOOM_PX[1], ZOOM_PX[0])
