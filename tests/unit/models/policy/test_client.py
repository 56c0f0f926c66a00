import subprocess
import sys

import pytest

from models.policy.client import PolicyClient


def test_a_client_without_a_server_gives_up():
    with PolicyClient(port=1, timeout_s=0.2) as client, pytest.raises(TimeoutError, match="overplay serve"):
        client.health()


def test_the_client_needs_no_torch():
    code = "import sys; from models.policy.client import PolicyClient; PolicyClient().close(); " + (
        "print(sorted({'torch', 'transformers', 'ray', 'cv2'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
