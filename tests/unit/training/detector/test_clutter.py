import numpy as np
import pytest

from training.detector.clutter import CLUTTER, draw_fight_stick, draw_keyboard


@pytest.mark.parametrize("make", sorted(set(CLUTTER), key=lambda make: make.__name__))
def test_clutter_changes_a_part_of_every_frame(make: object) -> None:
    changed = []
    for seed in range(8):
        frames = np.full((4, 120, 200, 3), 100, np.uint8)
        make(np.random.default_rng(seed), frames)  # type: ignore[operator]
        changed.append((frames != 100).any(axis=-1).mean(axis=(1, 2)))
    assert (np.mean(changed, axis=0) > 0.002).all()
    assert np.mean(changed) < 0.6


@pytest.mark.parametrize("make", [draw_keyboard, draw_fight_stick])
def test_boxes_hold_what_was_drawn(make: object) -> None:
    for seed in range(10):
        frames = np.full((2, 160, 260, 3), 100, np.uint8)
        x, y, w, h = make(np.random.default_rng(seed), frames)  # type: ignore[operator]
        rows, columns = np.nonzero((frames[0] != 100).any(axis=-1))
        assert x - 1 <= columns.min()
        assert columns.max() < x + w + 1
        assert y - 1 <= rows.min()
        assert rows.max() < y + h + 1
        assert (columns.max() + 1 - columns.min()) * (rows.max() + 1 - rows.min()) > 0.5 * w * h
