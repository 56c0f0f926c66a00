"""Templates with their features: described once, saved beside the templates, used again while nothing changed.

A saved feature is found by a key over all that it was made from, so another picture of the same name is described anew.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from ops.gamepad import STICKS
from ops.overlay.config import LocateConfig
from ops.overlay.features import DescriptorIndex, Features, Matcher
from ops.skins.template import Template, load_library
from ops.store.storage import fingerprint

#: Changes when the same template would be described otherwise.
VERSION: Final = "2"
#: Grey under a template's transparent parts when it is described, of 255: the middle.
_UNDER: Final = 128


@dataclass(frozen=True)
class TemplateIndex:
    """Templates with their features, in template pixels.

    Attributes:
        templates: the library.
        features: per template, those of all described widths together.
        matcher: made them, and makes those of the frames.
        keys: per template, the key that its features are saved by (`feature_key`).
    """

    templates: tuple[Template, ...]
    features: tuple[Features, ...]
    matcher: Matcher
    keys: tuple[str, ...]

    @classmethod
    def build(
        cls,
        templates: Sequence[Template],
        matcher: Matcher,
        config: LocateConfig,
        known: Mapping[str, Features] | None = None,
    ) -> TemplateIndex:
        """Return the index of templates; those whose key is not `known` are described."""
        known = known or {}
        keys = tuple(feature_key(template, matcher, config.template_widths) for template in templates)
        features = tuple(
            known[key] if key in known else _describe_template(template, matcher, config.template_widths)
            for template, key in zip(templates, keys, strict=True)
        )
        return cls(tuple(templates), features, matcher, keys)

    @cached_property
    def words(self) -> DescriptorIndex:
        """All features by visual words."""
        return DescriptorIndex(self.features)

    def __add__(self, other: TemplateIndex) -> TemplateIndex:
        return TemplateIndex(
            self.templates + other.templates, self.features + other.features, self.matcher, self.keys + other.keys
        )

    def save(self, folder: Path) -> None:
        """Write the features into the library's folder, beside its templates."""
        np.savez(
            folder / index_file(self.matcher),
            keys=np.array(self.keys),
            counts=np.array([len(features) for features in self.features]),
            points=np.concatenate([features.points for features in self.features]),
            descriptors=np.concatenate([features.descriptors for features in self.features]).astype(np.float16),
        )

    @classmethod
    def load(cls, folder: Path, matcher: Matcher, config: LocateConfig) -> TemplateIndex:
        """Return the index of a library's folder: saved features where they fit a template, else new ones.

        Raises:
            BadInputError: a template cannot be read (`load_library`).
        """
        return cls.build(load_library(folder), matcher, config, _read_features(folder / index_file(matcher)))


def index_file(matcher: Matcher) -> str:
    """Return the name of the file of a library's features."""
    return f"index-{matcher.name}.npz"


def feature_key(template: Template, matcher: Matcher, widths: Sequence[int]) -> str:
    """Return a hash of all that a template's features are made from.

    These are its pixels, the places where its sticks move, the widths it is described at, and the matcher.
    """
    pixels = hashlib.sha256(template.rgba.tobytes()).hexdigest()
    moving = {name: area for name, area in template.controls.items() if name in STICKS}
    return fingerprint(VERSION, matcher.name, list(widths), list(template.rgba.shape), pixels, moving)


def _read_features(path: Path) -> dict[str, Features]:
    """Return saved features by key; none of a file that is absent, damaged or of an older version."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            ends = np.cumsum(arrays["counts"])[:-1]
            points = np.split(arrays["points"], ends)
            descriptors = np.split(arrays["descriptors"].astype(np.float32), ends)
            found = [Features(*pair) for pair in zip(points, descriptors, strict=True)]
            return dict(zip(arrays["keys"].tolist(), found, strict=True))
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
        return {}


def _describe_template(template: Template, matcher: Matcher, widths: Sequence[int]) -> Features:
    """Return the features of the idle look over grey, at each width, in template pixels."""
    import cv2

    alpha = template.rgba[..., 3:].astype(np.float32) / 255
    flat = (template.rgba[..., :3] * alpha + _UNDER * (1 - alpha) + 0.5).astype(np.uint8)
    parts = []
    for width in widths:
        scale = width / template.width
        size = (width, max(1, round(template.height * scale)))
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        gray = cv2.cvtColor(cv2.resize(flat, size, interpolation=interpolation), cv2.COLOR_RGB2GRAY)
        found = matcher.describe(np.asarray(gray, dtype=np.uint8), fixed_parts(template, size))
        parts.append(Features((found.points / scale).astype(np.float32), found.descriptors))
    return Features(np.concatenate([p.points for p in parts]), np.concatenate([p.descriptors for p in parts]))


def fixed_parts(template: Template, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Return (height, width) uint8, 0 where a stick's cap moves: features there do not stay."""
    import cv2

    mask = np.full((size[1], size[0]), 255, dtype=np.uint8)
    scale = size[0] / template.width
    for name in STICKS:
        area = template.controls.get(name)
        if area is not None and area.travel > 0:
            centre = (round(area.cx * scale), round(area.cy * scale))
            cv2.circle(mask, centre, round(area.half_width * scale), 0, -1)
    return mask
