import numpy as np
import pytest

from ops.skins.procedural import make_skin
from ops.truth.synthesize import procedural_background
from training.parser.pairs import HEIGHT_PX, WIDTH_PX, Pair, XFeatTrainConfig, draw_batch, draw_pair
from training.parser.skins import SkinPool

CONFIG = XFeatTrainConfig(steps=4, batch_size=1, points=32, save_every=2)


CLEAR = XFeatTrainConfig(opacity=(1.0, 1.0), width_px=(300.0, 420.0), crf=(18, 19))


def _likeness(pair: Pair, shift: int = 0) -> float:
    """Return the mean correlation of patches around points and around where they are said to be, or beside that."""
    found = []
    for (x0, y0), (x1, y1) in np.round(pair.points).astype(int):
        patches = [p[y - 4 : y + 5, x - 4 : x + 5] for p, x, y in ((pair.first, x0, y0), (pair.second, x1 + shift, y1))]
        if all(patch.shape == (9, 9) and patch.std() > 8 for patch in patches):
            found.append(np.corrcoef(patches[0].ravel(), patches[1].ravel())[0, 1])
    assert len(found) > 20
    return float(np.mean(found))


@pytest.mark.parametrize("number", range(3))
def test_points_of_a_template_are_the_same_places_of_the_frame(number: int) -> None:
    pair = draw_pair(np.random.default_rng(number), make_skin("xbox_one-flat-101"), procedural_background, CLEAR)
    assert pair.first.shape == pair.second.shape == (HEIGHT_PX, WIDTH_PX)
    assert _likeness(pair) > 0.5 > _likeness(pair, shift=12) + 0.2
    assert len(pair.corners) > 10


def test_and_so_are_those_of_two_views_of_a_scene() -> None:
    pair = draw_pair(np.random.default_rng(0), None, procedural_background, CLEAR)
    middle = pair.points[:, 1].mean(axis=0)
    assert (middle > (0, 0)).all() and (middle < (WIDTH_PX, HEIGHT_PX)).all()
    assert len(pair.points) > 30


def test_a_step_is_a_function_of_its_number() -> None:
    one, again, other = (draw_batch(step, CONFIG, SkinPool("", ()), None)[0] for step in (1, 1, 2))
    assert np.array_equal(one.second, again.second) and np.array_equal(one.points, again.points)
    assert not np.array_equal(one.second, other.second)
