"""Contact sheets."""

from ops.skins.procedural import make_skin
from ops.skins.sheet import contact_sheet


def test_sheets_show_every_control_of_one_skin_and_three_states_of_several() -> None:
    skin = make_skin("ps4-flat-01")
    cell = round(160 * skin.height / skin.width) + 16
    rows = -(-(1 + len(skin.areas())) // 5)
    assert contact_sheet([skin], 160).shape == (rows * cell, 5 * 160, 3)
    assert contact_sheet([skin, skin], 160).shape == (2 * cell, 3 * 160, 3)
