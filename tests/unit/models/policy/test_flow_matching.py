import math

import pytest
import torch

from models.policy.config import FlowConfig
from models.policy.flow_matching import integrate, interpolate, sample_times, to_buckets
from tests.unit.models.policy.test_modeling import seeded


def test_interpolation_ends_at_noise_and_action_and_leaves_noise_where_unknown():
    actions = torch.tensor([[[0.25, math.nan]], [[0.75, 1.0]]])
    noise = torch.tensor([[[2.0, 3.0]], [[-1.0, 4.0]]])
    noised, known, valid = interpolate(actions, noise, torch.tensor([0.0, 1.0]))
    assert noised.tolist() == [[[2.0, 3.0]], [[0.75, 1.0]]]
    assert valid.tolist() == [[[1.0, 0.0]], [[1.0, 1.0]]]
    assert known[0, 0, 1] == 3.0


def test_times_follow_the_shifted_beta():
    config = FlowConfig(alpha=1.6, beta=0.8, shift=0.999)
    times = sample_times(40_000, config, seeded())
    assert times.min() >= 0
    assert times.max() <= 0.999
    assert times.mean().item() == pytest.approx((1 - 1.6 / 2.4) * 0.999, abs=0.005)
    variance = 1.6 * 0.8 / (2.4**2 * 3.4) * 0.999**2
    assert times.var().item() == pytest.approx(variance, rel=0.03)
    assert torch.equal(times, sample_times(40_000, config, seeded()))
    assert to_buckets(times, config).max() <= 998


def test_euler_visits_equally_spaced_buckets():
    seen = []
    out = integrate(lambda x, t: seen.append(t[0].item()) or torch.ones_like(x), torch.zeros(1, 1, 1), 4, FlowConfig())
    assert seen == [0, 250, 500, 750]
    assert out.item() == 1
