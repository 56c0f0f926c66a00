"""What is behind overlays: drawn scenes and recorded ones, seen at random times through one window.

A detector's input is made of frames that lie far apart, so a scene here need not move smoothly: each of its frames is
another view.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from ops.skins.template import Pixels

#: Gives (num_frames, height, width, 3) uint8 RGB.
Scene = Callable[[np.random.Generator, int, int, int], Pixels]

#: Least and greatest zoom of a picture or of footage.
_ZOOM = (0.6, 2.2)
#: Share of scenes whose camera stands still. Chosen by eye.
_STILL = 0.15
#: Share of scenes that are one picture all the time, part of the former.
_FROZEN = 0.1
#: How far apart the views of a moving scene are, in pixels.
_REACH_PX = (4, 300)


def drawn_scene(rng: np.random.Generator, num_frames: int, height: int, width: int) -> Pixels:
    """Return views of a drawn texture: noise of several scales, shapes, lights, gradients."""
    reach = int(rng.integers(*_REACH_PX))
    return _views(rng, _texture(rng, height + reach, width + reach), num_frames, height, width)


def picture_scene(pictures: Sequence[Pixels]) -> Scene:
    """Return a scene that pans over random pictures."""

    def scene(rng: np.random.Generator, num_frames: int, height: int, width: int) -> Pixels:
        picture = pictures[int(rng.integers(len(pictures)))]
        reach = int(rng.integers(*_REACH_PX))
        size = (width + reach, height + reach)
        zoom = float(rng.uniform(*_ZOOM))
        tall, wide = (min(n, max(16, round(m / zoom))) for n, m in zip(picture.shape[:2], size[::-1], strict=True))
        top, left = (int(rng.integers(0, n - m + 1)) for n, m in zip(picture.shape[:2], (tall, wide), strict=True))
        part = cv2.resize(picture[top : top + tall, left : left + wide], size, interpolation=cv2.INTER_LINEAR)
        if rng.random() < 0.5:
            part = part[..., rng.permutation(3)]
        return _views(rng, np.asarray(part), num_frames, height, width)

    return scene


def footage_scene(clips: Sequence[Pixels]) -> Scene:
    """Return a scene of one place in random frames of a clip, each clip (n, h, w, 3) uint8 RGB."""

    def scene(rng: np.random.Generator, num_frames: int, height: int, width: int) -> Pixels:
        clip = clips[int(rng.integers(len(clips)))]
        zoom = max(float(rng.uniform(*_ZOOM)), height / clip.shape[1], width / clip.shape[2])
        tall, wide = (min(n, max(16, int(m / zoom))) for n, m in zip(clip.shape[1:3], (height, width), strict=True))
        top, left = (int(rng.integers(0, n - m + 1)) for n, m in zip(clip.shape[1:3], (tall, wide), strict=True))
        span = min(len(clip), max(num_frames, int(len(clip) * float(rng.choice([0.1, 0.4, 1.0])))))
        start = int(rng.integers(0, len(clip) - span + 1))
        rows = np.sort(rng.integers(start, start + span, num_frames))
        flip, order = rng.random() < 0.5, rng.permutation(3) if rng.random() < 0.5 else np.arange(3)
        frames = np.empty((num_frames, height, width, 3), np.uint8)
        for index, row in enumerate(rows):
            part = cv2.resize(clip[row, top : top + tall, left : left + wide], (width, height))
            frames[index] = part[:, :: -1 if flip else 1, order]
        return frames

    return scene


def _views(rng: np.random.Generator, big: Pixels, num_frames: int, height: int, width: int) -> Pixels:
    kind = rng.random()
    room = np.array(big.shape[:2]) - (height, width)
    frames = np.empty((num_frames, height, width, 3), np.uint8)
    first = (room * rng.random(2)).astype(int)
    gain = 1 + rng.normal(0, 0.15 * (rng.random() < 0.3), num_frames)
    for index in range(num_frames):
        still = kind < _STILL
        top, left = first if still else (room * rng.random(2)).astype(int)
        view = big[top : top + height, left : left + width]
        if kind >= _STILL and rng.random() < 0.3:
            view = view[:, ::-1]
        frames[index] = cv2.convertScaleAbs(view, alpha=float(gain[index])) if kind >= _FROZEN else view
    if _FROZEN <= kind < _STILL:  # something passes before a camera that stands still
        _pass_by(rng, frames)
    return frames


def _pass_by(rng: np.random.Generator, frames: Pixels) -> None:
    for _ in range(int(rng.integers(1, 8))):
        colour = rng.uniform(0, 255, 3).tolist()
        size = int(rng.integers(4, 40))
        for frame in frames:
            centre = (int(rng.integers(frame.shape[1])), int(rng.integers(frame.shape[0])))
            cv2.circle(frame, centre, size, colour, -1, cv2.LINE_AA)


def _texture(rng: np.random.Generator, height: int, width: int) -> Pixels:
    scene = np.empty((height, width, 3), np.float32)
    scene[:] = rng.uniform(0, 230, 3)
    for octave in (4, 14, 50, 160):
        if rng.random() < 0.75:
            grid = (max(2, height // octave), max(2, width // octave), 3)
            noise = rng.normal(0, 1, grid).astype(np.float32)
            if rng.random() < 0.5:
                noise = noise.mean(axis=-1, keepdims=True).repeat(3, axis=-1) * 1.7
            way = cv2.INTER_NEAREST if rng.random() < 0.25 else cv2.INTER_CUBIC
            scene += cv2.resize(noise, (width, height), interpolation=way) * np.float32(rng.uniform(4, 34))
    drawn = np.clip(scene, 0, 255).astype(np.uint8)
    for _ in range(int(rng.integers(0, 60))):
        _shape(rng, drawn)
    if rng.random() < 0.5:
        drawn = np.asarray(cv2.convertScaleAbs(drawn, alpha=float(rng.uniform(0.25, 1.0))))
    return drawn


def _shape(rng: np.random.Generator, scene: Pixels) -> None:
    height, width = scene.shape[:2]
    x, y = int(rng.integers(width)), int(rng.integers(height))
    size, colour = rng.integers(3, 70, 2), rng.uniform(0, 255, 3).tolist()
    thickness = int(rng.choice([-1, -1, 1, 2, 4]))
    kind = rng.random()
    if kind < 0.35:
        cv2.rectangle(scene, (x, y), (x + int(size[0]), y + int(size[1])), colour, thickness, cv2.LINE_AA)
    elif kind < 0.6:
        cv2.ellipse(scene, (x, y), (int(size[0]), int(size[1])), float(rng.uniform(0, 180)), 0, 360, colour, thickness,
                    cv2.LINE_AA)  # fmt: skip
    elif kind < 0.75:
        cv2.line(scene, (x, y), (x + int(size[0]), y + int(size[1])), colour, max(1, thickness), cv2.LINE_AA)
    elif kind < 0.9:
        corners = (np.array([x, y]) + rng.normal(0, size.max() / 2, (int(rng.integers(3, 7)), 2))).astype(np.int32)
        cv2.fillPoly(scene, [corners], colour, cv2.LINE_AA)
    else:
        text = "".join(rng.choice(list("ABXYLRSTART0123456789"), int(rng.integers(1, 7))))
        cv2.putText(scene, text, (x, y), 0, float(rng.uniform(0.3, 1.5)), colour, max(1, thickness), cv2.LINE_AA)
