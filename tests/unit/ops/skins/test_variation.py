import numpy as np

from ops.gamepad import DATASET
from ops.skins.form import SkinRenderer
from ops.skins.procedural import make_skin
from ops.skins.variation import resized, with_travel

PRESSED = np.zeros(DATASET.num_buttons, np.float32)
PRESSED[DATASET.index("south")] = 1
AXES = np.array([0.5, -1, 0, 0.3], np.float32)


def test_a_resized_skin_draws_the_same_picture() -> None:
    skin = make_skin("ps4-solid-02")
    small = resized(skin, 400)
    assert small.width == 400 and set(small.areas()) == set(skin.areas())
    first, second = (SkinRenderer(s, 300).compose(PRESSED, AXES)[:186] for s in (skin, small))
    assert np.abs(first - second).mean() < 0.01 and np.abs(first - second).max() < 0.6
    area, was = small.areas()["left_stick"], skin.areas()["left_stick"]
    np.testing.assert_allclose([area.cx, area.travel], [was.cx * 400 / skin.width, was.travel * 400 / skin.width])


def test_sticks_move_by_the_share_of_their_cap_that_was_asked_for() -> None:
    skin = make_skin("xbox_one-flat-01")
    moved = with_travel(skin, 0.25)
    area = moved.areas()["left_stick"]
    assert area.travel == 0.25 * area.half_width

    def centre(axes: tuple[float, ...]) -> float:
        idle = SkinRenderer(moved, moved.width).compose(PRESSED * 0, np.zeros(4, np.float32))
        away = SkinRenderer(moved, moved.width).compose(PRESSED * 0, np.asarray(axes, np.float32))
        return float(np.nonzero(np.abs(away - idle).max(axis=(0, 2)) > 0.05)[0].max())

    reach = centre((1, 0, 0, 0)) - centre((0.5, 0, 0, 0))
    assert abs(reach - area.travel / 2) <= 1.5
