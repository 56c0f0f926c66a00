import json
from dataclasses import asdict

import pytest

from models.overlay_parser.config import CONFIGS, ParserConfig, b0
from models.overlay_parser.modeling import (
    OverlayParser,
)


def test_the_published_encoder_can_be_built() -> None:
    num_parameters = sum(p.numel() for p in OverlayParser(b0()).parameters())
    assert 3_300_000 < num_parameters < 8_000_000, "SegFormer-B0's encoder has 3.3 M"


def test_stages_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="same stages"):
        ParserConfig(hidden=(8, 16), depths=(1,))


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_survives_json(name: str) -> None:
    config = CONFIGS[name]()
    assert ParserConfig.from_dict(json.loads(json.dumps(asdict(config)))) == config
    with pytest.raises(TypeError, match="colour"):
        ParserConfig.from_dict({"colour": 1})
