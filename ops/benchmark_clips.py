"""Benchmark clips: whole videos with an overlay of a known skin, place and pad, over footage or drawn scenes.

What is measured must not have been trained on: procedural skins below `FIRST_TRAINING_VARIANT`, imported skins that a
training left out, footage that it did not see. Each clip is a function of its plan and seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ops.gamepad import PadTrace
from ops.skins.form import Skin, SkinRenderer
from ops.skins.template import Pixels, Template
from ops.storage import to_json
from ops.synthesize import drawn_truth, make_pad_trace, procedural_background
from ops.tables import trace_to_table

#: Templates that come with the clips: idle pictures alone, as users have them, and with the places of the controls.
PICTURES, TEMPLATES = "pictures", "templates"
_PICTURE_PX = 640
_SCENE_FRAMES = 120
#: (width, height) and frame rate of the videos.
_FORMATS = ((1280, 720, 30), (1280, 720, 60), (1920, 1080, 30))


@dataclass(frozen=True)
class BenchmarkClip:
    """One clip of a benchmark.

    Attributes:
        name: stem of its files.
        skin_id: which skin.
        family: of the skin.
        width: of the video in pixels.
        height: of the video in pixels.
        fps: of the video.
        seconds: length.
        overlay_px: width of the overlay's canvas in video pixels.
        left: of the canvas, as a share of the free width.
        top: of the canvas, as a share of the free height.
        opacity: of the overlay.
        crf: H.264 rate factor.
        footage: stem of the video behind it; empty for a drawn scene.
        seed: of pad and scene.
    """

    name: str
    skin_id: str
    family: str
    width: int
    height: int
    fps: int
    seconds: float
    overlay_px: int
    left: float
    top: float
    opacity: float
    crf: int
    footage: str
    seed: int


def plan_clips(skins: Sequence[Skin], footage: Sequence[Path], seconds: float, seed: int) -> list[BenchmarkClip]:
    """Return one clip per skin, with sizes, places, opacities and compression drawn from a seed."""
    rng = np.random.default_rng(seed)
    clips = []
    for number, skin in enumerate(skins):
        width, height, fps = _FORMATS[int(rng.integers(len(_FORMATS)))]
        behind = footage[number % len(footage)].stem if footage else ""
        clips.append(
            BenchmarkClip(
                name=f"{number:03d}-{skin.skin_id}",
                skin_id=skin.skin_id,
                family=skin.family,
                width=width,
                height=height,
                fps=fps,
                seconds=seconds,
                overlay_px=round(height / 720 * rng.uniform(200, 420)),
                left=float(rng.choice([0.02, 0.98])),
                top=float(rng.choice([0.02, 0.5, 0.98])),
                opacity=round(float(rng.choice([1.0, rng.uniform(0.6, 1)])), 2),
                crf=int(rng.integers(20, 31)),
                footage=behind,
                seed=seed + number,
            )
        )
    return clips


def write_clip(clip: BenchmarkClip, skin: Skin, footage: Path | None, folder: Path) -> None:
    """Write a clip: `<name>.mp4`, its truth `<name>.parquet` and `<name>.json`, and its templates in two folders.

    Args:
        clip: the plan.
        skin: the skin that the plan names.
        footage: the video behind it, or None for a drawn scene; repeated if it is short.
        folder: where to; made if need be.

    Raises:
        BadInputError: the footage cannot be read.
    """
    import pyarrow.parquet as pq

    rng = np.random.default_rng(clip.seed)
    num_frames = round(clip.seconds * clip.fps)
    x = clip.left * (clip.width - clip.overlay_px)
    y = clip.top * (clip.height - clip.overlay_px * skin.height / skin.width)
    renderer = SkinRenderer(skin, clip.overlay_px, x, y, clip.opacity)
    buttons, sticks, triggers = make_pad_trace(rng, num_frames)
    folder.mkdir(parents=True, exist_ok=True)
    scenes = _footage(footage, clip) if footage else _drawn(rng, clip)
    _encode(folder / f"{clip.name}.mp4", clip, (
        _with_overlay(scene, renderer, buttons[i], sticks[i], triggers[i])
        for i, scene in zip(range(num_frames), scenes, strict=False)
    ))  # fmt: skip
    truth = PadTrace.known(np.arange(num_frames) / clip.fps, *drawn_truth(skin, buttons, sticks, triggers))
    pq.write_table(trace_to_table(truth), folder / f"{clip.name}.parquet")
    facts = asdict(clip) | {"box": [round(float(value), 2) for value in renderer.box], "drawn": list(skin.drawn)}
    for name, template in ((TEMPLATES, skin.template()), (PICTURES, _picture(skin))):
        (folder / name).mkdir(exist_ok=True)
        template.save(folder / name)
    (folder / PICTURES / f"{skin.skin_id}.json").unlink()
    (folder / f"{clip.name}.json").write_bytes(to_json(facts))


def _with_overlay(
    scene: Pixels, renderer: SkinRenderer, buttons: np.ndarray, sticks: np.ndarray, triggers: np.ndarray
) -> Pixels:
    frame = scene.copy()
    renderer.draw(frame, buttons, sticks, triggers)
    return frame


def _picture(skin: Skin) -> Template:
    """Return the idle look alone, as wide as users' pictures are."""
    import cv2

    template = skin.template()
    size = (_PICTURE_PX, max(1, round(template.height * _PICTURE_PX / template.width)))
    rgba = cv2.resize(template.rgba, size, interpolation=cv2.INTER_AREA)
    return Template(template.template_id, template.family, np.asarray(rgba, dtype=np.uint8))


def _footage(path: Path, clip: BenchmarkClip) -> Iterator[Pixels]:
    """Yield a video's frames at the clip's size for ever; frames are shown in the order they have, at its rate."""
    import cv2

    from ops.video import iter_frames

    while True:
        for _, frame in iter_frames(path):
            yield np.asarray(cv2.resize(frame, (clip.width, clip.height)), dtype=np.uint8)


def _drawn(rng: np.random.Generator, clip: BenchmarkClip) -> Iterator[Pixels]:
    while True:
        yield from procedural_background(rng, _SCENE_FRAMES, clip.height, clip.width)


def _encode(path: Path, clip: BenchmarkClip, frames: Iterator[Pixels]) -> None:
    import av

    options = {"crf": str(clip.crf), "preset": "veryfast", "threads": "1"}
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=clip.fps, options=options)
        stream.width, stream.height, stream.pix_fmt = clip.width, clip.height, "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
