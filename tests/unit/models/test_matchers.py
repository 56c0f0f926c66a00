from pathlib import Path

import numpy as np
import pytest

from models.matchers import library
from models.matchers.library import cached_library, write_library
from models.matchers.sift import SiftMatcher
from models.matchers.xfeat import SHIPPED, XFeatMatcher
from ops.outcomes import BadInputError
from ops.overlay.config import LocateConfig
from ops.overlay.index import TemplateIndex, index_file
from ops.skins.procedural import make_skin
from ops.truth.synthesize import procedural_background
from training.parser.xfeat import XFeatTrainConfig, draw_pair


def _picture() -> np.ndarray:
    import cv2

    noise = np.random.default_rng(0).uniform(0, 255, (24, 32)).astype(np.float32)
    return cv2.resize(noise, (320, 240), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)


def test_descriptors_are_of_unit_length_and_points_inside() -> None:
    features = SiftMatcher().describe(_picture())
    assert len(features) > 50 and features.descriptors.shape == (len(features), 128)
    np.testing.assert_allclose(np.linalg.norm(features.descriptors, axis=1), 1, atol=1e-3)
    assert features.points.min() >= 0 and (features.points <= (320, 240)).all()


def test_a_shifted_picture_has_shifted_points() -> None:
    picture = _picture()
    first, second = (SiftMatcher().describe(np.ascontiguousarray(p)) for p in (picture[:, :300], picture[:, 20:]))
    best = (first.descriptors @ second.descriptors.T).argmax(axis=1)
    shift = first.points - second.points[best]
    same = (np.abs(shift - (20, 0)) < 0.6).all(axis=1)
    assert same.mean() > 0.6


def test_a_mask_keeps_features_out() -> None:
    mask = np.zeros((240, 320), np.uint8)
    mask[:, 160:] = 255
    points = SiftMatcher().describe(_picture(), mask).points
    assert len(points) and (points[:, 0] >= 158).all()


def test_a_flat_picture_has_none() -> None:
    features = SiftMatcher().describe(np.full((100, 100), 7, np.uint8))
    assert len(features) == 0 and features.descriptors.shape == (0, 128)


def test_the_name_tells_what_shapes_the_features() -> None:
    assert len({SiftMatcher().name, SiftMatcher(contrast=0.04).name, SiftMatcher(max_keypoints=10).name}) == 3
    assert len(SiftMatcher(max_keypoints=10).describe(_picture())) <= 11


