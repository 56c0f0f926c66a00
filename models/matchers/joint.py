"""Features of several matchers as one kind: each has dimensions of its own, so that unlike ones are never alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from models.matchers.sift import SiftMatcher
from models.matchers.xfeat import SHIPPED, XFeatMatcher
from ops.features import Features, Matcher


@dataclass(frozen=True)
class JointMatcher:
    """Finds and describes the keypoints of several matchers.

    Attributes:
        matchers: in the order of their dimensions.
    """

    matchers: tuple[Matcher, ...] = field(default_factory=lambda: (SiftMatcher(), XFeatMatcher()))

    @property
    def name(self) -> str:
        """What an index built with these features is keyed by."""
        return "+".join(matcher.name for matcher in self.matchers)

    def describe(self, gray: npt.NDArray[np.uint8], mask: npt.NDArray[np.uint8] | None = None) -> Features:
        """Return keypoints and unit-length descriptors of a picture (h, w), where `mask` (h, w) is not 0."""
        parts = [matcher.describe(gray, mask) for matcher in self.matchers]
        widths = [part.descriptors.shape[1] for part in parts]
        descriptors = np.zeros((sum(map(len, parts)), sum(widths)), np.float32)
        row = column = 0
        for part, width in zip(parts, widths, strict=True):
            descriptors[row : row + len(part), column : column + width] = part.descriptors
            row, column = row + len(part), column + width
        return Features(np.concatenate([part.points for part in parts]), descriptors)


def make_matcher(kind: Literal["sift", "xfeat", "both"], weights: Path = SHIPPED) -> Matcher:
    """Return the matcher of a kind, with XFeat's weights."""
    if kind == "sift":
        return SiftMatcher()
    xfeat = XFeatMatcher(weights)
    return xfeat if kind == "xfeat" else JointMatcher((SiftMatcher(), xfeat))
