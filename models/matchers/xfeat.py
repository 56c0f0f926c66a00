"""XFeat features (Potje et al., CVPR 2024) through kornia, with overplay's weights or a file of the user's.

`shipped/` holds weights that `overplay train matcher` made on templates and frames; the published ones, trained on
photographs, are `xfeat.pt` of verlab/accelerated_features (Apache-2.0).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ops.outcomes import BadInputError
from ops.overlay.features import Features
from ops.store.storage import sha256_file

if TYPE_CHECKING:
    from kornia.feature import XFeat

#: The weights that a clone has.
SHIPPED = Path(__file__).parent / "shipped" / "xfeat.safetensors"
#: Changes when the same picture and weights would give other features.
VERSION: Final = "1"
#: Numbers of an XFeat descriptor (Potje et al., CVPR 2024).
_WIDTH: Final = 64
#: Side of a tile in pixels, about. On whole frames a faint pad beside a bright scene got no keypoint (docs/log.md).
_TILE_PX: Final = 360
#: A tile reaches so far into its neighbours, in pixels, so that its border sees what surrounds it. Not measured.
_OVERLAP_PX: Final = 32
#: kornia counts from pixel centres, features from pixel edges.
_TO_EDGES_PX: Final = 0.5
#: Layers of the semi-dense matching, which overplay does not use. Weights may lack them.
_UNUSED: Final = "fine_matcher."
#: What loading a file that holds no such weights raises, beside the formats' own errors.
_LOADING_ERRORS: Final = (RuntimeError, OSError, EOFError, TypeError, AttributeError)
#: Digits of the weights' hash in a matcher's name.
_HASH_DIGITS: Final = 16
#: Characters of a loader's error that are shown.
_ERROR_CHARS: Final = 200


@dataclass(frozen=True)
class XFeatMatcher:
    """Finds and describes XFeat keypoints.

    Attributes:
        weights: a state dict of kornia's or upstream's network (`.safetensors`, or `.pt`, read without unpickling
            code).
        max_keypoints: strongest ones kept per picture.
    """

    weights: Path = SHIPPED
    max_keypoints: int = 4096

    @property
    def name(self) -> str:
        """What an index built with these features is keyed by."""
        return f"xfeat-v{VERSION}-{_content(self.weights)[:_HASH_DIGITS]}-{self.max_keypoints}"

    def describe(self, gray: npt.NDArray[np.uint8], mask: npt.NDArray[np.uint8] | None = None) -> Features:
        """Return keypoints and unit-length descriptors of a picture (h, w), where `mask` (h, w) is not 0.

        Raises:
            BadInputError: the weights cannot be read or do not fit.
        """
        parts = [self._describe_tile(gray, *tile) for tile in _tiles(*gray.shape)]
        points, descriptors = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        if mask is not None and len(points):
            columns, rows = points.astype(int).T
            seen = mask[rows.clip(0, mask.shape[0] - 1), columns.clip(0, mask.shape[1] - 1)] > 0
            points, descriptors = points[seen], descriptors[seen]
        return Features(points, descriptors) if len(points) else Features.none(_WIDTH)

    def _describe_tile(
        self, gray: npt.NDArray[np.uint8], rows: _Stretch, columns: _Stretch
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return points in the whole picture and descriptors of those that are the tile's own."""
        import torch

        tile = gray[rows.first : rows.after, columns.first : columns.after]
        picture = torch.from_numpy(np.ascontiguousarray(tile, dtype=np.float32))[None, None] / 255
        with torch.inference_mode():
            found = _load(self.weights, _content(self.weights)).detectAndCompute(picture, top_k=self.max_keypoints)[0]
        points = found["keypoints"].numpy().astype(np.float32) + _TO_EDGES_PX
        points += np.array([columns.first, rows.first], dtype=np.float32)
        own = (points >= (columns.own_first, rows.own_first)) & (points < (columns.own_after, rows.own_after))
        return points[own.all(axis=1)], found["descriptors"].numpy().astype(np.float32)[own.all(axis=1)]


class _Stretch(NamedTuple):
    """Rows or columns of a tile, and those of them whose keypoints are its own: no other tile's are there."""

    first: int
    after: int
    own_first: int
    own_after: int


def _tiles(height: int, width: int) -> list[tuple[_Stretch, _Stretch]]:
    """Return the rows and columns of tiles that overlap.

    The network evens out a picture's contrast as a whole: beside a bright scene a faint overlay would get no keypoints.
    """

    def cut(size: int, tile: int) -> list[_Stretch]:
        count = max(1, -(-(size - 2 * _OVERLAP_PX) // tile)) if size > tile + 2 * _OVERLAP_PX else 1
        edges = [round(size * number / count) for number in range(count + 1)]
        return [
            _Stretch(max(0, first - _OVERLAP_PX), min(size, after + _OVERLAP_PX), first, after)
            for first, after in itertools.pairwise(edges)
        ]

    return list(itertools.product(cut(height, _TILE_PX), cut(width, _TILE_PX)))


def save_xfeat(model: XFeat, path: Path) -> None:
    """Write a network's weights; parent folders are made."""
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    used = {name: tensor for name, tensor in model.net.state_dict().items() if not name.startswith(_UNUSED)}
    save_file({name: tensor.contiguous() for name, tensor in used.items()}, path)


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
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    model = XFeat()
    try:
        state: dict[str, Any]
        if weights.suffix == ".safetensors":
            state = load_file(weights)
        else:
            state = torch.load(weights, map_location="cpu", weights_only=True)
        missing, surplus = model.net.load_state_dict(state, strict=False)
        if surplus or (missing := [name for name in missing if not name.startswith(_UNUSED)]):
            raise RuntimeError(f"missing {missing[:3]}, surplus {surplus[:3]}")
    except (*_LOADING_ERRORS, pickle.UnpicklingError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:_ERROR_CHARS]
        raise BadInputError(f"XFeat weights {weights.name}: {reason}; expected the state dict of xfeat.pt") from error
    return model.eval()