@pytest.fixture
def small_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(library, "skin_ids", lambda *_: ("generic-flat-01", "ps4-flat-01"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_the_library_is_made_once_and_found_again(small_library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = cached_library()
    assert folder.parent == small_library / "cache" / "overplay"
    indices = {index_file(SiftMatcher()), index_file(XFeatMatcher())}
    assert {path.name for path in folder.iterdir()} >= {"ps4-flat-01.png", "ps4-flat-01.json", *indices}
    monkeypatch.setattr(library, "write_library", lambda *_: pytest.fail("made again"))
    assert cached_library() == folder
    assert len(TemplateIndex.load(folder, SiftMatcher(), LocateConfig()).templates) == 2


def test_a_library_that_failed_half_way_is_not_there(small_library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(folder: Path, library: str, matchers: object) -> None:
        (folder / "ps4-flat-01.png").write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(library, "write_library", break_down)
    with pytest.raises(OSError, match="disk full"):
        cached_library()
    assert not list((small_library / "cache" / "overplay").iterdir())


def test_equal_skins_give_equal_libraries(small_library: Path) -> None:
    for name in ("one", "two"):
        (small_library / name).mkdir()
        assert write_library(small_library / name) == ("generic-flat-01", "ps4-flat-01")
    for path in (small_library / "one").glob("*.[pj]*"):
        assert path.read_bytes() == (small_library / "two" / path.name).read_bytes()


@pytest.fixture(scope="module")
def xfeat(tmp_path_factory: pytest.TempPathFactory) -> XFeatMatcher:
    """XFeat with random weights: what it finds means little, but it is the same in a shifted picture."""
    import torch
    from kornia.feature import XFeat

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("xfeat") / "xfeat.pt"
    net = XFeat().net
    with torch.no_grad():  # untrained, no cell is surer of a keypoint than chance
        net.keypoint_head[-1].weight *= 60
    torch.save(net.state_dict(), path)
    return XFeatMatcher(path)


def test_xfeat_gives_what_a_matcher_gives(xfeat: XFeatMatcher) -> None:
    features = xfeat.describe(_picture())
    assert len(features) > 10 and features.descriptors.shape == (len(features), 64)
    np.testing.assert_allclose(np.linalg.norm(features.descriptors, axis=1), 1, atol=1e-3)
    assert features.points.min() >= 0 and (features.points <= (320, 240)).all()
    mask = np.zeros((240, 320), np.uint8)
    mask[:, 160:] = 255
    assert (xfeat.describe(_picture(), mask).points[:, 0] >= 159).all()


def test_an_index_of_xfeat_features_knows_its_weights(xfeat: XFeatMatcher, tmp_path: Path) -> None:
    other = tmp_path / "xfeat.pt"
    other.write_bytes(xfeat.weights.read_bytes())
    assert XFeatMatcher(other).name == xfeat.name != SiftMatcher().name
    other.write_bytes(b"something else")
    assert XFeatMatcher(other).name != xfeat.name


@pytest.mark.parametrize("content", [None, b"", b"not weights", b"PK\x03\x04"])
def test_xfeat_weights_that_cannot_be_read_are_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "xfeat.pt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInputError, match=r"XFeat weights .*xfeat\.pt"):
        XFeatMatcher(path).describe(_picture())


@pytest.mark.parametrize("skin_id", ["ps5-flat-01", "xbox_series-line-01", "switch-solid-01"])
def test_the_shipped_weights_match_a_skin_that_they_were_not_trained_on(skin_id: str) -> None:
    pair = draw_pair(
        np.random.default_rng(5), make_skin(skin_id), procedural_background, XFeatTrainConfig(width_px=(260.0, 400.0))
    )
    first, second = (XFeatMatcher().describe(picture) for picture in pair[:2])
    likeness = first.descriptors @ second.descriptors.T
    forth, back = likeness.argmax(axis=1), likeness.argmax(axis=0)
    mutual = np.flatnonzero(back[forth] == np.arange(len(first)))
    known, there = pair.points[:, 0] + 0.5, pair.points[:, 1] + 0.5
    scale = np.ptp(there, axis=0).mean() / np.ptp(known, axis=0).mean()
    shift = (there - scale * known).mean(axis=0)
    off = np.linalg.norm(first.points[mutual] * scale + shift - second.points[forth[mutual]], axis=1)
    assert (off < 4).sum() >= 12, f"{(off < 4).sum()} of {len(mutual)} mutual matches are right"


def test_the_shipped_weights_are_small() -> None:
    assert SHIPPED.stat().st_size < 3 * 2**20
    assert XFeatMatcher().name.startswith("xfeat-")


def test_xfeat_sees_faint_marks_beside_a_bright_scene() -> None:
    """The network evens out contrast over a picture; tiles keep it local."""
    rng = np.random.default_rng(1)
    wide = np.zeros((360, 1280), np.uint8)
    wide[:, :400] = rng.integers(0, 256, (360, 400))
    rgba = make_skin("ps4-flat-01").template().rgba[::2, ::2]
    marks = (rgba[..., :3].mean(axis=-1) * (rgba[..., 3] / 255) / 10).astype(np.uint8)
    wide[40 : 40 + marks.shape[0], 800 : 800 + marks.shape[1]] = marks
    there = XFeatMatcher().describe(wide).points
    there = there[there[:, 0] > 800]
    assert len(there) > 0.5 * len(XFeatMatcher().describe(marks)) > 20


def test_a_keypoint_belongs_to_one_tile() -> None:
    points = XFeatMatcher().describe(np.tile(_picture(), (3, 4))).points
    assert len(points) == len(np.unique(points, axis=0)) and np.ptp(points, axis=0).min() > 500
