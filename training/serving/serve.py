"""A policy behind a socket: ZeroMQ and msgpack, many clients with a state of their own, requests in batches.

What a client sends is checked before anything is done with it (`models.policy.protocol`). A bad request gets an error
for an answer and harms nobody, and so does a failure of the network: the server goes on.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Event
from typing import Any, Final

import numpy as np
import torch

from models.policy.modeling import draw_start
from models.policy.protocol import DEFAULT_PORT, MAX_MESSAGE_BYTES, VERSION, ProtocolError, Request, pack, read_request
from training.serving.infer import PolicyActor, fit_view

#: How often the server looks whether it shall stop, in milliseconds.
_POLL_MS: Final = 100
#: One more than the highest port.
_PORTS: Final = 65536
#: Clients whose state is kept; the one that was silent the longest goes first.
_MAX_CLIENTS: Final = 1024


@dataclass(frozen=True)
class ServeConfig:
    """How a policy is served.

    Attributes:
        host: address to listen on.
        port: 0 for a free one.
        token: what clients must say; needed where others than this machine can reach the address.
        max_batch: frames that go through the network together, at most.
        wait_s: how long the first of a batch waits for others.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    token: str = ""
    max_batch: int = 16
    wait_s: float = 0.002

    def __post_init__(self) -> None:
        if not 0 <= self.port < _PORTS or self.max_batch < 1 or self.wait_s < 0:
            raise ValueError(f"0 <= port < {_PORTS}, max_batch >= 1, wait_s >= 0 expected, got {self}")
        if not self.token and not _is_loopback(self.host):
            raise ValueError(f"{self.host} can be reached from outside: give a token, or listen on 127.0.0.1")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass
class _Client:
    """A client's state: the generator of its starting noise."""

    generator: torch.Generator = field(default_factory=lambda: torch.Generator().manual_seed(0))
    num_predictions: int = 0


@dataclass(frozen=True)
class _Waiting:
    """A request and where its answer goes."""

    envelope: tuple[bytes, ...]
    request: Request


class PolicyServer:
    """Serves a policy until it is told to stop.

    Args:
        actor: the policy.
        config: where and how.
        about: what `info` says beside the policy's own facts.
    """

    def __init__(self, actor: PolicyActor, config: ServeConfig = ServeConfig(), about: dict[str, Any] | None = None):
        import zmq

        self._actor, self._config, self._about = actor, config, about or {}
        self._context = zmq.Context()
        self._socket: Any = self._context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
        host = "127.0.0.1" if config.host == "localhost" else config.host
        self._socket.bind(f"tcp://{f'[{host}]' if ':' in host else host}:{config.port or '*'}")
        self.port = int(self._socket.getsockopt_string(zmq.LAST_ENDPOINT).rsplit(":", 1)[1])
        self._clients: OrderedDict[bytes, _Client] = OrderedDict()
        self._started = time.monotonic()
        self._counts = {"predictions": 0, "batches": 0, "errors": 0}

    def serve(self, stop: Event) -> None:
        """Answer requests until `stop` is set; then close the socket."""
        try:
            while not stop.is_set():
                if self._socket.poll(_POLL_MS):
                    self._answer(self._gather())
        finally:
            self._socket.close()
            self._context.term()

    def _gather(self) -> list[_Waiting]:
        """Return the requests at hand, waiting a little where there are frames; all but frames are answered at once."""
        import zmq

        waiting: list[_Waiting] = []
        deadline = time.monotonic() + self._config.wait_s
        while len(waiting) < self._config.max_batch:
            try:
                *envelope, data = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                left = deadline - time.monotonic()
                if not waiting or left <= 0 or not self._socket.poll(max(1, round(1000 * left))):
                    break
                continue
            one = self._receive(tuple(envelope), data)
            if one is not None:
                waiting.append(one)
        return waiting

    def _receive(self, envelope: tuple[bytes, ...], data: bytes) -> _Waiting | None:
        """Check a message and answer what needs no network; return it where it does."""
        try:
            request = read_request(data, self._config.token)
        except Exception as error:  # whatever a stranger sends is answered
            refused = error if isinstance(error, ProtocolError) else ProtocolError("bad_request", repr(error))
            self._counts["errors"] += 1
            self._send(envelope, refused.request_id, status="error", code=refused.code, message=str(refused))
            return None
        if request.kind == "predict":
            return _Waiting(envelope, request)
        if request.kind == "reset":
            self._clients.pop(envelope[0], None)
            self._client(envelope[0]).generator.manual_seed(request.seed)
            self._send(envelope, request.request_id, status="ok")
        else:
            facts = self._info() if request.kind == "info" else self._health()
            self._send(envelope, request.request_id, status="ok", **{request.kind: facts})
        return None

    def _client(self, identity: bytes) -> _Client:
        client = self._clients.pop(identity, None) or _Client()
        self._clients[identity] = client
        while len(self._clients) > _MAX_CLIENTS:
            self._clients.popitem(last=False)
        return client

    def _answer(self, waiting: list[_Waiting]) -> None:
        """Predict for all waiting requests, those of one number of steps together."""
        by_steps: dict[int, list[_Waiting]] = {}
        for one in waiting:
            by_steps.setdefault(one.request.steps or self._actor.steps, []).append(one)
        for steps, group in by_steps.items():
            try:
                self._predict(group, steps)
            except Exception as error:  # the network's failure is the answer; the server goes on
                self._counts["errors"] += len(group)
                for one in group:
                    message = f"{type(error).__name__}: {error}"
                    self._send(one.envelope, one.request.request_id, status="error", code="internal", message=message)

    def _predict(self, group: list[_Waiting], steps: int) -> None:
        config = self._actor.config
        views = [fit_view(one.request.frame, config.vision.image_px) for one in group if one.request.frame is not None]
        clients = [self._client(one.envelope[0]) for one in group]
        noise = torch.cat([draw_start(config, 1, client.generator) for client in clients])
        packed = self._actor.act_from(np.stack(views), noise, steps)
        buttons, sticks = self._actor.unpack(packed)
        self._counts["batches"] += 1
        self._counts["predictions"] += len(group)
        for one, client, pressed, moved in zip(group, clients, buttons, sticks, strict=True):
            client.num_predictions += 1
            self._send(one.envelope, one.request.request_id, status="ok", buttons=pressed, sticks=moved)

    def _send(self, envelope: tuple[bytes, ...], request_id: int, **fields: Any) -> None:
        self._socket.send_multipart([*envelope, pack({"v": VERSION, "id": request_id} | fields)])

    def _info(self) -> dict[str, Any]:
        config = self._actor.config
        return self._about | {
            "protocol": VERSION,
            "layout": config.layout,
            "buttons": list(config.action_layout.buttons),
            "known": self._actor.known.tolist(),
            "horizon": config.horizon,
            "control_hz": config.control_hz,
            "action_shift": config.action_shift,
            "image_px": config.vision.image_px,
            "steps": self._actor.steps,
            "max_batch": self._config.max_batch,
        }

    def _health(self) -> dict[str, Any]:
        uptime = time.monotonic() - self._started
        return self._counts | {"clients": len(self._clients), "uptime_s": uptime}
