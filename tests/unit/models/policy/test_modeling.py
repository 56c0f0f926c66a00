import dataclasses
import math

import pytest
import torch

from models.policy.config import FlowConfig, PolicyConfig, StackConfig, VisionConfig, nitrogen_500m
from models.policy.modeling import Policy


def mini(**changes) -> PolicyConfig:
    config = PolicyConfig(
        vision=VisionConfig(hidden=32, layers=2, heads=2, mlp=48, image_px=32, patch_px=16, name=""),
        mixing=StackConfig(1, 2, 16),
        dit=StackConfig(4, 2, 16),
        horizon=5,
        hidden=32,
        dit_output=32,
        max_positions=8,
    )
    return dataclasses.replace(config, **changes)


@pytest.fixture(scope="module")
def policy():
    torch.manual_seed(0)
    return Policy(mini()).eval()


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_released_shape_has_its_tensors_and_parameters():
    with torch.device("meta"):
        policy = Policy(nitrogen_500m())
    state = policy.state_dict()
    counts = {}
    for name, tensor in state.items():
        part = name.split(".")[0]
        number, size = counts.get(part, (0, 0))
        counts[part] = (number + 1, size + tensor.numel())
    assert counts == {
        "vision_encoder": (400, 315_956_224),
        "model": (120, 121_992_192),
        "vl_self_attention_model": (64, 50_384_896),
        "action_encoder": (6, 3_174_400),
        "action_decoder": (4, 1_075_225),
        "position_embedding": (1, 1_048_576),
    }
    assert len(state) == 595
    assert sum(tensor.numel() for tensor in state.values()) == 493_631_513


def test_released_tensors_have_the_released_names_and_shapes():
    with torch.device("meta"):
        state = Policy(nitrogen_500m()).state_dict()
    shapes = {
        "vision_encoder.embeddings.patch_embedding.weight": (1024, 3, 16, 16),
        "vision_encoder.embeddings.position_embedding.weight": (256, 1024),
        "vision_encoder.encoder.layers.23.self_attn.out_proj.bias": (1024,),
        "vision_encoder.post_layernorm.weight": (1024,),
        "vision_encoder.head.attention.in_proj_weight": (3072, 1024),
        "model.timestep_encoder.timestep_embedder.linear_1.weight": (1024, 256),
        "model.transformer_blocks.7.norm1.linear.weight": (2048, 1024),
        "model.transformer_blocks.0.attn1.to_out.0.weight": (1024, 1024),
        "model.transformer_blocks.0.ff.net.0.proj.weight": (4096, 1024),
        "model.transformer_blocks.0.ff.net.2.weight": (1024, 4096),
        "model.proj_out_1.weight": (2048, 1024),
        "model.proj_out_2.weight": (1024, 1024),
        "vl_self_attention_model.transformer_blocks.3.norm3.weight": (1024,),
        "action_encoder.W1.W": (1, 25, 1024),
        "action_encoder.W2.W": (1, 2048, 1024),
        "action_decoder.layer2.W": (1, 1024, 25),
        "action_decoder.layer2.b": (1, 25),
        "position_embedding.weight": (1024, 1024),
    }
    assert {name: tuple(state[name].shape) for name in shapes} == shapes


def test_a_stem_leaves_the_tokens_of_its_patches():
    vision = VisionConfig(32, 1, 2, 48, image_px=32, patch_px=16, stem=(4, 8))
    policy = Policy(mini(vision=vision)).eval()
    frames = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8, generator=seeded())
    assert policy.encode(frames).shape == (2, vision.num_tokens, 32)
    assert policy.act(frames, seeded()).shape == (2, 5, 25)
    with pytest.raises(ValueError, match="multiple of 32"):
        VisionConfig(32, 1, 2, 48, image_px=32, patch_px=16, stem=(4,) * 5)


def test_acting_is_seeded_and_takes_both_frame_forms(policy):
    frames = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8, generator=seeded())
    first = policy.act(frames, seeded(1))
    assert first.shape == (2, 5, 25)
    assert torch.equal(first, policy.act(frames.permute(0, 2, 3, 1), seeded(1)))
    assert not torch.equal(first, policy.act(frames, seeded(2)))
    assert not torch.equal(first, policy.act(frames, seeded(1), steps=2))


def test_one_context_for_all_steps_equals_one_per_step(policy):
    """Hoisting vision, mixing and the cross keys out of the loop changes nothing."""
    frames = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8, generator=seeded())
    noise = torch.randn(2, 5, 25, generator=seeded(3))
    with torch.no_grad():
        actions, steps = noise, policy.config.flow.steps
        for step in range(steps):
            buckets = torch.full((2,), int(step / steps * 1000))
            actions = actions + policy.velocity(actions, buckets, policy.model.project(policy.encode(frames))) / steps
    assert torch.equal(actions, policy.act(frames, seeded(3)))


def test_the_image_reaches_the_action(policy):
    dark, light = torch.zeros(1, 3, 32, 32, dtype=torch.uint8), torch.full((1, 3, 32, 32), 255, dtype=torch.uint8)
    assert (policy.act(dark, seeded()) - policy.act(light, seeded())).abs().max() > 1e-4


def test_unknown_labels_have_no_gradient_and_no_influence(policy):
    frames = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8, generator=seeded())
    actions = torch.rand(2, 5, 25, generator=seeded(1))
    noise, times = torch.randn(2, 5, 25, generator=seeded(2)), torch.tensor([0.2, 0.7])
    actions[:, :, 3] = math.nan
    total, count = policy(frames, actions, noise, times)
    assert count == 2 * 5 * 24
    policy.zero_grad()
    total.backward()
    gradient = policy.action_decoder.layer2.W.grad[0]
    assert gradient[:, 3].abs().max() == 0
    assert gradient[:, 2].abs().max() > 0
    assert torch.isfinite(total)


@pytest.mark.parametrize("predicts", ["velocity", "action"])
def test_several_draws_are_the_sum_of_single_ones(predicts):
    torch.manual_seed(0)
    policy = Policy(mini(flow=FlowConfig(predicts=predicts))).eval()
    frames = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8, generator=seeded())
    actions, noise = torch.rand(2, 5, 25, generator=seeded(1)), torch.randn(6, 5, 25, generator=seeded(2))
    times = torch.rand(6, generator=seeded(3)) * 0.9
    together, count = policy(frames, actions, noise, times)
    apart = sum(policy(frames, actions, noise[n : n + 2], times[n : n + 2])[0] for n in (0, 2, 4))
    assert count == 6 * 5 * 25
    torch.testing.assert_close(together, apart)


def test_a_perfect_action_prediction_ends_exactly_at_the_action():
    policy = Policy(mini(flow=FlowConfig(predicts="action", steps=5)))
    wanted = torch.rand(1, 5, 25, generator=seeded())
    policy.predict = lambda actions, buckets, cross: wanted
    frames = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    torch.testing.assert_close(policy.act(frames, seeded(4)), wanted)
