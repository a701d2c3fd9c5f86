"""Whatever is overridden, nothing else moves."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from configs.loading import load_settings

# Numbers that each of these keys takes.
KEYS = st.sampled_from(
    [
        "two_tower.seed",
        "two_tower.head.n_epochs",
        "features.history_length",
        "evaluation.list_length",
        "serving.events.max_batch",
        "serving.decisions.max_pending",
    ]
)
VALUES = st.integers(min_value=10, max_value=500)


@given(st.dictionaries(KEYS, VALUES, max_size=4), st.randoms(use_true_random=False))
def test_overrides_change_their_keys_alone_in_any_order(chosen: dict[str, int], shuffler: Random) -> None:
    overrides = [f"{key}={value}" for key, value in chosen.items()]
    shuffler.shuffle(overrides)
    expected = load_settings("prod").model_dump()
    for key, value in chosen.items():
        *above, last = key.split(".")
        place = expected
        for part in above:
            place = place[part]
        place[last] = value
    assert load_settings("prod", overrides).model_dump() == expected
