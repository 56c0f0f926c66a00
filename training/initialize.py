"""Starting weights for short runs without a pretrained encoder: what the data look like is built in, not learned.

Random patch embeddings mostly see a patch's mean colour, and random positions must be told apart one by one. Here the
patch embedding whitens the patches of the training frames, so that what is rare in a picture stands out, and positions
start as sinusoids of x and y. Names and shapes stay; on a pretrained encoder none of it is used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from models.policy.config import VisionConfig
from models.policy.modeling import Policy
from models.policy.vision import to_pixels
from ops.storage import Store
from training.data import Source, load_chunk

#: Chunks and frames that the statistics come from.
_NUM_CHUNKS: Final = 16
_NUM_FRAMES: Final = 256
#: Share of the mean variance that is added to each: rarer directions than this are not blown up.
_FLOOR: Final = 0.01
#: Standard deviation of the embedding's two parts.
_SCALE: Final = 0.5


@torch.no_grad()
def initialize_from_data(policy: Policy, store: Store, sources: Sequence[Source]) -> None:
    """Set a policy's patch and position embeddings, and scale its transformer layers for unit gain."""
    config = policy.config.vision
    picked = [sources[index] for index in np.linspace(0, len(sources) - 1, min(_NUM_CHUNKS, len(sources))).astype(int)]
    per_chunk = -(-_NUM_FRAMES // len(picked))
    frames = []
    for source in picked:
        chunk = load_chunk(store, source, max(1, source.row.num_frames // per_chunk), config.image_px)
        frames.append(torch.from_numpy(chunk.frames))
    embeddings = policy.vision_encoder.get_submodule("embeddings")
    weight, bias = whiten_patches(to_pixels(torch.cat(frames), config.image_px), config)
    embeddings.get_submodule("patch_embedding").load_state_dict({"weight": weight, "bias": bias})
    embeddings.get_submodule("position_embedding").load_state_dict({"weight": sinusoid_positions(config)})
    for stack in (policy.model, policy.vl_self_attention_model):
        for layer in stack.modules():
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=1 / math.sqrt(layer.in_features))
                nn.init.zeros_(layer.bias)


def whiten_patches(pixels: Tensor, config: VisionConfig) -> tuple[Tensor, Tensor]:
    """Return (weight (hidden, 3, patch, patch), bias (hidden,)) that decorrelate the patches of some images.

    Args:
        pixels: (images, 3, side, side) in [-1, 1].
        config: patch size and width; output channels beyond the number of pixels of a patch stay 0.
    """
    side = config.patch_px
    patches = nn.functional.unfold(pixels, side, stride=side).transpose(1, 2).reshape(-1, 3 * side * side).double()
    mean = patches.mean(dim=0)
    variances, directions = torch.linalg.eigh((patches - mean).T @ (patches - mean) / len(patches))
    count = min(config.hidden, len(variances))
    variances, directions = variances.flip(0), directions.flip(1)
    signs = torch.sign(directions.gather(0, directions.abs().argmax(dim=0, keepdim=True)))  # eigh leaves them open
    scales = _SCALE / (variances[:count] + _FLOOR * variances.mean()).sqrt()
    weight = torch.zeros(config.hidden, patches.shape[1], dtype=torch.float64)
    weight[:count] = (directions * signs)[:, :count].T * scales[:, None]
    return weight.view(config.hidden, 3, side, side).float(), -(weight @ mean).float()


def sinusoid_positions(config: VisionConfig) -> Tensor:
    """Return (tokens, hidden): sines and cosines of x and y, from half a turn over the image to one per two patches."""
    side = config.image_px // config.patch_px
    places = (torch.arange(side) + 0.5) / side
    y, x = torch.meshgrid(places, places, indexing="ij")
    quarter = config.hidden // 4
    turns = math.pi / 2 * 2 ** torch.linspace(0, math.log2(max(2, side)), quarter)
    waves = [wave(axis.reshape(-1, 1) * turns) for axis in (x, y) for wave in (torch.sin, torch.cos)]
    table = torch.zeros(side * side, config.hidden)
    table[:, : 4 * quarter] = torch.cat(waves, dim=1)
    return table * _SCALE
