import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.gamepad import CONTROLS, DATASET_BUTTONS, STICKS
from ops.labels import atlas
from ops.labels.atlas import AtlasMap, cell, stick_reach, template_atlas
from ops.skins.procedural import make_skin
from ops.skins.template import ControlArea
from tests.factories.overlays import REST, place, pressed

WIDTH = 400.0


def test_cells_do_not_overlap_and_lie_inside() -> None:
    taken = np.zeros((atlas.HEIGHT_PX, atlas.WIDTH_PX), int)
    for control in CONTROLS:
        left, top, side = cell(control)
        assert side == (atlas.STICK_PX if control in STICKS else atlas.BUTTON_PX)
        part = taken[top : top + side, left : left + side]
        assert part.shape == (side, side)
        part += 1
    assert taken.max() == 1


def _spot(picture: np.ndarray) -> tuple[float, float]:
    """Return the centre of mass of a gray picture."""
    rows, columns = np.indices(picture.shape) + 0.5
    return float((picture * columns).sum() / picture.sum()), float((picture * rows).sum() / picture.sum())


@given(
    control=st.sampled_from(CONTROLS),
    scale=st.floats(0.3, 1.5),
    shift=st.tuples(st.floats(5, 60), st.floats(5, 60)),
    centre=st.tuples(st.floats(60, 300), st.floats(60, 180)),
)
def test_a_control_lands_in_the_middle_of_its_cell_and_nowhere_else(control, scale, shift, centre) -> None:
    area = ControlArea(*centre, 12, 12, travel=10 if control in STICKS else 0)
    affine = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    x, y = affine[:, :2] @ centre + affine[:, 2]
    picture = np.zeros((480, 720, 3), np.uint8)
    shifted = (round((x - 0.5) * 16), round((y - 0.5) * 16))
    cv2.circle(picture, shifted, round(8 * scale * 16), (255, 255, 255), -1, cv2.LINE_AA, 4)
    cut = AtlasMap.build({control: area}, WIDTH, affine).cut(picture)
    left, top, side = cell(control)
    inside = cut[top : top + side, left : left + side, 0].astype(float)
    np.testing.assert_allclose(_spot(inside), (side / 2, side / 2), atol=0.5)
    cut[top : top + side, left : left + side] = 0
    assert cut.max() == 0


@pytest.mark.parametrize("axis", [0, 1])
def test_a_stick_at_full_travel_is_at_its_reach_in_the_cell(axis: int) -> None:
    area = ControlArea(200, 120, 14, 14, travel=12)
    picture = np.zeros((240, 400, 3), np.uint8)
    centre = [200, 120]
    centre[axis] += 12
    cv2.circle(picture, (centre[0] * 16 - 8, centre[1] * 16 - 8), 16 * 8, (255, 255, 255), -1, cv2.LINE_AA, 4)
    cut = AtlasMap.build({"left_stick": area}, WIDTH, np.eye(2, 3)).cut(picture)[: atlas.STICK_PX, : atlas.STICK_PX, 0]
    reach = stick_reach({"left_stick": area}, WIDTH)
    found = np.array(_spot(cut.astype(float))) / (atlas.STICK_PX / 2) - 1
    np.testing.assert_allclose(found, np.eye(2)[axis] * reach[0], atol=0.02)
    assert np.isnan(reach[1]) and 0.2 < reach[0] < 1


def test_without_a_travel_one_is_assumed() -> None:
    reach = stick_reach({"right_stick": ControlArea(0, 0, 20, 20)}, WIDTH)
    told = stick_reach({"right_stick": ControlArea(0, 0, 20, 20, atlas.ASSUMED_TRAVEL * 20)}, WIDTH)
    assert reach[1] == told[1] and np.isnan(reach[0])


def test_one_press_changes_one_cell() -> None:
    """Neighbours may lie in a button's window; in this skin none does."""
    renderer = place("xbox_one-flat-01", 384, 6, 4)
    cut = AtlasMap.build(renderer.skin.areas(), renderer.skin.width, renderer.affine).cut
    atlases = []
    for buttons in (pressed(), pressed("south")):
        frame = np.full((250, 400, 3), 90, np.uint8)
        renderer.draw(frame, buttons, REST)
        atlases.append(cut(frame).astype(int))
    change = np.abs(atlases[1] - atlases[0]).max(axis=-1)
    middle = {
        name: change[top + side // 4 : top + side - side // 4, left + side // 4 : left + side - side // 4].max()
        for name in CONTROLS
        for left, top, side in [cell(name)]
    }
    assert [name for name, value in middle.items() if value > 20] == ["south"]


def test_the_template_s_atlas_is_what_the_frame_s_atlas_shows_when_idle() -> None:
    """Over mid-gray, and whatever size the overlay has in the frame."""
    skin = make_skin("ps4-solid-01")
    idle = template_atlas(skin.template())
    assert idle.shape == (atlas.HEIGHT_PX, atlas.WIDTH_PX, 4)
    renderer = place("ps4-solid-01", 300, 10, 8)
    frame = np.full((230, 330, 3), 128, np.uint8)
    renderer.draw(frame, pressed(), REST)
    cut = AtlasMap.build(skin.areas(), skin.width, renderer.affine).cut(frame)
    difference = np.abs(cut.astype(int) - idle[..., :3])
    assert difference.mean() < 6
    drawn = np.zeros(cut.shape[:2], bool)
    for name in skin.areas():
        left, top, side = cell(name)
        drawn[top : top + side, left : left + side] = True
    assert idle[~drawn].max() == 0 and cut[~drawn].max() == 0


def test_undrawn_controls_are_black() -> None:
    cut = AtlasMap.build({"south": ControlArea(50, 50, 9, 9)}, WIDTH, np.eye(2, 3)).cut(
        np.full((100, 100, 3), 200, np.uint8)
    )
    for name in DATASET_BUTTONS:
        left, top, side = cell(name)
        assert (cut[top : top + side, left : left + side] == (200 if name == "south" else 0)).all()
