import numpy as np
import pytest

from models.overlay_parser.checkpoint import (
    MAIN,
    PROCEDURAL,
    Network,
    ParserPredictor,
    load_parser,
)
from tests.unit.models.overlay_parser.test_modeling import inputs


@pytest.mark.parametrize("network", [MAIN, PROCEDURAL])
def test_the_fast_runtime_reads_what_the_network_reads(network: Network) -> None:
    pairs, reference = inputs(5)
    fast, plain = (
        ParserPredictor(load_parser(network=network), runtime=name)(pairs.numpy(), reference[0].numpy())
        for name in ("onnx", "torch")
    )
    for name in ("pressed", "places", "certainty"):
        np.testing.assert_allclose(getattr(fast, name), getattr(plain, name), atol=1e-4)
