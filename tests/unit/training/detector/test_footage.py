from pathlib import Path

import numpy as np
import pytest

from training.detector import footage


def test_pictures_are_in_colour() -> None:
    pictures = footage.pictures()
    assert len(pictures) > 8
    assert all(picture.ndim == 3 and picture.shape[2] == 3 for picture in pictures)


def test_walks_are_recorded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(footage, "_MAPS", 1)
    monkeypatch.setattr(footage, "_FRAMES", 4)
    (walk,) = footage.doom_walks(tmp_path / "walks.npy")
    assert walk.shape == (4, 300, 400, 3)
    assert np.ptp(walk.astype(int), axis=0).mean() > 1
    monkeypatch.setattr(footage, "_walk", None)
    np.testing.assert_array_equal(footage.doom_walks(tmp_path / "walks.npy")[0], walk)
