"""The matchers of a kind."""

from pathlib import Path

import pytest

from models.matchers import DEFAULT_MATCHER, MatcherKind
from models.matchers.choice import choose_matchers
from models.matchers.sift import SiftMatcher
from models.matchers.xfeat import XFeatMatcher


@pytest.mark.parametrize(
    ("kind", "types"),
    [
        (MatcherKind.sift, (SiftMatcher,)),
        (MatcherKind.xfeat, (XFeatMatcher,)),
        (MatcherKind.both, (SiftMatcher, XFeatMatcher)),
    ],
)
def test_a_kind_is_its_matchers(kind: MatcherKind, types: tuple) -> None:
    assert tuple(type(matcher) for matcher in choose_matchers(kind)) == types


def test_the_default_is_both_and_weights_are_xfeat_s(tmp_path: Path) -> None:
    assert choose_matchers() == choose_matchers(DEFAULT_MATCHER) == choose_matchers(MatcherKind.both)
    assert choose_matchers(MatcherKind.xfeat, tmp_path / "w.pt") == (XFeatMatcher(tmp_path / "w.pt"),)


def test_names_hold_version_settings_and_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names = {matcher.name for matcher in (*choose_matchers(), SiftMatcher(0.03), XFeatMatcher(max_keypoints=5))}
    for module in ("sift", "xfeat"):
        monkeypatch.setattr(f"models.matchers.{module}.VERSION", "next")
    names |= {matcher.name for matcher in choose_matchers()}
    (tmp_path / "w.pt").write_bytes(b"other weights")
    names.add(XFeatMatcher(tmp_path / "w.pt").name)
    assert len(names) == 7
