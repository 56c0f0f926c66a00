from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ops.outcomes import BadInputError
from ops.skins.procedural import make_skin
from ops.truth.synthesize import SynthesisConfig
from training.parser import skins as parser_skins
from training.parser.config import smoke
from training.parser.data import SyntheticPairs
from training.parser.skins import FIRST_TRAINING_VARIANT, SkinPool, as_found, recoloured

CONFIG = replace(smoke(), clips_per_step=1, synthesis=SynthesisConfig(num_frames=3, width_px=(150, 170)))


def test_training_skins_are_not_the_library_s(monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []
    make_skin = parser_skins.make_skin
    parser_skins._procedural.cache_clear()
    monkeypatch.setattr(parser_skins, "make_skin", lambda name: names.append(name) or make_skin(name))
    _ = SyntheticPairs(replace(CONFIG, seed=7))[0]
    assert names and all(int(name.rsplit("-", 1)[1]) >= FIRST_TRAINING_VARIANT for name in names)


def test_held_out_skins_are_not_drawn_and_none_left_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no skins to train on"):
        SkinPool(str(tmp_path), ("*",))


def test_areas_that_were_found_are_near_the_true_ones_and_thumbs_stay_on_their_sticks() -> None:
    areas = make_skin("ps4-flat-01").areas()
    found = as_found(np.random.default_rng(0), areas)
    assert found.keys() == areas.keys()
    for name, area in areas.items():
        assert abs(found[name].cx - area.cx) <= 0.4 * area.half_width + 1e-6
    assert found["left_thumb"] == found["left_stick"] or areas["left_thumb"] != areas["left_stick"]
    assert any(found[name] != areas[name] for name in areas)


def test_another_colourway_keeps_the_shape() -> None:
    idle = np.random.default_rng(0).integers(0, 256, (9, 9, 4), dtype=np.uint8)
    other = recoloured(np.random.default_rng(1), idle)
    assert np.array_equal(other[..., 3], idle[..., 3]) and not np.array_equal(other, idle)
    idle[..., 3] = 0
    assert np.array_equal(recoloured(np.random.default_rng(1), idle), idle)
