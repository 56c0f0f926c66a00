"""Templates with their features: described once, saved beside the templates, loaded while they fit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ops.overlay.config import LocateConfig
from ops.overlay.features import DescriptorIndex, Features, Matcher
from ops.skins.template import Template, load_library


@dataclass(frozen=True)
class TemplateIndex:
    """Templates with their features, in template pixels.

    Attributes:
        templates: the library.
        features: per template, those of all described widths together.
        matcher: made them, and makes those of the frames.
    """

    templates: tuple[Template, ...]
    features: tuple[Features, ...]
    matcher: Matcher

    @classmethod
    def build(cls, templates: Sequence[Template], matcher: Matcher, config: LocateConfig) -> TemplateIndex:
        """Describe the idle look of each template."""
        features = tuple(_describe_template(template, matcher, config) for template in templates)
        return cls(tuple(templates), features, matcher)

    @cached_property
    def words(self) -> DescriptorIndex:
        """All features by visual words."""
        return DescriptorIndex(self.features)

    def __add__(self, other: TemplateIndex) -> TemplateIndex:
        return TemplateIndex(self.templates + other.templates, self.features + other.features, self.matcher)

    def save(self, folder: Path) -> None:
        """Write the features into the library's folder, beside its templates."""
        ids = [template.template_id for template in self.templates]
        np.savez(
            folder / index_file(self.matcher),
            meta=np.array([json.dumps({"matcher": self.matcher.name, "templates": ids})]),
            counts=np.array([len(features) for features in self.features]),
            points=np.concatenate([features.points for features in self.features]),
            descriptors=np.concatenate([features.descriptors for features in self.features]).astype(np.float16),
        )

    @classmethod
    def load(cls, folder: Path, matcher: Matcher, config: LocateConfig) -> TemplateIndex:
        """Return the index of a library's folder: the saved one if it fits the templates and matcher, else a new one.

        Raises:
            BadInputError: a template cannot be read (`load_library`).
        """
        templates = load_library(folder)
        saved = folder / index_file(matcher)
        if saved.exists():
            with np.load(saved, allow_pickle=False) as arrays:
                meta = {"matcher": matcher.name, "templates": [template.template_id for template in templates]}
                if json.loads(str(arrays["meta"][0])) == meta:
                    ends = np.cumsum(arrays["counts"])[:-1]
                    points = np.split(arrays["points"], ends)
                    descriptors = np.split(arrays["descriptors"].astype(np.float32), ends)
                    features = tuple(Features(p, d) for p, d in zip(points, descriptors, strict=True))
                    return cls(templates, features, matcher)
        return cls.build(templates, matcher, config)


def index_file(matcher: Matcher) -> str:
    """Return the name of the file of a library's features."""
    return f"index-{matcher.name}.npz"


def _describe_template(template: Template, matcher: Matcher, config: LocateConfig) -> Features:
    import cv2

    alpha = template.rgba[..., 3:].astype(np.float32) / 255
    flat = (template.rgba[..., :3] * alpha + 128 * (1 - alpha) + 0.5).astype(np.uint8)
    parts = []
    for width in config.template_widths:
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
    for name, area in template.controls.items():
        if area.travel > 0 and name.endswith("_stick"):
            centre = (round(area.cx * scale), round(area.cy * scale))
            cv2.circle(mask, centre, round(area.half_width * scale), 0, -1)
    return mask
