"""Print how sure the look before a download and the look for near-duplicates are: `scripts/bench_crawl.py [CLIP]...`.

Of the demo's clips (and of others that are named, taken for games without an overlay) small copies are made, as sites
offer them: 360 pixels high for the look; 240 high, cut, brighter, with a logo and 24 frames/s for the duplicates.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import ffmpeg
import numpy as np

from models.matchers.library import write_library
from models.matchers.sift import SiftMatcher
from ops.crawl.fingerprints import MIN_OVERLAP_S, MIN_SHARE, Fingerprint, compare, fingerprint_frames
from ops.crawl.peek import peek
from ops.media.ffmpeg import run
from ops.media.video import decode_frames, open_video
from ops.skins.procedural import CORE
from ops.stages.videos import OverlayProbe, overlay_keypoints
from pipelines.instance import REPOSITORY

#: A white box where channels put their logo, pixels of the source.
_LOGO = {"x": 20, "y": 20, "width": 90, "height": 40, "color": "white", "thickness": "fill"}
#: Options of ffmpeg's `eq` filter: a little brighter, as an edited copy may be.
_BRIGHTER = {"brightness": 0.06, "contrast": 1.1}
#: Options of ffmpeg's encoder.
_ENCODE = {"vcodec": "libx264", "preset": "veryfast"}
#: Height in pixels of the small copy: the crawler's own `probe_height`.
_SMALL_PX = 360
#: H.264 rate factor of the small copy: chosen, not measured.
_SMALL_CRF = 33
#: Frames between keyframes of the small copy: chosen, not measured.
_SMALL_KEYFRAME = 60
#: Height in pixels of the spoilt copy.
_COPY_PX = 240
#: The spoilt copy: begins at 3.71 s, lasts 20 s, has 24 frames a second and rate factor 36.
_COPY = {"ss": 3.71, "t": 20, "r": 24, "crf": 36}
#: Codes by which two fingerprints are shifted at most: longer than any of the clips.
_MAX_SHIFT = 300
#: Side in pixels of the luma that a fingerprint is made from.
_LUMA_PX = 64
#: Keypoints that must agree in the look: fewer than the probe wants, so that the table shows near misses.
_MIN_INLIERS = 4


class Local:
    """A file as a server would give it."""

    def __init__(self, path: Path) -> None:
        self.path, self.size = path, path.stat().st_size

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes [start, stop)."""
        with self.path.open("rb") as file:
            file.seek(start)
            return file.read(stop - start)


def encoded(clip: Path, target: Path, height: int, spoilt: bool = False, **options: Any) -> Path:
    """Return a copy of a clip at another height, made by ffmpeg; spoilt: brighter and with a logo.

    Args:
        clip: the source.
        target: file to write.
        height: of the copy's picture in pixels.
        spoilt: brighter, and with a logo.
        **options: of ffmpeg's output.
    """
    picture = ffmpeg.input(str(clip)).video
    if spoilt:
        picture = picture.drawbox(**_LOGO).filter("eq", **_BRIGHTER)
    run(picture.filter("scale", -2, height).output(str(target), **_ENCODE, **options))
    return target


def print_looks(clips: dict[Path, bool], folder: Path) -> None:
    """Print a row per clip: keypoints that agree on a place, and what was fetched of the small copy."""
    library = folder / "library"
    library.mkdir()
    write_library(library, CORE, [])
    probed = OverlayProbe(SiftMatcher(), "", "")
    config = probed.config
    arguments = (library, probed.matcher, replace(config, min_inliers=_MIN_INLIERS))
    print(f"| clip | overlay | keypoints ({config.min_inliers} needed) | kB fetched of | kB |")
    print("|---|---|---|---|---|")
    for clip, has_overlay in clips.items():
        small = encoded(clip, folder / f"small-{clip.stem}.mp4", _SMALL_PX, crf=_SMALL_CRF, g=_SMALL_KEYFRAME)
        remote, size = Local(small), small.stat().st_size
        keypoints, num_bytes = peek(remote, folder, config.num_frames, config.max_height, overlay_keypoints, *arguments)
        print(f"| {clip.stem} | {has_overlay} | {keypoints} | {num_bytes >> 10} | {size >> 10} |", flush=True)


def print_duplicates(clips: list[Path], folder: Path) -> None:
    """Print a row per clip: share of bits that differ from its own copy, and from the copy of another at any shift."""
    originals = {clip: fingerprint(clip) for clip in clips}
    copies = {
        clip: fingerprint(encoded(clip, folder / f"copy-{clip.stem}.mp4", _COPY_PX, True, **_COPY)) for clip in clips
    }
    print("| clip | bits that differ from its copy | from any other's, at the shift that suits best |\n|---|---|---|")
    for clip, copy in copies.items():
        others = min(best_error(found, copy) for other, found in originals.items() if other != clip)
        print(f"| {clip.stem} | {best_error(originals[clip], copy):.3f} | {others:.3f} |", flush=True)


def best_error(first: Fingerprint, second: Fingerprint) -> float:
    """Return the least share of bits that differ, over all shifts at which enough of the two overlaps."""
    looks = [compare(first, second, shift) for shift in range(-_MAX_SHIFT, _MAX_SHIFT)]
    return min((one.error for one in looks if one.seconds >= MIN_OVERLAP_S and one.share >= MIN_SHARE), default=1.0)


def fingerprint(clip: Path) -> Fingerprint:
    """Return the fingerprint of a file."""

    def frames() -> Iterator[tuple[float, np.ndarray]]:
        with open_video(clip) as video:
            for frame in decode_frames(video):
                luma = frame.reformat(_LUMA_PX, _LUMA_PX, format="gray", interpolation="AREA", threads=1)
                yield float(frame.pts * frame.time_base), luma.to_ndarray()

    return fingerprint_frames(frames())


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="*", type=Path, help="further clips, without an overlay")
    plain = [REPOSITORY / "demo" / "clips" / "gallery-09-plain.mp4", *parser.parse_args().clips]
    drawn = sorted((REPOSITORY / "demo" / "clips").glob("gallery-0[1-8]*.mp4"))
    with tempfile.TemporaryDirectory(prefix="overplay-bench-") as name:
        print_looks(dict.fromkeys(drawn, True) | dict.fromkeys(plain, False), Path(name))
        print_duplicates([*drawn, *plain], Path(name))


if __name__ == "__main__":
    main()
