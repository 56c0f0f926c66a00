"""What each step over a video may take: the one table of limits for `ops.media.sandbox.call`.

A limit follows the work. It is ten times what the step was measured to take on one core, so it ends what hangs and
lets every honest video through, however long it is. Steps that a table row names here have no other limit anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from ops.media.sandbox import Limits

if TYPE_CHECKING:
    from ops.media.probe import VideoProbe

StepName = Literal["locate", "crop", "delay", "preview", "fingerprint"]

_GIB: Final = 1 << 30
#: Times what was measured that a step may take: other codecs (AV1), older processors, and cores that others share.
_SLACK: Final = 10.0
#: Wall seconds for each CPU second, for disks and object stores that are slow and cores that are taken.
_WALL_PER_CPU: Final = 3.0
#: Wall seconds that any step may wait before it does anything.
_WALL_BASE_S: Final = 300.0
#: Slowest disk that a probe is given time for, bytes per second.
_SLOW_DISK_BYTES_PER_S: Final = 2e6
#: CPU seconds of the probe per byte: it reads packets and decodes one frame (0.3 s per GB, docs/benchmarks.md).
_PROBE_CPU_S_PER_BYTE: Final = 3e-10


@dataclass(frozen=True)
class VideoSize:
    """How much work a video is.

    Attributes:
        num_frames: frames of the whole video.
        width: of the stored picture, pixels.
        height: of the stored picture, pixels.
    """

    num_frames: int
    width: int
    height: int

    @classmethod
    def of(cls, probed: VideoProbe) -> VideoSize:
        """Return the size of a video that was probed."""
        return cls(probed.num_frames, probed.width, probed.height)

    @property
    def num_pixels(self) -> float:
        """Pixels of all frames together."""
        return float(self.num_frames) * self.width * self.height


@dataclass(frozen=True)
class Step:
    """What a step was measured to take on one core, and the memory that it may have.

    Attributes:
        base_cpu_s: CPU seconds for a video of no length.
        cpu_s_per_pixel: CPU seconds for each pixel that is decoded.
        cpu_s_per_frame: CPU seconds for each frame beside that.
        memory_bytes: address space for a video of no length.
        memory_bytes_per_frame: what is kept for each frame.
    """

    base_cpu_s: float
    cpu_s_per_pixel: float
    cpu_s_per_frame: float
    memory_bytes: int
    memory_bytes_per_frame: int = 0


#: Decoding H.264 takes 2.5 ns a pixel (720p: 439 frames a core second).
STEPS: Final[dict[StepName, Step]] = {
    "locate": Step(30.0, 2.5e-9, 0.0, 4 * _GIB),
    "crop": Step(12.0, 4e-9, 2e-3, 3 * _GIB, 2_000),
    "delay": Step(5.0, 0.0, 3e-3, 3 * _GIB, 20_000),
    "preview": Step(12.0, 10e-9, 50e-3, 3 * _GIB, 2_000),
    "fingerprint": Step(5.0, 0.0, 1e-3, 2 * _GIB, 2_000),
}


def limits_for(step: StepName, size: VideoSize) -> Limits:
    """Return what a step may take for a video."""
    row = STEPS[step]
    cpu_s = _SLACK * (row.base_cpu_s + row.cpu_s_per_pixel * size.num_pixels + row.cpu_s_per_frame * size.num_frames)
    return Limits(
        wall_s=_WALL_BASE_S + _WALL_PER_CPU * cpu_s,
        cpu_s=cpu_s,
        memory_bytes=row.memory_bytes + row.memory_bytes_per_frame * size.num_frames,
    )


def probe_limits(size_bytes: int) -> Limits:
    """Return what a probe may take: all that is known of a file then is how large it is."""
    cpu_s = _SLACK * (30.0 + _PROBE_CPU_S_PER_BYTE * size_bytes)
    return Limits(wall_s=_WALL_BASE_S + cpu_s + size_bytes / _SLOW_DISK_BYTES_PER_S, cpu_s=cpu_s, memory_bytes=2 * _GIB)


#: For a picture or a few: their number does not depend on the video.
PICTURE_LIMITS: Final = Limits(wall_s=60.0, cpu_s=60.0, memory_bytes=2 * _GIB)
#: For the look at keyframes of a small format before a download (`ops.crawl.peek`).
PEEK_LIMITS: Final = Limits(wall_s=300.0, cpu_s=120.0, memory_bytes=4 * _GIB)
