"""A batch run that can be killed: `python -m tests.integration.toy_batch ROOT LOG [PAUSE_AT]`.

Each item writes its id to LOG when it begins; the item number PAUSE_AT then waits to be killed.
"""

import hashlib
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from ops.outcomes import Outcome, RejectedError
from ops.store.batch import Stage, Unit, Work, run_batch
from ops.store.parallel import SerialMapper
from ops.store.storage import Store

STAGE = Stage("overlay/toy", "1", {"size": 1000})
BATCH = "batch-000001"
UNITS = [Unit(f"video-{number:02d}", Outcome.ok(number=number)) for number in range(8)]


@dataclass(frozen=True)
class Toy:
    log: str
    pause_at: int = -1

    def __call__(self, work: Work) -> tuple[Outcome, dict[str, str]]:
        number = work.unit.outcome.data["number"]
        with Path(self.log).open("a") as file:
            file.write(f"{work.unit.video_id}\n")
        if number == 5:
            raise RejectedError("no overlay: 0 inliers")
        data = str(number).encode() * 1000
        with work.store.writing(work.key("out.bin")) as path:
            path.write_bytes(data[:500])
            if number == self.pause_at:
                time.sleep(60)
            path.write_bytes(data)
        return Outcome.ok(number=number), {"out.bin": hashlib.sha256(data).hexdigest()}


def main(root: str, log: str, pause_at: int = -1) -> None:
    run_batch(Store(root), STAGE, BATCH, UNITS, Toy(log, pause_at), SerialMapper())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
