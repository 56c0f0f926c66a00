import json

import pytest

from training.parser.config import PARSER_RECIPES, get_parser_recipe


@pytest.mark.parametrize("name", PARSER_RECIPES)
def test_recipes_can_be_stored_and_add_up(name: str) -> None:
    config = get_parser_recipe(name)
    assert json.loads(json.dumps(config.to_dict()))["steps"] == config.steps
    assert 0 < config.warmup_steps < config.steps and config.ramp_steps <= config.steps


def test_the_paper_s_recipe_has_the_paper_s_numbers() -> None:
    config = get_parser_recipe("paper")
    batch = config.clips_per_step * (config.synthesis.num_frames - 1)
    assert batch == 256 and config.steps * batch == 8_000_000
    assert (config.learning_rate, config.weight_decay) == (1e-4, 0.1)


def test_an_unknown_recipe_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no parser recipe 'big'; there are shipped, sticks, polish, longer"):
        get_parser_recipe("big")
