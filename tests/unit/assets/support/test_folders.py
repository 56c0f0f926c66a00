from pathlib import Path

import pytest

from assets.support.folders import build_folder, input_content, local_folder
from ops.store.storage import Store


def _build(calls: list[int]):
    def build(folder: Path) -> dict[str, int]:
        calls.append(1)
        (folder / "sub").mkdir()
        (folder / "sub" / "a.txt").write_text("a")
        return {"num": 1}

    return build


def test_is_built_once_while_nothing_changes(store: Store) -> None:
    calls: list[int] = []
    first = build_folder(store, "parser/x", "1", {"k": 1}, {"in": "h"}, _build(calls))
    second = build_folder(store, "parser/x", "1", {"k": 1}, {"in": "h"}, _build(calls))
    assert (first.num_done, second.num_done, len(calls)) == (1, 0, 1)
    assert second.facts == {"num": 1}
    assert first.content == second.content == input_content(store, "parser/x")


@pytest.mark.parametrize("version, config, content", [("2", {"k": 1}, "h"), ("1", {"k": 2}, "h"), ("1", {"k": 1}, "g")])
def test_is_built_again_when_something_changes(store: Store, version: str, config: dict, content: str) -> None:
    calls: list[int] = []
    build_folder(store, "parser/x", "1", {"k": 1}, {"in": "h"}, _build(calls))
    assert build_folder(store, "parser/x", version, config, {"in": content}, _build(calls)).num_done == 1


def test_killed_before_the_manifest_is_not_done(store: Store) -> None:
    def killed(folder: Path) -> None:
        raise KeyboardInterrupt

    calls: list[int] = []
    build_folder(store, "parser/x", "1", None, {}, _build(calls))
    with pytest.raises(KeyboardInterrupt):
        build_folder(store, "parser/x", "2", None, {}, killed)
    # What was there is whole until the new one is: version 1 still counts as made.
    assert build_folder(store, "parser/x", "1", None, {}, _build(calls)).num_done == 0
    store.remove("parser/x/manifest.json")
    assert build_folder(store, "parser/x", "1", None, {}, _build(calls)).num_done == 1


def test_a_lost_file_is_made_again(store: Store) -> None:
    calls: list[int] = []
    build_folder(store, "parser/x", "1", None, {}, _build(calls))
    store.remove("parser/x/sub/a.txt")
    assert build_folder(store, "parser/x", "1", None, {}, _build(calls)).num_done == 1
    with local_folder(store, "parser/x") as folder:
        assert (folder / "sub" / "a.txt").read_text() == "a"


def test_input_that_was_never_made_says_what_to_do(store: Store) -> None:
    with pytest.raises(FileNotFoundError, match="materialize parser/x first"):
        input_content(store, "parser/x")


def test_a_remote_folder_is_copied() -> None:
    store = Store("memory://folders-test")
    build_folder(store, "parser/x", "1", None, {}, _build([]))
    with local_folder(store, "parser/x") as folder:
        assert (folder / "sub" / "a.txt").read_text() == "a"
