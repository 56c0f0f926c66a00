from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.overlay_parser.modeling import OverlayParser
from ops.labels import atlas
from ops.truth.synthesize import SynthesisConfig
from tests.factories.media import write_clip
from training.parser import data as parser_data
from training.parser.config import ParserTrainConfig, smoke
from training.parser.data import PairBatch, SyntheticPairs, load_footage, ramped

CONFIG = replace(smoke(), synthesis=SynthesisConfig(num_frames=4, width_px=(150, 170)))


@pytest.fixture(autouse=True)
def _few_skins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parser_data, "_POOL_SKINS", 2)


def _equal(first: PairBatch, second: PairBatch) -> bool:
    return all(torch.equal(a.nan_to_num(-9), b.nan_to_num(-9)) for a, b in zip(first, second, strict=True))


def test_a_batch_is_a_function_of_config_and_step() -> None:
    first = SyntheticPairs(CONFIG)[1]
    data = SyntheticPairs(CONFIG)
    _ = data[0]  # whatever was made before
    assert _equal(data[1], first) and not _equal(data[2], first)
    assert not _equal(SyntheticPairs(replace(CONFIG, seed=1))[1], first)
    assert len(data) == CONFIG.steps


def test_a_batch_fits_the_network() -> None:
    batch = SyntheticPairs(CONFIG)[0]
    rows = CONFIG.clips_per_step * 3
    assert batch.pairs.shape == (rows, 2, atlas.HEIGHT_PX, atlas.WIDTH_PX, 3) and batch.pairs.dtype == torch.uint8
    assert batch.reference.shape == (rows, atlas.HEIGHT_PX, atlas.WIDTH_PX, 7)
    assert batch.buttons.shape == (rows, 17) and batch.places.shape == (rows, 2, 2)
    known = batch.buttons[batch.buttons.isfinite()]
    assert set(known.unique().tolist()) <= {0.0, 1.0} and batch.places.nan_to_num().abs().max() < 1
    assert OverlayParser(CONFIG.model)(batch.pairs, batch.reference).button_logits.shape == batch.buttons.shape


def test_pairs_overlap_by_one_frame() -> None:
    pairs = SyntheticPairs(CONFIG)[0].pairs
    assert torch.equal(pairs[0, 1], pairs[1, 0]) and torch.equal(pairs[1, 1], pairs[2, 0])


def test_workers_that_take_turns_draw_different_skins() -> None:
    pool = SyntheticPairs(CONFIG)._pool
    turns = [pool(step) for step in range(4)]
    assert all(first != second for number, first in enumerate(turns) for second in turns[:number])
    assert all(pool(step) == turns[step % 4] for step in range(48)) and pool(48) != turns[0]


def test_the_ramp_starts_easy_and_ends_at_the_config() -> None:
    full = ParserTrainConfig().synthesis
    easy = ramped(full, 0.0)
    assert ramped(full, 1.0) == ramped(full, 7.0) == full
    assert easy.opacity[0] > full.opacity[0] and easy.width_px[0] > full.width_px[0]
    assert easy.crf[1] < full.crf[1] and easy.box_error == 0
    half = ramped(full, 0.5)
    assert easy.opacity[0] > half.opacity[0] > full.opacity[0] and easy.crf[1] < half.crf[1] < full.crf[1]


def test_footage_is_read_in_strides_and_limited(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no \.mp4 footage"):
        load_footage(tmp_path)
    write_clip(tmp_path / "a.mp4", num_frames=20)
    (frames,) = load_footage(tmp_path, max_height=48, stride=2)
    assert frames.shape == (10, 48, 80, 3) and frames.dtype == np.uint8
    assert load_footage(tmp_path, stride=2, max_frames=3)[0].shape[0] == 3


def test_half_of_the_backgrounds_are_footage_where_there_is_some(tmp_path: Path, monkeypatch) -> None:
    write_clip(tmp_path / "a.mp4", num_frames=8)
    used: list[str] = []
    make_clip = parser_data.make_clip

    def noted(rng, skin, background, config):
        used.append(background.__name__)
        return make_clip(rng, skin, background, config)

    monkeypatch.setattr(parser_data, "make_clip", noted)
    _ = SyntheticPairs(replace(CONFIG, footage=str(tmp_path), clips_per_step=8))[0]
    assert set(used) == {"background", "procedural_background"}
    used.clear()
    _ = SyntheticPairs(CONFIG)[0]
    assert set(used) == {"procedural_background"}
