import pytest

from models.overlay_detector.config import DetectorConfig


def test_a_config_comes_back_from_json_fields() -> None:
    config = DetectorConfig.from_dict({"widths": [8, 16, 16, 16, 16], "head": 16})
    assert config == DetectorConfig(widths=(8, 16, 16, 16, 16), head=16)


def test_an_unknown_field_is_named() -> None:
    with pytest.raises(ValueError, match="unknown fields depth"):
        DetectorConfig.from_dict({"depth": 3})
