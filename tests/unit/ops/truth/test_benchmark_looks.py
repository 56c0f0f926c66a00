"""What makes an overlay hard to find."""

import numpy as np
import pytest

from ops.overlay.frames import to_gray
from ops.skins.form import SkinRenderer
from ops.skins.procedural import make_skin
from ops.truth.benchmark_looks import draw_hud, fill_key, muted

SKIN = make_skin("xbox_one-flat-01")


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_a_key_fills_the_canvas_and_nothing_else(seed: int) -> None:
    frame = np.full((200, 300, 3), 9, np.uint8)
    renderer = SkinRenderer(SKIN, 120, 30, 40)
    fill_key(frame, renderer, seed)
    rows, columns = np.nonzero((frame != 9).any(axis=-1))
    assert (columns.min(), columns.max(), rows.min()) == (30, 149, 40)
    assert rows.max() + 1 == round(40 + SKIN.height * renderer.scale)
    assert len(np.unique(frame[rows, columns], axis=0)) == 1
    again = np.full_like(frame, 9)
    fill_key(again, renderer, seed + 3)
    np.testing.assert_array_equal(frame, again)


def test_a_hud_is_all_over_the_frame_and_that_of_its_seed() -> None:
    frames = [np.zeros((360, 640, 3), np.uint8) for _ in range(3)]
    for frame, seed in zip(frames, (1, 1, 2), strict=True):
        draw_hud(frame, np.random.default_rng(seed))
    np.testing.assert_array_equal(frames[0], frames[1])
    assert (frames[0] != frames[2]).any()
    for quarter in (np.s_[:180, :320], np.s_[:180, 320:], np.s_[180:, :320], np.s_[180:, 320:]):
        assert 0.02 < (frames[0][quarter].max(axis=-1) > 0).mean() < 0.9


def test_a_muted_skin_is_flat_in_grey_and_not_in_colour() -> None:
    def contrast(rgba: np.ndarray, gray: bool) -> float:
        drawn = rgba[..., 3] > 250
        values = to_gray(np.ascontiguousarray(rgba[..., :3])) if gray else rgba[..., 0].astype(int) - rgba[..., 2]
        return float(np.std(values[drawn].astype(float)))

    plain, flat = SKIN.template(), muted(SKIN).template()
    assert flat.template_id == f"{SKIN.skin_id}-muted" and flat.controls == plain.controls
    np.testing.assert_array_equal(plain.rgba[..., 3], flat.rgba[..., 3])
    assert contrast(flat.rgba, gray=True) < 0.2 * contrast(plain.rgba, gray=True)
    assert contrast(flat.rgba, gray=False) > 3 * contrast(flat.rgba, gray=True)
