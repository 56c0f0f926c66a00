import pytest
import torch

from models.policy.config import PRESETS, PolicyConfig
from models.policy.modeling import Policy
from tests.unit.models.policy.test_modeling import mini


def test_presets_have_the_documented_action_shapes():
    shapes = {name: (preset().horizon, preset().action_dim) for name, preset in PRESETS.items()}
    assert (shapes["paper"], shapes["nitrogen-500m"]) == ((16, 24), (18, 25))


@pytest.mark.parametrize("name", PRESETS)
def test_presets_build_and_survive_their_dictionary(name):
    config = PRESETS[name]()
    assert PolicyConfig.from_dict(config.to_dict()) == config
    with torch.device("meta"):
        Policy(config)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden": 64}, "widths"),
        ({"horizon": 9}, "horizon"),
        ({"layout": "keyboard"}, "layout"),
        ({"control_hz": 0}, "control_hz"),
    ],
)
def test_bad_configs_say_what_they_got(change, message):
    with pytest.raises(ValueError, match=message):
        mini(**change)
