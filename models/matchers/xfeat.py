"""XFeat features (Potje et al., CVPR 2024) through kornia, with weights from a file of the user's.

No weights come with overplay; the published ones are `xfeat.pt` of verlab/accelerated_features (Apache-2.0).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ops.features import Features
from ops.outcomes import BadInputError
from ops.storage import sha256_file

if TYPE_CHECKING:
    from kornia.feature import XFeat

_WIDTH = 64


@dataclass(frozen=True)
class XFeatMatcher:
    """Finds and describes XFeat keypoints.

    Attributes:
        weights: a state dict of kornia's or upstream's network (`.pt`, read without unpickling code).
        max_keypoints: strongest ones kept per picture.
    """

    weights: Path
    max_keypoints: int = 4096

    @property
    def name(self) -> str:
        """What an index built with these features is keyed by."""
        return f"xfeat-{_content(self.weights)[:16]}-{self.max_keypoints}"

    def describe(self, gray: npt.NDArray[np.uint8], mask: npt.NDArray[np.uint8] | None = None) -> Features:
        """Return keypoints and unit-length descriptors of a picture (h, w), where `mask` (h, w) is not 0.

        Raises:
            BadInputError: the weights cannot be read or do not fit.
        """
        import torch

        picture = torch.from_numpy(np.ascontiguousarray(gray, dtype=np.float32))[None, None] / 255
        with torch.inference_mode():
            found = _load(self.weights, _content(self.weights)).detectAndCompute(picture, top_k=self.max_keypoints)[0]
        points = found["keypoints"].numpy().astype(np.float32) + 0.5
        descriptors = found["descriptors"].numpy().astype(np.float32)
        if mask is not None and len(points):
            columns, rows = points.astype(int).T
            seen = mask[rows.clip(0, mask.shape[0] - 1), columns.clip(0, mask.shape[1] - 1)] > 0
            points, descriptors = points[seen], descriptors[seen]
        return Features(points, descriptors) if len(points) else Features.none(_WIDTH)


def _content(weights: Path) -> str:
    try:
        return sha256_file(weights)
    except OSError as error:
        raise BadInputError(f"XFeat weights {weights}: {error.strerror}; give the path of an xfeat.pt") from error


@lru_cache(maxsize=1)
def _load(weights: Path, content: str) -> XFeat:
    """Return the network with the weights of a file; `content` is its hash, for the cache."""
    import pickle

    import torch
    from kornia.feature import XFeat

    model = XFeat()
    try:
        state: dict[str, Any] = torch.load(weights, map_location="cpu", weights_only=True)
        model.net.load_state_dict(state)
    except (RuntimeError, OSError, EOFError, TypeError, AttributeError, pickle.UnpicklingError) as error:
        reason = " ".join(str(error).split())[:200]
        raise BadInputError(f"XFeat weights {weights.name}: {reason}; expected the state dict of xfeat.pt") from error
    return model.eval()
