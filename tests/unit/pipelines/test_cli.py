import pytest
from typer.main import get_command

from ops.store.storage import Store
from pipelines.cli import app
from tests.factories.policy_data import make_dataset

#: The contract: these names stay.
COMMANDS = {
    "demo": (),
    "label": (),
    "crawl": (),
    "retry": (),
    "cost": (),
    "skins": ("import", "list", "render"),
    "dataset": ("export-nitrogen", "import-nitrogen", "stats", "verify"),
    "optout": ("add", "list", "apply"),
    "labels": ("list", "diff", "choose", "renew"),
    "train": ("parser", "policy"),
    "serve": (),
    "benchmark": ("parser",),
    "play": (),
    "record": (),
    "evaluate": (),
    "games": ("list", "install", "doctor", "sheet"),
    "replay-check": (),
}


def test_commands_are_those_of_the_contract() -> None:
    commands = get_command(app).commands
    assert set(COMMANDS) <= set(commands)
    for name, verbs in COMMANDS.items():
        assert set(verbs) <= set(getattr(commands[name], "commands", {})), name


@pytest.mark.parametrize(
    "arguments",
    [
        ("label",),
        ("label", "a.mp4"),
        ("skins", "render", "no-such-skin"),
        ("skins", "render", "ps4-flat-01", "--press", "nothing"),
        ("crawl",),
        ("train", "policy", "--recipe", "nothing"),
        ("evaluate", "--policy", "random", "--game", "Tetris"),
        ("record", "x", "--corner", "middle"),
        ("play", "--replan-rows", "0"),
    ],
)
def test_bad_usage_ends_with_2(run, store: Store, arguments: tuple[str, ...]) -> None:
    if arguments[0] == "train":
        make_dataset(store, num_train=1, num_val=1, seconds=2.0, chunk_s=2.0)
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
