"""The parser's training stream: batches of synthetic frame pairs, each a function of (config, step), never stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ops.gamepad import STICKS, Floats
from ops.labels import atlas
from ops.skins.form import Skin
from ops.skins.template import ControlArea, Pixels
from ops.truth.synthesize import (
    Background,
    SynthesisConfig,
    SyntheticClip,
    footage_background,
    make_clip,
    procedural_background,
)
from training.parser.config import ParserTrainConfig
from training.parser.skins import SkinPool, as_found, other_travel, recoloured

#: Steps that draw from one small pool of skins. Drawing a skin costs as much as drawing many frames of it.
_POOL_STEPS = 12
#: Skins in such a pool.
_POOL_SKINS = 16
#: Pools take turns: step n draws from pool n modulo 4. So each pool belongs to one of two or four workers.
_POOL_TURNS = 4
#: Share of the clips whose sticks move by another share of their cap than the skin says. Chosen, not measured.
_OTHER_TRAVEL = 0.6
#: Share of the clips whose template was found by its looks alone, so that its places are a little off. Not measured.
_FOUND_BY_LOOKS = 0.35
#: Share of the clips whose template has other colours. Chosen, not measured.
_OTHER_COLOURS = 0.08
#: Share of the clips with footage behind them, where there is footage.
_WITH_FOOTAGE = 0.5
# How easy clips are when the ramp begins. Chosen by eye.
#: Of the range of widths, the share that is left out at its small end.
_EASY_WIDTH = 0.5
#: Of the range of opacities, the share that is left out at its faint end.
_EASY_OPACITY = 0.9
#: Of the range of H.264 rate factors, the share that is used.
_EASY_CRF = 0.3


class PairBatch(NamedTuple):
    """Frame pairs with their truth (shapes as in `OverlayParser.forward` and `parser_loss`)."""

    pairs: Tensor
    reference: Tensor
    buttons: Tensor
    places: Tensor
    reach: Tensor


class SyntheticPairs(Dataset[PairBatch]):
    """Item `step` is that step's batch."""

    def __init__(self, config: ParserTrainConfig) -> None:
        self.config = config
        self._skins = SkinPool(config.skins, config.held_out)
        self._background: Background | None = None

    def __len__(self) -> int:
        return self.config.steps

    def __getitem__(self, step: int) -> PairBatch:
        import cv2

        cv2.setNumThreads(1)
        names = self._pool(step)
        rng = np.random.default_rng((self.config.seed, 2, step))
        synthesis = ramped(self.config.synthesis, step / max(1, self.config.ramp_steps))
        clips = []
        for _ in range(self.config.clips_per_step):
            skin, idle = self._skins.load(names[int(rng.integers(len(names)))])
            clips.append(varied_pairs(rng, skin, idle, self._backgrounds(rng), synthesis))
        return PairBatch(*(torch.from_numpy(np.concatenate(arrays)) for arrays in zip(*clips, strict=True)))

    def _pool(self, step: int) -> list[str]:
        """Return the names of the skins that a step draws from."""
        turn = step // (_POOL_STEPS * _POOL_TURNS), step % _POOL_TURNS
        rng = np.random.default_rng((self.config.seed, 1, *turn))
        return [self._skins.choose(rng) for _ in range(_POOL_SKINS)]

    def _backgrounds(self, rng: np.random.Generator) -> Background:
        if not self.config.footage or rng.random() < 1 - _WITH_FOOTAGE:
            return procedural_background
        if self._background is None:
            self._background = footage_background(load_footage(Path(self.config.footage)))
        return self._background


class ClipPairs(NamedTuple):
    """Pairs of one synthetic clip, as `PairBatch` has them, in numpy."""

    pairs: Pixels
    reference: Pixels
    buttons: Floats
    places: Floats
    reach: Floats


