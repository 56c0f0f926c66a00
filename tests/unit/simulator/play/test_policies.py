import numpy as np
import pytest

from ops.gamepad import BENCHMARK
from simulator.play.policies import ActionChunk, LearnedPolicy, NoOpPolicy, RandomPolicy

FRAME = np.zeros((120, 160, 3), np.uint8)


def test_a_chunk_names_its_shapes():
    chunk = ActionChunk.single(("south", "right_trigger"), (2.0, 0, 0, -3.0))
    assert chunk.num_actions == 1
    assert {BENCHMARK.buttons[i] for i in np.flatnonzero(chunk.buttons[0])} == {"south", "right_trigger"}
    assert chunk.sticks[0].tolist() == [1, 0, 0, -1]
    with pytest.raises(ValueError, match="n >= 1"):
        ActionChunk(np.zeros((0, 16), np.int8), np.zeros((0, 4), np.float32))


def test_random_is_uniform_and_follows_its_seed():
    policy = RandomPolicy()
    policy.reset(3)
    chunks = [policy.act(FRAME) for _ in range(2000)]
    buttons, sticks = np.concatenate([c.buttons for c in chunks]), np.concatenate([c.sticks for c in chunks])
    np.testing.assert_allclose(buttons.mean(axis=0), 0.5, atol=0.06)
    np.testing.assert_allclose(sticks.mean(axis=0), 0, atol=0.06)
    np.testing.assert_allclose(sticks.std(axis=0), 1 / np.sqrt(3), atol=0.03)
    policy.reset(3)
    np.testing.assert_array_equal(policy.act(FRAME).sticks, chunks[0].sticks)
    assert not NoOpPolicy().act(FRAME).buttons.any()


def test_a_learned_policy_sees_what_training_saw_and_plays_part_of_its_chunk():
    seen = []

    def predict(picture, rng):
        seen.append((picture, rng.random()))
        return np.tile(np.linspace(0, 1, 16), (8, 1)), np.full((8, 4), 1.2)

    policy = LearnedPolicy(predict, num_executed=3, masks=[(0, 128, 64, 128)])
    policy.reset(7)
    chunk = policy.act(np.full((120, 160, 3), 200, np.uint8))
    picture, draw = seen[0]
    assert picture.shape == (256, 256, 3)
    assert not picture[128:, :64].any()
    assert (picture[:128] == 200).all()
    assert chunk.num_actions == 3
    assert chunk.buttons[0].tolist() == [0] * 8 + [1] * 8
    assert (chunk.sticks == 1).all()
    policy.reset(7)
    policy.act(FRAME)
    assert seen[1][1] == draw
    with pytest.raises(ValueError, match="at least 1"):
        LearnedPolicy(predict, num_executed=0)
