import dagster as dg

from pipelines.automation import CONDITIONS, FOLLOWS_SHARDS, with_automation


def test_only_the_card_is_made_by_itself() -> None:
    card, shards = dg.AssetSpec(["dataset", "card"]), dg.AssetSpec(["dataset", "shards"])
    assert with_automation(card).automation_condition is FOLLOWS_SHARDS
    assert with_automation(shards) is shards
    assert set(CONDITIONS) == {card.key}


def test_the_ui_names_the_condition() -> None:
    assert FOLLOWS_SHARDS.get_label() == "follows new shards"
