"""SIFT features through OpenCV."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ops.overlay.features import Features

#: Changes when the same picture would get other features.
VERSION: Final = "1"
#: Numbers of a SIFT descriptor: 4 x 4 histograms of 8 directions (Lowe, 2004).
_WIDTH: Final = 128
#: OpenCV counts from pixel centres, features from pixel edges.
_TO_EDGES_PX: Final = 0.5
#: Keeps the square root of an empty histogram finite.
_TINY_SUM: Final = 1e-6


@dataclass(frozen=True)
class SiftMatcher:
    """Finds and describes SIFT keypoints.

    Attributes:
        contrast: least contrast of a keypoint. Lower finds fainter ones; OpenCV's own default is 0.04.
        max_keypoints: strongest ones kept per picture.
    """

    contrast: float = 0.02
    max_keypoints: int = 6000

    @property
    def name(self) -> str:
        """What an index built with these features is keyed by."""
        return f"sift-v{VERSION}-{self.contrast}-{self.max_keypoints}"

    def describe(self, gray: npt.NDArray[np.uint8], mask: npt.NDArray[np.uint8] | None = None) -> Features:
        """Return keypoints and unit-length descriptors of a picture (h, w), where `mask` (h, w) is not 0."""
        import cv2

        sift = cv2.SIFT.create(nfeatures=self.max_keypoints, contrastThreshold=self.contrast)
        keypoints, descriptors = sift.detectAndCompute(gray, mask)
        if descriptors is None:
            return Features.none(_WIDTH)
        # Square roots of L1-normalised histograms ("RootSIFT") compare better, and have unit length.
        descriptors = np.sqrt(descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), _TINY_SUM))
        points = np.array([keypoint.pt for keypoint in keypoints], dtype=np.float32) + _TO_EDGES_PX
        return Features(points, descriptors.astype(np.float32))
