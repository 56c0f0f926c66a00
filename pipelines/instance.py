"""The Dagster instance of this machine: `overplay demo` fills it, `make ui` shows it.

`python -m pipelines.instance` prepares the folder and prints it, for `DAGSTER_HOME`.
"""

import os
import shutil
from pathlib import Path

import dagster as dg

from ops.store.storage import Store

REPOSITORY = Path(__file__).resolve().parents[1]
#: Videos decoded at once over all runs: each run fans out over all cores by itself.
_DECODE_RUNS = 2


def dagster_home(store: Store) -> Path:
    """Return the instance's folder: `DAGSTER_HOME` where it is set, else `dagster` in a local store.

    Raises:
        ValueError: the store is remote and `DAGSTER_HOME` is not set.
    """
    if "DAGSTER_HOME" in os.environ:
        return Path(os.environ["DAGSTER_HOME"])
    if not store.is_local:
        raise ValueError(
            f"Dagster's own records need a local folder and the store is {store.root}: set DAGSTER_HOME to one"
        )
    return Path(store.uri("dagster"))


def open_instance(home: Path) -> dg.DagsterInstance:
    """Return the instance in a folder, which is made, with the repository's `dagster.yaml`, where it is not there.

    Also points `DAGSTER_HOME` of this process there.
    """
    home.mkdir(parents=True, exist_ok=True)
    source, target = REPOSITORY / "dagster.yaml", home / "dagster.yaml"
    if not target.exists() or target.read_bytes() != source.read_bytes():
        shutil.copyfile(source, target)
    os.environ["DAGSTER_HOME"] = str(home)
    instance = dg.DagsterInstance.from_config(str(home))
    instance.event_log_storage.set_concurrency_slots("decode", _DECODE_RUNS)
    return instance


if __name__ == "__main__":
    folder = dagster_home(Store.from_environment())
    open_instance(folder)
    print(folder)
