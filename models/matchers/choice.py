"""The matchers of a kind."""

from __future__ import annotations

from pathlib import Path

from models.matchers import DEFAULT_MATCHER, MatcherKind
from models.matchers.sift import SiftMatcher
from models.matchers.xfeat import SHIPPED, XFeatMatcher
from ops.overlay.features import Matcher


def choose_matchers(kind: MatcherKind = DEFAULT_MATCHER, weights: Path = SHIPPED) -> tuple[Matcher, ...]:
    """Return the matchers of a kind, with XFeat's weights."""
    sift, xfeat = SiftMatcher(), XFeatMatcher(weights)
    if kind is MatcherKind.both:
        return sift, xfeat
    return (sift,) if kind is MatcherKind.sift else (xfeat,)
