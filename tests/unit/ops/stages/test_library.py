"""Libraries that a process keeps, and reads again when their files are others."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from models.matchers.sift import SiftMatcher
from ops.outcomes import BadInputError
from ops.overlay.config import LocateConfig
from ops.skins.procedural import make_skin
from ops.skins.template import Template
from ops.stages.library import Library, load_index

CONFIG, MATCHER = LocateConfig(template_widths=(220,)), SiftMatcher()
FOUND = [SimpleNamespace(template_id="mine")]


def _save(folder: Path, skin_id: str) -> Template:
    template = replace(make_skin(skin_id).template(), template_id="mine")
    folder.mkdir(exist_ok=True)
    template.save(folder)
    return template


def test_an_index_is_kept_until_a_picture_is_written_over(tmp_path: Path) -> None:
    _save(tmp_path, "ps4-flat-01")
    first = load_index((tmp_path,), MATCHER, CONFIG)
    assert load_index((tmp_path,), MATCHER, CONFIG) is first
    other = _save(tmp_path, "ps5-solid-01")
    again = load_index((tmp_path,), MATCHER, CONFIG)
    np.testing.assert_array_equal(again.templates[0].rgba, other.rgba)
    assert again.keys != first.keys and len(again.features[0]) != len(first.features[0])


def test_indices_of_folders_add_up_in_their_order(tmp_path: Path) -> None:
    for name, skin_id in (("a", "ps4-flat-01"), ("b", "ps5-solid-01")):
        _save(tmp_path / name, skin_id)
    index = load_index((tmp_path / "b", tmp_path / "a"), MATCHER, CONFIG)
    assert [template.family for template in index.templates] == ["ps5", "ps4"]


@pytest.mark.parametrize("change", ["picture", "controls"])
def test_a_template_is_read_again_when_it_is_written_over(tmp_path: Path, change: str) -> None:
    before = _save(tmp_path, "ps4-flat-01")
    assert Library((tmp_path,)).templates(FOUND)["mine"].controls == before.controls
    if change == "picture":
        other = _save(tmp_path, "ps5-solid-01")
        np.testing.assert_array_equal(Library((tmp_path,)).templates(FOUND)["mine"].rgba, other.rgba)
    else:
        (tmp_path / "mine.json").unlink()
        assert Library((tmp_path,)).templates(FOUND)["mine"].controls == {}


def test_the_first_folder_s_template_is_taken_and_a_missing_one_named(tmp_path: Path) -> None:
    for name, skin_id in (("a", "ps4-flat-01"), ("b", "ps5-solid-01")):
        _save(tmp_path / name, skin_id)
    assert Library((tmp_path / "b", tmp_path / "a")).templates(FOUND)["mine"].family == "ps5"
    with pytest.raises(BadInputError, match="no template 'gone'"):
        Library((tmp_path / "a",)).templates([SimpleNamespace(template_id="gone")])
