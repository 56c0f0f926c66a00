import numpy as np
import pytest
import torch

from ops.gamepad import BENCHMARK
from training.serving.infer import fit_view, open_policy


def test_the_actor_plays_by_the_contract(store):
    actor = open_policy(store, "policy/checkpoint")
    frame = np.random.default_rng(0).integers(0, 256, (90, 160, 3), dtype=np.uint8)
    buttons, sticks = actor(frame, seed=3)
    assert buttons.shape == (actor.horizon, BENCHMARK.num_buttons)
    assert sticks.shape == (actor.horizon, 4)
    assert set(np.unique(buttons)) <= {0.0, 1.0}
    assert np.abs(sticks).max() <= 1
    for one, other in zip(actor(frame, seed=3), (buttons, sticks), strict=True):
        assert np.array_equal(one, other)
    assert not np.array_equal(actor(frame, seed=4)[1], sticks)


def test_channels_without_labels_stay_at_rest(store):
    actor = open_policy(store, "policy/checkpoint", threshold=None)
    layout = actor.config.action_layout
    packed = actor.act(np.zeros((1, 32, 32, 3), np.uint8), torch.Generator().manual_seed(0))
    assert (packed[..., layout.index("guide")] == 0).all()
    assert (packed[..., layout.index("south")] != 0).any()
    actor.known[-4:] = False
    assert (actor(np.zeros((9, 9, 3), np.uint8), 0)[1] == 0).all()


def test_observations_are_brought_to_a_square_by_area():
    wide = np.zeros((512, 1024, 3), np.uint8)
    wide[:, ::2] = 200
    assert fit_view(wide, 128).shape == (128, 128, 3)
    assert set(np.unique(fit_view(wide, 128))) == {100}
    with pytest.raises(ValueError, match=r"got \(4, 4\)"):
        fit_view(np.zeros((4, 4), np.uint8), 128)
