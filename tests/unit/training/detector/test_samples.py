from dataclasses import replace

import numpy as np
import pytest

from ops.skins.procedural import make_skin
from training.detector.painter import NUM_STATES, random_pad
from training.detector.samples import HEIGHT_PX, WIDTH_PX, SampleConfig, make_sample, skin_art
from training.detector.scenes import drawn_scene

CONFIG = SampleConfig(num_frames=(4, 6), clutter=2)
PAD = random_pad(np.random.default_rng(0))


@pytest.mark.parametrize("seed", range(12))
def test_truth_says_what_is_there(seed: int) -> None:
    sample = make_sample(np.random.default_rng(seed), [PAD], drawn_scene, CONFIG)
    assert sample.channels.shape == (HEIGHT_PX, WIDTH_PX, 7)
    mask = sample.channels[..., 6]
    pads = sample.things[sample.things[:, 0] == 0]
    assert (mask.max() > 0) == (len(pads) > 0)
    for (_, x, y, w, h), places in zip(sample.things, sample.places, strict=True):
        if not np.isfinite(places[:, 0]).any():
            continue
        inside = mask[int(y) : int(y + h), int(x) : int(x + w)]
        assert inside[0].any() and inside[-1].any() and inside[:, 0].any() and inside[:, -1].any()
        drawn = places[np.isfinite(places[:, 0])]
        assert (drawn[:, 0] > x - 2).all() and (drawn[:, 0] < x + w + 2).all()
        assert (drawn[:, 1] > y - 2).all() and (drawn[:, 1] < y + h + 2).all()


def test_beyond_a_border_there_is_nothing() -> None:
    config = replace(CONFIG, borders=1.0)
    channels = make_sample(np.random.default_rng(1), [PAD], drawn_scene, config).channels
    assert channels[0].max() == 0
    assert channels[:, 0].max() == 0
    assert channels.max() > 0


def test_a_skin_becomes_art_with_its_controls() -> None:
    skin = make_skin("ps4-flat-101")
    art = skin_art(np.random.default_rng(0), skin)
    assert len(art.states) == NUM_STATES
    assert set(art.marks) == {name for name in skin.areas() if not name.endswith("_thumb")}
    south = skin.areas()["south"]
    assert art.marks["south"].centre[0] / art.states.shape[2] == pytest.approx(south.cx / skin.width, abs=0.01)
