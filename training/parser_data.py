"""The parser's training stream: batches of synthetic frame pairs, each a function of (config, step), never stored."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ops import atlas
from ops.skins.families import FAMILIES
from ops.skins.form import Skin
from ops.skins.procedural import STYLES, make_skin
from ops.skins.template import Pixels
from ops.synthesize import Background, SynthesisConfig, footage_background, make_clip, procedural_background
from training.parser_config import ParserTrainConfig

#: Variants below this one are the library's and are kept for evaluation; training draws designs from here on.
FIRST_TRAINING_VARIANT = 100
_NUM_VARIANTS = 400
#: Steps that draw from one small pool of skins: drawing a skin costs as much as twenty frames of it.
_POOL_STEPS = 24
_POOL_SKINS = 32


class PairBatch(NamedTuple):
    """Frame pairs with their truth (shapes as in `OverlayParser.forward` and `parser_loss`)."""

    pairs: Tensor
    reference: Tensor
    buttons: Tensor
    places: Tensor


class SyntheticPairs(Dataset[PairBatch]):
    """Item `step` is that step's batch."""

    def __init__(self, config: ParserTrainConfig) -> None:
        self.config = config
        self._background: Background | None = None

    def __len__(self) -> int:
        return self.config.steps

    def __getitem__(self, step: int) -> PairBatch:
        import cv2

        cv2.setNumThreads(1)
        pool = np.random.default_rng((self.config.seed, 1, step // _POOL_STEPS))
        names = [_training_skin(pool) for _ in range(_POOL_SKINS)]
        rng = np.random.default_rng((self.config.seed, 2, step))
        synthesis = ramped(self.config.synthesis, step / max(1, self.config.ramp_steps))
        clips = [
            clip_pairs(rng, _skin(str(rng.choice(names))), self._backgrounds(rng), synthesis)
            for _ in range(self.config.clips_per_step)
        ]
        return PairBatch(*(torch.from_numpy(np.concatenate(arrays)) for arrays in zip(*clips, strict=True)))

    def _backgrounds(self, rng: np.random.Generator) -> Background:
        if not self.config.footage or rng.random() < 0.5:
            return procedural_background
        if self._background is None:
            self._background = footage_background(load_footage(Path(self.config.footage)))
        return self._background


def _training_skin(rng: np.random.Generator) -> str:
    family = str(rng.choice(list(FAMILIES)))
    variant = FIRST_TRAINING_VARIANT + int(rng.integers(_NUM_VARIANTS))
    return f"{family}-{rng.choice(STYLES)}-{variant}"


@lru_cache(maxsize=2 * _POOL_SKINS)
def _skin(name: str) -> Skin:
    return make_skin(name)


@lru_cache(maxsize=2 * _POOL_SKINS)
def _idle(name: str) -> Pixels:
    return atlas.template_atlas(_skin(name).template())


def clip_pairs(
    rng: np.random.Generator, skin: Skin, background: Background, config: SynthesisConfig
) -> tuple[Pixels, Pixels, np.ndarray, np.ndarray]:
    """Return pairs (n, 2, H, W, 3), reference (n, H, W, 7), buttons (n, 17), places (n, 2, 2) of one synthetic clip."""
    clip = make_clip(rng, skin, background, config)
    cut = atlas.AtlasMap.build(skin.areas(), skin.width, clip.affine).cut
    frames = np.stack([cut(frame) for frame in clip.frames])
    pairs = np.stack([frames[:-1], frames[1:]], axis=1)
    looks = np.concatenate([_idle(skin.skin_id), cut(clip.usual)], axis=-1)
    reference = np.broadcast_to(looks, (len(pairs), *looks.shape))
    places = clip.sticks.reshape(-1, 2, 2) * atlas.stick_reach(skin.areas(), skin.width)[:, None]
    return pairs, reference, clip.buttons[1:], places[1:].astype(np.float32)


def ramped(config: SynthesisConfig, progress: float) -> SynthesisConfig:
    """Return the clips of a moment of the ramp: large, opaque and clean at 0, as hard as `config` from 1 on."""
    part = min(1.0, progress)
    return replace(
        config,
        width_px=(
            config.width_px[0] + (1 - part) * 0.5 * (config.width_px[1] - config.width_px[0]),
            config.width_px[1],
        ),
        opacity=(config.opacity[0] + (1 - part) * 0.9 * (config.opacity[1] - config.opacity[0]), config.opacity[1]),
        crf=(config.crf[0], round(config.crf[0] + (0.3 + 0.7 * part) * (config.crf[1] - config.crf[0]))),
        box_error=config.box_error * part,
    )


def load_footage(folder: Path, max_height: int = 360, stride: int = 2, max_frames: int = 600) -> list[Pixels]:
    """Return the frames of each video in a folder, (n, height, width, 3) uint8.

    Raises:
        ValueError: there is none.
    """
    from ops.video import iter_frames

    footage = []
    for path in sorted(folder.glob("*.mp4")):
        frames = (rgb for index, (_, rgb) in enumerate(iter_frames(path, max_height)) if index % stride == 0)
        footage.append(np.stack([rgb for rgb, _ in zip(frames, range(max_frames), strict=False)]))
    if not footage:
        raise ValueError(f"no .mp4 footage in {folder}; give a folder of game videos without overlays, or none")
    return footage
