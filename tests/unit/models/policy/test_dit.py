import numpy as np
import torch

from models.policy.config import StackConfig
from models.policy.dit import AdaptiveNorm, Denoiser, TimestepEncoder
from models.policy.modeling import ActionEncoder
from tests.unit.models.policy.test_modeling import seeded


def test_adaptive_norm_takes_scale_first_and_the_last_norm_shift_first():
    tokens, time = torch.randn(1, 3, 32, generator=seeded()), torch.zeros(1, 32)
    norm = AdaptiveNorm(32)
    torch.nn.init.zeros_(norm.linear.weight)
    norm.linear.bias.data = torch.cat([torch.ones(32), torch.full((32,), 5.0)])
    plain = torch.nn.functional.layer_norm(tokens, (32,), eps=1e-5)
    torch.testing.assert_close(norm(tokens, time), plain * 2 + 5)
    denoiser = Denoiser(StackConfig(0, 2, 16), 32)
    denoiser.proj_out_1.weight.data.zero_()
    denoiser.proj_out_1.bias.data = torch.cat([torch.full((32,), 5.0), torch.ones(32)])
    denoiser.proj_out_2.weight.data = torch.eye(32)
    denoiser.proj_out_2.bias.data.zero_()
    last = torch.nn.functional.layer_norm(tokens, (32,), eps=1e-6)
    torch.testing.assert_close(denoiser(tokens, torch.zeros(1).long(), []), last * 2 + 5)


def test_the_two_sinusoids_of_time_differ_as_released():
    encoder = TimestepEncoder(256)
    caught = []
    encoder.timestep_embedder.forward = lambda sinusoids: caught.append(sinusoids) or sinusoids
    encoder(torch.tensor([7]))
    frequencies = np.exp(-np.log(10_000) * np.arange(128) / 127)
    expected = np.concatenate([np.cos(7 * frequencies), np.sin(7 * frequencies)])
    np.testing.assert_allclose(caught[0][0].numpy(), expected, atol=1e-5)

    actions = ActionEncoder(4, 32)
    for name in ("W1", "W3"):
        bank = getattr(actions, name)
        torch.nn.init.zeros_(bank.W)
    caught.clear()
    actions.W2.register_forward_hook(lambda module, inputs, output: caught.append(inputs[0]))
    actions(torch.zeros(1, 2, 4), torch.tensor([7]))
    frequencies = np.exp(-np.log(10_000) * np.arange(16) / 16)
    expected = np.concatenate([np.zeros(32), np.sin(7 * frequencies), np.cos(7 * frequencies)])
    np.testing.assert_allclose(caught[0][0, 1].detach().numpy(), expected, atol=1e-5)
