"""Local features for template matching, behind the one protocol of `ops.overlay.features.Matcher`."""

from enum import StrEnum


class MatcherKind(StrEnum):
    """Which features overlays are looked for by; of `both` the matches are pooled."""

    sift = "sift"
    xfeat = "xfeat"
    both = "both"


#: Each finds what the other misses, and together neither costs much (docs/benchmarks.md, "Finding overlays").
DEFAULT_MATCHER = MatcherKind.both
