"""What a policy's server and its clients say to each other: msgpack maps, checked field by field; nothing unpickles.

A request is `{"v": 1, "type": "predict" | "reset" | "info" | "health", "id": int, "token": str?, ...}`; a reply repeats
its `id` and has `"status": "ok"` or `"error"` with `code` and `message`. Arrays are `{"dtype", "shape", "data"}`.
This module needs neither torch nor ZeroMQ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

#: Of this protocol; a request names it as `v`.
VERSION: Final = 1
#: Where `overplay serve` listens and clients knock, unless told otherwise.
DEFAULT_PORT: Final = 5555
#: A frame has at most this many pixels to a side.
MAX_SIDE_PX: Final = 4096
#: Room for what a message holds beside its frame, in bytes.
_AROUND_BYTES: Final = 4096
#: The largest frame, RGB, and what is around it.
MAX_MESSAGE_BYTES: Final = 3 * MAX_SIDE_PX * MAX_SIDE_PX + _AROUND_BYTES
#: Denoising steps that a client may ask for, at most.
MAX_STEPS: Final = 1000
#: One more than the largest seed: torch's generators take 63 bits.
MAX_SEED: Final = 2**63
_DTYPES: Final = ("uint8", "float32")
#: Axes of an array in a message, at most.
_MAX_AXES: Final = 8
_FIELDS: Final[dict[str, dict[str, type | tuple[type, ...]]]] = {
    "predict": {"frame": dict, "steps": int},
    "reset": {"seed": int},
    "info": {},
    "health": {},
}
_NEEDED: Final = {"predict": ("frame",)}
_COMMON: Final[dict[str, type | tuple[type, ...]]] = {"v": int, "type": str, "id": int, "token": str}


class ProtocolError(ValueError):
    """A message that is not as it should be.

    Args:
        code: `bad_request` or `unauthorized`, for programs.
        message: for people: what came, what was expected.
        request_id: of the request, where it could be read.
    """

    def __init__(self, code: str, message: str, request_id: int = 0) -> None:
        super().__init__(message)
        self.code, self.request_id = code, request_id


@dataclass(frozen=True)
class Request:
    """A request that was checked.

    Attributes:
        kind: `predict`, `reset`, `info` or `health`.
        request_id: repeated in the reply.
        frame: (height, width, 3) uint8 of a `predict`.
        steps: denoising steps of a `predict`; 0 for the server's own choice.
        seed: of a `reset`.
    """

    kind: str
    request_id: int
    frame: npt.NDArray[np.uint8] | None = None
    steps: int = 0
    seed: int = 0


def pack(message: dict[str, Any]) -> bytes:
    """Return a message as bytes."""
    import msgpack

    data: bytes = msgpack.packb(message, default=_pack_array)
    return data


def unpack(data: bytes) -> dict[str, Any]:
    """Return the map that bytes hold.

    Raises:
        ProtocolError: they hold something else.
    """
    import msgpack

    try:
        message = msgpack.unpackb(data, raw=False, strict_map_key=True, ext_hook=_refuse_extension)
    except Exception as error:  # msgpack raises many kinds, all of which mean the same here
        raise ProtocolError("bad_request", f"not a msgpack message: {type(error).__name__}: {error}") from error
    if not isinstance(message, dict):
        raise ProtocolError("bad_request", f"expected a map, got {type(message).__name__}")
    return message


def _pack_array(value: Any) -> dict[str, Any]:
    if not isinstance(value, np.ndarray):
        raise TypeError(f"cannot send {type(value).__name__}")
    return {"dtype": str(value.dtype), "shape": list(value.shape), "data": np.ascontiguousarray(value).tobytes()}


def _refuse_extension(code: int, data: bytes) -> Any:
    raise ValueError(f"extension type {code} is not part of the protocol")


def read_array(value: Any, request_id: int = 0) -> npt.NDArray[Any]:
    """Return the array that a part of a message holds.

    Raises:
        ProtocolError: it holds none, or its bytes do not fit its shape.
    """
    try:
        dtype, shape, data = value["dtype"], value["shape"], value["data"]
        sizes = [int(size) for size in shape if type(size) is int]
        if (
            dtype not in _DTYPES
            or not isinstance(data, bytes)
            or len(sizes) != len(shape)
            or min(sizes, default=0) < 0
            or len(sizes) > _MAX_AXES
        ):
            raise TypeError
    except (TypeError, KeyError) as error:
        wanted = f"an array is {{dtype: {' | '.join(_DTYPES)}, shape: [int...], data: bytes}}"
        raise ProtocolError("bad_request", wanted, request_id) from error
    count = math.prod(sizes) * np.dtype(dtype).itemsize
    if len(data) != count:
        raise ProtocolError("bad_request", f"{len(data)} bytes of data for {dtype} of shape {sizes}", request_id)
    return np.frombuffer(data, dtype).reshape(sizes)


def read_request(data: bytes, token: str = "") -> Request:
    """Return the request that a client sent.

    Args:
        data: the message.
        token: what the client must know; empty for no secret.

    Raises:
        ProtocolError: it is malformed, or the token is not that one.
    """
    import hmac

    message = unpack(data)
    number = message.get("id", 0)
    request_id = number if type(number) is int else 0
    kind = message.get("type")
    if not isinstance(kind, str) or kind not in _FIELDS:
        raise ProtocolError("bad_request", f"type must be one of {', '.join(_FIELDS)}, got {kind!r:.40}", request_id)
    fields = _COMMON | _FIELDS[kind]
    for name, value in message.items():
        wanted = fields.get(name)
        if wanted is None:
            raise ProtocolError("bad_request", f"{kind} has no field {name!r:.40}", request_id)
        if type(value) is not wanted:
            got = type(value).__name__
            raise ProtocolError("bad_request", f"{name} must be {wanted.__name__}, got {got}", request_id)  # type: ignore[union-attr]
    if token and not hmac.compare_digest(str(message.get("token", "")).encode(), token.encode()):
        raise ProtocolError("unauthorized", "the token is missing or wrong", request_id)
    missing = [name for name in _NEEDED.get(kind, ()) if name not in message]
    if missing or message.get("v") != VERSION:
        needs = (
            f"{kind} needs {', '.join(missing)}" if missing else f"v must be {VERSION}, got {message.get('v')!r:.40}"
        )
        raise ProtocolError("bad_request", needs, request_id)
    steps, seed = message.get("steps", 0), message.get("seed", 0)
    if not 0 <= steps <= MAX_STEPS or not 0 <= seed < MAX_SEED:
        raise ProtocolError("bad_request", f"0 <= steps <= {MAX_STEPS} and 0 <= seed < 2**63 expected", request_id)
    frame = None
    if kind == "predict":
        frame = read_array(message["frame"], request_id)
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or not _fits(frame.shape):
            wanted_shape = f"(height, width, 3) uint8 with sides of 1 to {MAX_SIDE_PX}"
            raise ProtocolError(
                "bad_request", f"frame must be {wanted_shape}, got {frame.shape} {frame.dtype}", request_id
            )
    return Request(kind, request_id, frame, steps, seed)


def _fits(shape: tuple[int, ...]) -> bool:
    return all(1 <= side <= MAX_SIDE_PX for side in shape[:2])
