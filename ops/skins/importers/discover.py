"""Find the skins under a path, whatever program they were made for, and import them one by one.

A bad skin is one line of reason and stops nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ops.outcomes import BadInputError
from ops.skins.files import SKIN_FILE
from ops.skins.form import Skin
from ops.skins.importers import gamepad_viewer, input_overlay, joystick_display, vscview
from ops.skins.importers.common import read_json
from ops.skins.template import Template

_MAX_FILES = 20_000


@dataclass(frozen=True)
class Found:
    """Something that looks like a skin.

    Attributes:
        name: where it is, for people: a path below the one that was searched, perhaps with a variant.
        load: returns the skin, or the template that a picture alone is; raises `BadInputError` with the reason.
    """

    name: str
    load: Callable[[], Skin | Template]


def find_skins(path: Path) -> Iterator[Found]:
    """Yield what is under a path, in the order of the file names; nothing is rendered before `Found.load`.

    A picture is a template of its own if the path is that file, or if no layout of any program is below the path.

    Raises:
        BadInputError: there is nothing at the path, or nothing that looks like a skin.
    """
    if not path.exists():
        raise BadInputError(f"nothing at {path}; give a skin's file or folder")
    path = path.resolve()
    root = path if path.is_dir() else path.parent
    files = _files(path)
    found = [item for file in files for item in _layouts(file, root)]
    if not found:
        found = [Found(_name(file, root), partial(Template.load, file)) for file in files if _is_picture(file)]
    if not found:
        raise BadInputError(
            f"no skin at {path}; expected an Input Overlay or VSCView JSON, an Open Joystick Display theme.json, a "
            "GamePad Viewer style sheet, or PNG templates"
        )
    yield from found


def _is_picture(file: Path) -> bool:
    return file.suffix.lower() == ".png" and not file.with_name(SKIN_FILE).exists()


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    files: list[Path] = []
    for folder, folders, names in os.walk(path):
        folders.sort()
        files.extend(Path(folder) / name for name in sorted(names))
        if len(files) > _MAX_FILES:
            raise BadInputError(f"{path} holds more than {_MAX_FILES} files; give the folder of the skins")
    return files


def _name(file: Path, root: Path) -> str:
    return str(file.relative_to(root))


def _refused(name: str, error: BadInputError) -> Found:
    def load() -> Skin:
        raise error

    return Found(name, load)


def _layouts(file: Path, root: Path) -> Iterator[Found]:
    name = _name(file, root)
    try:
        if file.suffix == ".json" and file.name != SKIN_FILE:
            yield from _json_layouts(file, root, read_json(file))
        elif file.name == "template.css" and file.with_name("template.html").is_file():
            for colour in gamepad_viewer.colours(file):
                load = partial(gamepad_viewer.import_template, file.parent, colour)
                yield Found(f"{name} {colour}".strip(), load)
        elif file.suffix == ".css" and gamepad_viewer.is_custom(file):
            yield Found(name, partial(gamepad_viewer.import_custom, file))
    except BadInputError as error:
        yield _refused(name, error)


def _json_layouts(file: Path, root: Path, record: Any) -> Iterator[Found]:
    name = _name(file, root)
    if input_overlay.is_layout(record):
        others = sum(1 for other in file.parent.glob("*.json") if other != file)
        pictures = input_overlay.atlases(file, others)
        if not pictures:
            yield _refused(name, BadInputError("no PNG atlas beside the layout; put it into the same folder"))
        for png in pictures:
            yield Found(f"{name} {png.name}", partial(input_overlay.import_skin, record, file, png))
    elif joystick_display.is_theme(record):
        for skin_id, style in joystick_display.styles(record, file.parent):
            load = partial(joystick_display.import_skin, skin_id, style, file.parent)
            yield Found(f"{name} {skin_id}", load)
    elif vscview.is_layout(record):
        yield Found(name, partial(vscview.import_skin, record, file, vscview.theme_root(file, root)))
    elif isinstance(record, dict) and ("elements" in record or "children" in record):
        yield _refused(
            name, BadInputError("a layout without its size; expected overlay_width or width beside the nodes")
        )
