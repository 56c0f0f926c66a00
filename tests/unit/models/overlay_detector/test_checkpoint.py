from pathlib import Path

import numpy as np
import pytest
import torch

from models.overlay_detector.checkpoint import load_detector, save_detector
from models.overlay_detector.config import DetectorConfig
from models.overlay_detector.modeling import OverlayDetector, Probabilities
from models.overlay_detector.runtime import EXPORTED, SHIPPED, load_network
from ops.outcomes import BadInputError
from ops.overlay.still import NUM_CHANNELS

SMALL = DetectorConfig(widths=(8, 8, 8, 8, 8), depths=(1, 1, 1, 1), head=8)
_MEGABYTE = 1e6


def test_a_saved_network_is_the_same_and_so_is_the_exported_one(tmp_path: Path) -> None:
    torch.manual_seed(1)
    model = OverlayDetector(SMALL).eval()
    save_detector(model, tmp_path)
    inputs = np.random.default_rng(0).integers(0, 256, (96, 128, NUM_CHANNELS)).astype(np.uint8)
    batch = torch.from_numpy(inputs).permute(2, 0, 1)[None]
    with torch.inference_mode():
        expected = Probabilities(model)(batch)[0].numpy()
        loaded = Probabilities(load_detector(tmp_path))(batch)[0].numpy()
    np.testing.assert_array_equal(loaded, expected)
    np.testing.assert_allclose(load_network(tmp_path)(inputs), expected, atol=1e-4)


def test_a_damaged_or_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="overlay detector"):
        load_detector(tmp_path)
    save_detector(OverlayDetector(SMALL), tmp_path)
    (tmp_path / "config.json").write_text('{"depth": 1}')
    with pytest.raises(BadInputError, match="unknown fields depth"):
        load_detector(tmp_path)


def test_the_shipped_files_fit_each_other_and_the_bound() -> None:
    model = load_detector()
    inputs = np.random.default_rng(0).integers(0, 256, (160, 256, NUM_CHANNELS)).astype(np.uint8)
    with torch.inference_mode():
        expected = Probabilities(model)(torch.from_numpy(inputs).permute(2, 0, 1)[None])[0].numpy()
    np.testing.assert_allclose(load_network()(inputs), expected, atol=1e-3)
    sizes = [(SHIPPED / name).stat().st_size for name in ("model.safetensors", EXPORTED)]
    assert sum(sizes) <= 16 * _MEGABYTE
    assert (SHIPPED / "README.md").is_file()
