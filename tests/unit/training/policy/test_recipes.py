from dataclasses import replace

import pytest

from training.policy.recipes import RECIPES, fine_tuned, get_recipe, with_shuffled_labels


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_are_valid_and_differ(name):
    assert get_recipe(name).steps > 0
    with pytest.raises(ValueError, match=r"tiny, small, paper, nitrogen-500m, got 'huge'"):
        get_recipe("huge")


def test_shuffled_labels_are_the_only_difference_of_the_control():
    config = get_recipe("tiny")
    control = with_shuffled_labels(config)
    assert control.data.shuffle_labels and not config.data.shuffle_labels
    assert replace(control, data=config.data) == config


def test_two_starts_are_refused_and_a_missing_one_is_named():
    with pytest.raises(ValueError, match="not both"):
        fine_tuned(get_recipe("tiny"), init="a", vision_init="b")
    with pytest.raises(FileNotFoundError):
        fine_tuned(get_recipe("tiny"), init="nowhere")
    assert fine_tuned(get_recipe("tiny"), vision_init="b", freeze_vision=True).freeze == (
        "vision_encoder",
        "vision_stem",
    )
