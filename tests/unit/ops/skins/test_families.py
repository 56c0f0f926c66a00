"""Where the controls of pads are, and how designs vary."""

import numpy as np
import pytest

from ops.gamepad import DATASET_BUTTONS
from ops.skins.families import FAMILIES

THUMBS = {"left_thumb", "right_thumb"}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_design_has_every_control_on_its_canvas(name: str) -> None:
    for seed in range(20):
        design = FAMILIES[name].varied(np.random.default_rng(seed), free=bool(seed % 2))
        assert set(design.buttons) == set(DATASET_BUTTONS) - THUMBS
        for (x, y), (half_width, half_height) in design.buttons.values():
            assert half_width <= x <= 1 - half_width and half_height <= y <= design.aspect - half_height
        for x, y in design.sticks.values():
            assert design.well_radius < x < 1 - design.well_radius and y + design.well_radius < design.aspect
        assert 0 < design.cap_radius < design.well_radius and design.travel > 0


@pytest.mark.parametrize("name", FAMILIES)
def test_face_buttons_lie_as_their_names_say(name: str) -> None:
    design = FAMILIES[name].varied(np.random.default_rng(1), free=False)
    at = {button: centre for button, (centre, _) in design.buttons.items()}
    assert at["west"][0] < at["south"][0] == at["north"][0] < at["east"][0]
    assert at["north"][1] < at["east"][1] == at["west"][1] < at["south"][1]
    assert at["dpad_left"][0] < at["dpad_up"][0] < at["dpad_right"][0] < at["south"][0]
    assert at["left_trigger"][1] < at["left_shoulder"][1] and at["back"][0] < at["start"][0]
    assert at["left_shoulder"][0] == pytest.approx(1 - at["right_shoulder"][0])


def test_a_free_design_has_no_hull_and_seeds_make_others() -> None:
    family = FAMILIES["ps5"]
    assert family.varied(np.random.default_rng(0), free=True).body == ()
    first, again, other = (family.varied(np.random.default_rng(seed), free=False) for seed in (0, 0, 1))
    assert first == again != other and first.body != family.body
    assert len({len(family.varied(np.random.default_rng(seed), False).glyphs) for seed in range(20)}) == 2


def test_pads_of_two_makers_have_their_sticks_elsewhere() -> None:
    left = {name: FAMILIES[name].left_stick for name in FAMILIES}
    assert left["xbox_one"][1] < FAMILIES["xbox_one"].dpad[1] and left["ps4"][1] > FAMILIES["ps4"].dpad[1]
