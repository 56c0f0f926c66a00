"""Make examples for the detector, once, on disk: `python -m training.detector.pool artifacts/pool --shards 40`.

Drawing an example costs several times what a training step takes for it, so examples are kept and varied. Shard
number N is a function of the seed, N, and the skins in the library.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training.detector.config import HELD_OUT
from training.detector.footage import doom_walks, pictures
from training.detector.painter import PadArt, random_pad
from training.detector.samples import SampleConfig, make_sample, skin_art
from training.detector.scenes import Scene, drawn_scene, footage_scene, picture_scene
from training.parser.skins import SkinPool

#: Examples per shard.
SHARD_SIZE = 128
#: Pads that are at hand while a shard is drawn: painting one costs as much as several examples.
_PADS_AT_HAND = 12
#: Chance that one of them gives way to a new one after an example.
_PAD_CHANGES = 0.1
#: Share of pads that `painter` draws; the others are skins, published or of the library's kind.
_PAINTED = 0.6
#: Shares of drawn scenes, pictures and recorded ones.
_SCENES = (0.3, 0.25, 0.45)


class PadSource:
    """Where the pads come from.

    Args:
        library: folder of imported skins; empty for drawn ones alone.
        held_out: patterns of imported skins that are left out.
    """

    def __init__(self, library: str, held_out: Sequence[str] = HELD_OUT) -> None:
        self._skins = SkinPool(library, held_out)

    def draw(self, rng: np.random.Generator) -> PadArt:
        """Return a pad that draws something of a sensible shape."""
        while True:
            if rng.random() < _PAINTED:
                pad = random_pad(rng)
            else:
                pad = skin_art(rng, self._skins.load(self._skins.choose(rng)).skin)
            if pad.box[2] > 0 and 0.15 < pad.box[3] / pad.box[2] < 2 and len(pad.marks) > 1:
                return pad


def make_shard(rng: np.random.Generator, source: PadSource, scenes: Sequence[Scene]) -> dict[str, np.ndarray]:
    """Return the arrays of a shard: those of `SHARD_SIZE` examples, stacked."""
    pads = [source.draw(rng) for _ in range(_PADS_AT_HAND)]
    samples = []
    config = SampleConfig()
    for _ in range(SHARD_SIZE):
        scene = scenes[int(rng.choice(len(scenes), p=_SCENES))]
        samples.append(make_sample(rng, pads, scene, config))
        if rng.random() < _PAD_CHANGES:
            pads[int(rng.integers(len(pads)))] = source.draw(rng)
    return {
        "channels": np.stack([s.channels for s in samples]),
        "things": np.stack([s.things for s in samples]),
        "places": np.stack([s.places for s in samples]),
    }


def shard_path(folder: Path, number: int) -> Path:
    """Return where a shard is."""
    return folder / f"shard-{number:04d}.npz"


def main() -> None:
    """Draw the shards that are not there yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shards", type=int, default=60)
    parser.add_argument("--skins", default="", help="library of imported skins")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    scenes = [drawn_scene, picture_scene(pictures()), footage_scene(doom_walks(options.folder / "doom.npy"))]
    for number in range(options.shards):
        path = shard_path(options.folder, number)
        if path.exists():
            continue
        source = PadSource(options.skins)
        arrays = make_shard(np.random.default_rng([options.seed, number]), source, scenes)
        partial = path.with_suffix(".part.npz")
        np.savez(partial, **arrays)  # type: ignore[arg-type]
        partial.rename(path)
        print(f"shard {number}", flush=True)


if __name__ == "__main__":
    main()
