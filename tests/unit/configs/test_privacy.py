"""Settings of the privacy budget."""

import pytest
from pydantic import ValidationError

from configs.errors import SettingsError
from configs.loading import load_settings
from configs.privacy import BudgetSettings

GOOD = {"cap_epsilon": 8.0, "delta": 1e-5, "window_days": 90, "clock_tolerance_s": 5}


@pytest.mark.parametrize(
    ("key", "bad"),
    [
        ("cap_epsilon", 0),
        ("cap_epsilon", 21),
        ("cap_epsilon", float("nan")),
        ("delta", 0),
        ("delta", 0.01),
        ("delta", -1e-5),
        ("window_days", 0),
        ("clock_tolerance_s", 61),
    ],
)
def test_a_budget_out_of_range_is_refused(key: str, bad: float) -> None:
    BudgetSettings.model_validate(GOOD)
    with pytest.raises(ValidationError, match=key):
        BudgetSettings.model_validate({**GOOD, key: bad})


def test_at_the_command_line_the_key_is_named() -> None:
    with pytest.raises(SettingsError, match=r"budget\.delta"):
        load_settings("test", ["privacy.budget.delta=0.5"])
    assert load_settings("test", ["privacy.budget.cap_epsilon=3"]).privacy.budget.cap_epsilon == 3