def clip_pairs(rng: np.random.Generator, skin: Skin, background: Background, config: SynthesisConfig) -> ClipPairs:
    """Return the pairs of one synthetic clip, read with a template that knows all of the skin."""
    idle = atlas.idle_picture(skin.template())
    return _cut_pairs(make_clip(rng, skin, background, config), skin, idle, skin.areas())


def varied_pairs(
    rng: np.random.Generator, skin: Skin, idle: Pixels, background: Background, config: SynthesisConfig
) -> ClipPairs:
    """Return the pairs of one synthetic clip for training, where skins differ and templates know less than they should.

    Args:
        rng: decides everything.
        skin: to draw.
        idle: its `atlas.idle_picture`.
        background: to draw it on.
        config: see `SynthesisConfig`.
    """
    if rng.random() < _OTHER_TRAVEL:
        skin = other_travel(rng, skin)
    areas = as_found(rng, skin.areas()) if rng.random() < _FOUND_BY_LOOKS else skin.areas()
    if rng.random() < _OTHER_COLOURS:
        idle = recoloured(rng, idle)
    return _cut_pairs(make_clip(rng, skin, background, config), skin, idle, areas)


def _cut_pairs(clip: SyntheticClip, skin: Skin, idle: Pixels, areas: Mapping[str, ControlArea]) -> ClipPairs:
    """Return a clip as pairs, read with a template that has an idle picture and control areas."""
    cut = atlas.AtlasMap.build(areas, skin.width, clip.affine).cut
    frames = np.stack([cut(frame) for frame in clip.frames])
    pairs = np.stack([frames[:-1], frames[1:]], axis=1)
    looks = np.concatenate([atlas.cut_idle(idle, areas, skin.width), cut(clip.usual)], axis=-1)
    reference = np.broadcast_to(looks, (len(pairs), *looks.shape))
    places = np.full((len(pairs), len(STICKS), 2), np.nan, dtype=np.float32)
    reach = np.full((len(pairs), len(STICKS)), np.nan, dtype=np.float32)
    drawn = skin.areas()
    for index, stick in enumerate(STICKS):
        if stick in drawn:
            true, told = drawn[stick], areas[stick]
            half = atlas.window(stick, told, skin.width)[0]
            offset = np.array([true.cx - told.cx, true.cy - told.cy])
            places[:, index] = (offset + clip.sticks[1:, 2 * index : 2 * index + 2] * true.travel) / half
            reach[:, index] = true.travel / half
    return ClipPairs(pairs, reference, clip.buttons[1:], places, reach)


def ramped(config: SynthesisConfig, progress: float) -> SynthesisConfig:
    """Return the clips of a moment of the ramp: large, opaque and clean at 0, as hard as `config` from 1 on."""
    part = min(1.0, progress)
    crf_share = _EASY_CRF + (1 - _EASY_CRF) * part
    return replace(
        config,
        width_px=_raised(config.width_px, (1 - part) * _EASY_WIDTH),
        opacity=_raised(config.opacity, (1 - part) * _EASY_OPACITY),
        crf=(config.crf[0], round(config.crf[0] + crf_share * (config.crf[1] - config.crf[0]))),
        box_error=config.box_error * part,
    )


def _raised(limits: tuple[float, float], share: float) -> tuple[float, float]:
    """Return a range without a share of it at its lower end."""
    low, high = limits
    return low + share * (high - low), high


def load_footage(folder: Path, max_height: int = 360, stride: int = 2, max_frames: int = 600) -> list[Pixels]:
    """Return the frames of each video in a folder, (n, height, width, 3) uint8.

    Raises:
        ValueError: there is none.
    """
    from ops.media.readers import iter_frames

    footage = []
    for path in sorted(folder.glob("*.mp4")):
        frames = (rgb for index, (_, rgb) in enumerate(iter_frames(path, max_height)) if index % stride == 0)
        footage.append(np.stack([rgb for rgb, _ in zip(frames, range(max_frames), strict=False)]))
    if not footage:
        raise ValueError(f"no .mp4 footage in {folder}; give a folder of game videos without overlays, or none")
    return footage
