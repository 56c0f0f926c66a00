"""How overlays are looked for: all numbers that a user may set."""

from __future__ import annotations

from dataclasses import dataclass

from ops.media.readers import ReaderName

#: A place has four unknowns, which two points settle; with four, at least two agree with what the others say.
LEAST_INLIERS = 4


@dataclass(frozen=True)
class LocateConfig:
    """How overlays are looked for.

    Attributes:
        num_frames: sampled over the video (paper: 25).
        frames_per_picture: so many frames that follow each other become one median; at least three pictures are made.
        max_height: frames are shrunk to this height.
        ratio: a match's distance over that of the next best place must be below this.
        min_inliers: distinct template keypoints that must agree on a place (paper: 20).
        shortlist: so many templates, the best by the matches that visual words give, are compared in full around the
            place that these agree on.
        tolerance_px: how far an inlier may be off, in frame pixels.
        scale: least and greatest width of the overlay as a fraction of the template's.
        max_rotation_deg: overlays stand upright; a fit that does not is none.
        template_widths: widths in pixels at which templates are described.
        reader: what decodes the sampled frames. `pyav` reads all codecs; `decord` is slower and has no AV1.
    """

    num_frames: int = 25
    frames_per_picture: int = 5
    max_height: int = 720
    ratio: float = 0.8
    min_inliers: int = 20
    shortlist: int = 20
    tolerance_px: float = 3.0
    scale: tuple[float, float] = (0.1, 2.0)
    max_rotation_deg: float = 3.0
    template_widths: tuple[int, ...] = (400, 220)
    reader: ReaderName = "pyav"

    def __post_init__(self) -> None:
        if self.num_frames < 1:
            raise ValueError(f"num_frames must be at least 1, got {self.num_frames}")
        if self.min_inliers < LEAST_INLIERS:
            raise ValueError(
                f"min_inliers must be at least {LEAST_INLIERS}, got {self.min_inliers}: fewer points agree by chance"
            )
