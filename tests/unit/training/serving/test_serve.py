"""The server over a real socket: clients with a state each, batches, and anything that a stranger may send."""

import threading
from concurrent.futures import ThreadPoolExecutor

import msgpack
import numpy as np
import pytest
import torch
import zmq

from models.policy.client import PolicyClient, PolicyServerError
from models.policy.modeling import Policy
from models.policy.protocol import MAX_MESSAGE_BYTES, unpack
from tests.unit.models.policy.test_modeling import mini
from tests.unit.models.policy.test_parity import filled
from training.serving.infer import PolicyActor
from training.serving.serve import PolicyServer, ServeConfig


@pytest.fixture(scope="module")
def actor() -> PolicyActor:
    torch.set_num_threads(1)
    return PolicyActor(filled(Policy(mini())), np.ones(25, bool), steps=4, threshold=None)


class Serving:
    """A server in a thread."""

    def __init__(self, actor, **config) -> None:
        self.server = PolicyServer(actor, ServeConfig(port=0, **config), {"checkpoint": "mini"})
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.server.serve, args=(self.stop,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join(10)
        assert not self.thread.is_alive()

    def client(self, **options) -> PolicyClient:
        return PolicyClient(port=self.server.port, timeout_s=20, **options)


@pytest.fixture(scope="module")
def serving(actor):
    with Serving(actor) as serving:
        yield serving


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def test_a_client_gets_what_the_policy_does(serving, actor):
    from training.serving.infer import fit_view

    with serving.client() as client:
        client.reset(7)
        found = client.predict(picture())
        packed = actor.act(fit_view(picture(), 32)[None], torch.Generator().manual_seed(7))
        buttons, sticks = actor.unpack(packed)
        np.testing.assert_allclose(found.buttons, buttons[0], atol=1e-5)
        np.testing.assert_allclose(found.sticks, sticks[0], atol=1e-5)
        assert found.layout.name == "model"
        pressed, _ = found.benchmark()
        assert pressed.shape == (5, 16) and set(np.unique(pressed)) <= {0.0, 1.0}
        assert not np.allclose(client.predict(picture(), steps=1).buttons, found.buttons)


def test_info_and_health(serving):
    with serving.client() as client:
        info = client.info()
        assert (info["layout"], info["horizon"], info["steps"], info["checkpoint"]) == ("model", 5, 4, "mini")
        assert len(info["buttons"]) == 21
        before = client.health()
        client.predict(picture())
        after = client.health()
        assert after["predictions"] == before["predictions"] + 1
        assert after["clients"] >= 1 and after["uptime_s"] > 0


def test_clients_have_states_of_their_own_whatever_the_others_do(serving):
    """Each of six players sees what it would see alone."""

    def play(seed: int, count: int = 4) -> list[np.ndarray]:
        with serving.client() as client:
            client.reset(seed)
            return [client.predict(picture(seed)).sticks for _ in range(count)]

    alone = [play(seed) for seed in range(6)]
    with ThreadPoolExecutor(6) as threads:
        together = list(threads.map(play, range(6)))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
        assert not np.allclose(one[0], one[1])  # its noise goes on


def test_requests_that_wait_share_a_batch(actor):
    sizes = []

    class Slow(PolicyActor):
        def act_from(self, frames, noise, steps):
            sizes.append(len(frames))
            return super().act_from(frames, noise, steps)

    slow = Slow(actor.policy, actor.known, 4, None)
    with Serving(slow, max_batch=4, wait_s=0.5) as serving, ThreadPoolExecutor(8) as threads:
        clients = [serving.client() for _ in range(8)]
        list(threads.map(lambda client: client.predict(picture()), clients))
        for client in clients:
            client.close()
    assert sum(sizes) == 8
    assert max(sizes) == 4 and len(sizes) <= 4


def raw_socket(serving):
    socket = zmq.Context.instance().socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.connect(f"tcp://127.0.0.1:{serving.server.port}")
    return socket


def ask(socket, data: bytes) -> dict:
    socket.send(data)
    assert socket.poll(10_000), "no answer"
    return unpack(socket.recv())


GOOD = {"v": 1, "type": "predict", "id": 3, "frame": {"dtype": "uint8", "shape": [2, 2, 3], "data": bytes(12)}}


@pytest.mark.parametrize(
    "message",
    [
        b"", b"\x80\x04\x95", b"\xc1", msgpack.packb(5), msgpack.packb({1: 2}), msgpack.packb(msgpack.ExtType(5, b"x")),
        {}, {"type": "shell"}, {"type": ["predict"]}, GOOD | {"v": 2}, GOOD | {"id": "3"}, GOOD | {"evil": 1},
        GOOD | {"steps": 10**6}, GOOD | {"steps": True}, GOOD | {"frame": b"x"}, {**GOOD, "frame": {}},
        GOOD | {"frame": {"dtype": "uint8", "shape": [2, 2, 3], "data": bytes(11)}},
        GOOD | {"frame": {"dtype": "uint8", "shape": [2**40, 2**40, 2**40], "data": b""}},
        GOOD | {"frame": {"dtype": "uint8", "shape": [1] * 99, "data": b"1"}},
        GOOD | {"frame": {"dtype": "object", "shape": [2, 2, 3], "data": bytes(12)}},
        GOOD | {"frame": {"dtype": "uint8", "shape": [0, 2, 3], "data": b""}},
        GOOD | {"frame": {"dtype": "uint8", "shape": "223", "data": bytes(12)}},
        {"v": 1, "type": "predict"}, {"v": 1, "type": "reset", "seed": -1},
    ],
)  # fmt: skip
def test_malformed_requests_get_an_error_and_harm_nobody(serving, message):
    with serving.client() as bystander:
        bystander.reset(1)
        socket = raw_socket(serving)
        reply = ask(socket, message if isinstance(message, bytes) else msgpack.packb(message))
        assert (reply["status"], reply["code"]) == ("error", "bad_request") and reply["message"]
        assert ask(socket, msgpack.packb(GOOD))["status"] == "ok"  # the same line is still good
        assert bystander.predict(picture()).sticks.shape == (5, 4)
        socket.close()


def test_too_large_a_message_cuts_its_own_line_only(serving):
    socket = raw_socket(serving)
    socket.send(bytes(MAX_MESSAGE_BYTES + 1))
    assert not socket.poll(300)
    socket.close()
    with serving.client() as client:
        assert client.health()["uptime_s"] > 0


def test_a_token_opens_and_nothing_else(actor):
    with Serving(actor, token="secret") as serving:
        for token in ("", "wrong"):
            with serving.client(token=token) as client, pytest.raises(PolicyServerError, match="unauthorized"):
                client.predict(picture())
        with serving.client(token="secret") as client:
            assert client.predict(picture()).buttons.shape == (5, 21)
            client.reset(3)


def test_a_failing_network_is_an_answer(actor):
    class Broken(PolicyActor):
        def act_from(self, frames, noise, steps):
            if steps == 2:
                raise RuntimeError("no memory")
            return super().act_from(frames, noise, steps)

    with Serving(Broken(actor.policy, actor.known, 4, None)) as serving, serving.client() as client:
        with pytest.raises(PolicyServerError, match="internal: RuntimeError: no memory"):
            client.predict(picture(), steps=2)
        assert client.predict(picture()).buttons.shape == (5, 21)


def test_others_may_listen_only_with_a_token():
    with pytest.raises(ValueError, match=r"0\.0\.0\.0 can be reached from outside"):
        ServeConfig(host="0.0.0.0")
    assert ServeConfig(host="0.0.0.0", token="x").token
    assert ServeConfig(host="localhost").host and ServeConfig(host="::1").host
