"""SIFT features through OpenCV."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ops.overlay.features import Features


@dataclass(frozen=True)
class SiftMatcher:
    """Finds and describes SIFT keypoints.

    Attributes:
        contrast: lower finds fainter keypoints; OpenCV's own default is 0.04.
        max_keypoints: strongest ones kept per picture.
    """

    contrast: float = 0.02
    max_keypoints: int = 6000

    @property
    def name(self) -> str:
        """What an index built with these features is keyed by."""
        return f"sift-{self.contrast}-{self.max_keypoints}"

    def describe(self, gray: npt.NDArray[np.uint8], mask: npt.NDArray[np.uint8] | None = None) -> Features:
        """Return keypoints and unit-length descriptors of a picture (h, w), where `mask` (h, w) is not 0."""
        import cv2

        sift = cv2.SIFT.create(nfeatures=self.max_keypoints, contrastThreshold=self.contrast)
        keypoints, descriptors = sift.detectAndCompute(gray, mask)
        if descriptors is None:
            return Features.none(128)
        # Square roots of L1-normalised histograms ("RootSIFT") compare better, and have unit length.
        descriptors = np.sqrt(descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-6))
        points = np.array([keypoint.pt for keypoint in keypoints], dtype=np.float32) + 0.5
        return Features(points, descriptors.astype(np.float32))
