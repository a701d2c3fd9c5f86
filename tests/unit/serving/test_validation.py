"""Depth of nesting against a slow twin, and time on hostile bodies."""

import json
import time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from serving.validation import nests_deeper

values = st.recursive(
    st.none() | st.integers() | st.text('[]{}"\\ab', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('[{"\\', max_size=3), inner, max_size=3),
    max_leaves=20,
)


def slow_depth(value: Any) -> int:
    """Count the levels of a value by walking it."""
    if isinstance(value, dict):
        return 1 + max((slow_depth(inner) for inner in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((slow_depth(inner) for inner in value), default=0)
    return 0


@given(value=values, limit=st.integers(0, 5), ascii_only=st.booleans())
def test_depth_equals_the_slow_twin(value: Any, limit: int, ascii_only: bool) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert nests_deeper(body, limit) == (slow_depth(value) > limit)


@given(body=st.binary(max_size=200))
def test_any_bytes_at_all_are_judged(body: bytes) -> None:
    assert nests_deeper(body, 8) in (True, False)


def test_hostile_bodies_take_linear_time() -> None:
    bodies = [b'"' + b'\\"' * 500_000 + b"[" * 20, b'[{"' * 300_000, b"\\" * 900_000 + b"[" * 20, b'"[' * 400_000]
    started = time.perf_counter()
    for body in bodies:
        nests_deeper(body, 8)
    assert time.perf_counter() - started < 5
