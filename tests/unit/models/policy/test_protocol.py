import msgpack
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.policy.protocol import ProtocolError, pack, read_request, unpack


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60) | st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: st.dictionaries(st.sampled_from(["v", "type", "id", "frame", "dtype", "shape", "data", "x"]), inner)
    | st.lists(inner, max_size=4), max_leaves=12,
).map(msgpack.packb))  # fmt: skip
def test_no_bytes_raise_anything_but_a_protocol_error(data):
    try:
        read_request(data)
    except ProtocolError as error:
        assert error.code == "bad_request"


def test_arrays_survive_the_way():
    array = np.arange(12, dtype=np.float32).reshape(3, 4)[:, ::2]
    from models.policy.protocol import read_array

    np.testing.assert_array_equal(read_array(unpack(pack({"a": array}))["a"]), array)
