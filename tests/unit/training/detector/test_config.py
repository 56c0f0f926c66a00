import json
from pathlib import Path

import pytest

from models.overlay_detector.config import DetectorConfig
from training.detector.config import DetectorTrainConfig


def test_a_config_is_read_from_json(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"steps": 7, "model": {"head": 16}}))
    assert DetectorTrainConfig.load(path) == DetectorTrainConfig(steps=7, model=DetectorConfig(head=16))


def test_an_unknown_field_is_named(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"stepps": 7}))
    with pytest.raises(ValueError, match="unknown fields stepps"):
        DetectorTrainConfig.load(path)


def test_a_config_written_is_the_one_read(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(DetectorTrainConfig(minutes=3).to_dict()))
    assert DetectorTrainConfig.load(path) == DetectorTrainConfig(minutes=3)
