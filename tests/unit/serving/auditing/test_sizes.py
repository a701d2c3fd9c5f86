"""Numbers of customers for the public notice."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from configs.loading import load_settings
from configs.settings import Settings
from fairness.groups import Grouping
from fairness.measures import UNKNOWN
from fairness.notice import Sizes
from fairness.policy import Policy
from privacy.accounting import epsilon
from privacy.events import DiscreteLaplace
from privacy.ledger import Spent, open_ledger
from serving.auditing.sizes import released_sizes
from training.two_tower.private_charge import LINEAGE

SHARP = "privacy.small_counts.scale=0.5"  # noise beyond 8 once in ten million times
WINDOW = (datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 2, 1, tzinfo=UTC))
INCOME = Grouping("income", ("low", "high", UNKNOWN), np.repeat([0, 1, 2], [40, 60, 900]).astype(np.int64))
AGE = Grouping("age", ("young", "old", UNKNOWN), np.repeat([0, 1, 2], [70, 30, 900]).astype(np.int64))
NOBODY = Grouping("household_comp", (UNKNOWN,), np.zeros(1000, np.int64))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings("test", [f"storage.root={tmp_path}", SHARP])


def ask(settings: Settings, *groupings: Grouping, model: str = "two-tower", snapshot: str = "s1") -> Sizes | None:
    policy = Policy(settings.fairness, model)
    return released_sizes(groupings, policy, settings, snapshot_digest=snapshot, window=WINDOW, progress=lambda _: None)


def spent(settings: Settings) -> Spent:
    return open_ledger(settings.storage, settings.privacy.budget).spent(LINEAGE)


def test_each_attribute_is_counted_at_the_price_of_one_count(settings: Settings) -> None:
    found = ask(settings, INCOME, AGE, NOBODY)
    assert found is not None
    assert found.groups.keys() == {"income", "age"}
    assert found.groups["income"]["high"] == pytest.approx(60, abs=8)
    assert found.n_customers == pytest.approx(1000, abs=24)
    events = (DiscreteLaplace(scale=0.5),) * 2
    assert spent(settings).events == events
    assert spent(settings).epsilon == pytest.approx(epsilon(events, 1e-5))


def test_the_same_data_are_counted_once_and_others_anew(settings: Settings) -> None:
    first = ask(settings, INCOME)
    regrouped = Grouping(INCOME.attribute, INCOME.labels, INCOME.codes[::-1].copy())
    assert ask(settings, regrouped) == first
    assert len(spent(settings).events) == 1
    ask(settings, INCOME, snapshot="s2")
    ask(settings, INCOME, model="demand")
    assert len(spent(settings).events) == 3


def test_without_groups_nothing_is_counted(settings: Settings) -> None:
    assert ask(settings, NOBODY) is None
    assert spent(settings).events == ()


def test_a_spent_budget_leaves_the_numbers_out_and_says_so(settings: Settings) -> None:
    tight = settings.model_copy(
        update={
            "privacy": settings.privacy.model_copy(
                update={"budget": settings.privacy.budget.model_copy(update={"cap_epsilon": 0.01})}
            )
        }
    )
    said: list[str] = []
    policy = Policy(tight.fairness, "two-tower")
    found = released_sizes([INCOME], policy, tight, snapshot_digest="s", window=WINDOW, progress=said.append)
    assert found is None
    assert "budget does not allow" in said[0]
