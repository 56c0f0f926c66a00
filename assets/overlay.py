"""overlay/*: the template library, where each video's overlay is, and the small clips cut from the big files."""

from collections.abc import Sequence
from pathlib import Path

import dagster as dg

from assets.folders import build_folder, local_folder
from assets.metadata import folder_metadata, md_picture
from assets.naming import labelled
from ops.pictures import caption, encode, fit_width, grid
from ops.skins.procedural import make_skin, skin_ids
from ops.skins.template import Template, load_library
from ops.storage import Store

TEMPLATES = "overlay/templates"
#: Folder of the library inside `overlay/templates`.
LIBRARY = "library"
_TEMPLATES_VERSION = "1"
_MAX_PICTURES = 24


@dg.asset(**labelled(TEMPLATES, _TEMPLATES_VERSION, {"opencv"}))
def templates(store: dg.ResourceParam[Store]) -> dg.MaterializeResult:
    """The template library: the idle look of every procedural skin, with the places of its controls.

    Templates of your own go to `overplay label --templates`; third-party art stays outside the repository.
    """
    ids = skin_ids()

    def build(folder: Path) -> dict[str, object]:
        (folder / LIBRARY).mkdir()
        for skin_id in ids:
            make_skin(skin_id).template().save(folder / LIBRARY)
        return {"templates": list(ids)}

    report = build_folder(store, TEMPLATES, _TEMPLATES_VERSION, None, {"skins": ",".join(ids)}, build)
    with local_folder(store, TEMPLATES) as folder:
        preview = _preview_library(load_library(folder / LIBRARY))
    facts = {"num_templates": len(ids)}
    return dg.MaterializeResult(
        metadata=folder_metadata(store.uri(TEMPLATES), report.num_done, report.wall_s, facts, preview),
        data_version=dg.DataVersion(report.content),
    )


def _preview_library(library: Sequence[Template]) -> str:
    pictures = []
    for template in library[:_MAX_PICTURES]:
        alpha = template.rgba[..., 3:].astype("float32") / 255
        on_grey = template.rgba[..., :3] * alpha + 90 * (1 - alpha)
        pictures.append(caption(fit_width(on_grey.astype("uint8"), 150), template.template_id))
    return md_picture(encode(grid(pictures, 6)), f"The first {len(pictures)} of {len(library)} templates")
