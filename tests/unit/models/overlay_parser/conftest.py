import pytest
import torch

from models.overlay_parser.config import debug
from models.overlay_parser.modeling import OverlayParser


@pytest.fixture(scope="module")
def model() -> OverlayParser:
    torch.manual_seed(0)
    return OverlayParser(debug()).eval()
