"""Ours in a contest: recipes of versions, lists in another catalogue's positions, baskets one by one."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from configs.loading import load_settings
from configs.settings import Settings
from training.artifact import Bundle, bundle_directory, set_champion
from training.baselines import Ranked, Task
from training.catalogue import Catalogue
from training.contest.errors import RecipeOutdated, RecipeUnrecorded
from training.contest.ours import ScorerCompleter, Translated, is_of, with_recipe
from training.errors import BundleMissing


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings("test", [f"storage.root={tmp_path}"])


def recorded(settings: Settings, **two_tower: object) -> dict[str, Any]:
    sections = settings.model_dump(mode="json", include={"features", "two_tower"})
    sections["two_tower"] |= two_tower
    return sections


def test_no_version_leaves_the_settings(settings: Settings) -> None:
    assert with_recipe(settings, None) is settings


def test_a_version_brings_its_recipe_and_nothing_else(settings: Settings, bundle_of: Callable[..., Bundle]) -> None:
    sections = recorded(settings, max_epochs=97) | {"evaluation": {"seed": 1}}
    bundle = bundle_of(settings.storage.bundles, settings=sections)
    for version in (bundle.manifest.version, "champion"):
        set_champion(settings.storage.bundles, bundle)
        found = with_recipe(settings, version)
        assert found.two_tower.max_epochs == 97
        assert found.model_copy(update={"two_tower": settings.two_tower}) == settings


def test_recipes_that_cannot_be_followed_are_told(settings: Settings, bundle_of: Callable[..., Bundle]) -> None:
    bundles = settings.storage.bundles
    bundle_of(bundles, "1", settings={"two_tower": {}})
    with pytest.raises(RecipeUnrecorded, match="features"):
        with_recipe(settings, "1")
    bundle_of(bundles, "2", settings=recorded(settings, forgotten_key=3))
    with pytest.raises(RecipeOutdated, match=r"two_tower\.forgotten_key"):
        with_recipe(settings, "2")
    with pytest.raises(BundleMissing):
        with_recipe(settings, "3")


def test_keys_added_since_stay_as_they_are(settings: Settings, bundle_of: Callable[..., Bundle]) -> None:
    sections = recorded(settings, max_epochs=97)
    del sections["two_tower"]["head"]["n_epochs"], sections["features"]["session_length"]
    sections["two_tower"]["head"]["hidden_dim"] = 5
    bundle_of(settings.storage.bundles, "1", settings=sections)
    found = with_recipe(settings, "1")
    assert (found.two_tower.max_epochs, found.two_tower.head.hidden_dim) == (97, 5)
    assert found.two_tower.head.n_epochs == settings.two_tower.head.n_epochs
    assert found.features == settings.features


@pytest.mark.parametrize("strange", ["train_until", "data_snapshot_digest", "consent_digest"])
def test_a_version_is_of_these_rows_only_if_date_data_and_consents_agree(
    settings: Settings, bundle_of: Callable[..., Bundle], strange: str
) -> None:
    manifest = bundle_of(settings.storage.bundles, "1").manifest
    facts: dict[str, Any] = {
        "train_until": manifest.train_until,
        "data_snapshot_digest": manifest.data_snapshot_digest,
        "consent_digest": manifest.consent_digest,
    }

    def sources() -> Any:
        lake = SimpleNamespace(manifest=SimpleNamespace(snapshot_digest=facts["data_snapshot_digest"]))
        consents = SimpleNamespace(digest=facts["consent_digest"])
        return SimpleNamespace(train_until=facts["train_until"], lake=lake, consents=consents)

    bundle = Bundle.open(bundle_directory(settings.storage.bundles, "two-tower", "1"))
    assert is_of(bundle, sources())
    facts[strange] = "another"
    assert not is_of(bundle, sources())


class Fixed:
    """Answers everyone with the same list."""

    name = "fixed"

    def rank(self, customer_ids: Sequence[str], *, task: Task, k: int) -> Ranked:
        """Positions 3, 0, 2, nothing."""
        assert (task, k) in (("all", 4), ("novel", 4))
        row = np.array([3, 0, 2, -1])
        scores = np.array([0.9, 0.5, 0.2, -np.inf], dtype=np.float32)
        return np.tile(row, (len(customer_ids), 1)), np.tile(scores, (len(customer_ids), 1))


def test_lists_are_told_in_the_other_catalogue_and_close_their_gaps() -> None:
    own, wanted = Catalogue(np.array(["a", "b", "c", "d"])), Catalogue(np.array(["a", "c", "z"]))
    positions, scores = Translated(Fixed(), own, wanted).rank(["x", "y"], task="all", k=4)
    assert positions.tolist() == [[0, 1, -1, -1]] * 2  # d is not wanted
    assert scores[0].tolist() == pytest.approx([0.5, 0.2, -np.inf, -np.inf])
    same, kept = Translated(Fixed(), own, own).rank(["x"], task="all", k=4)
    assert same.tolist() == [[3, 0, 2, -1]]
    assert kept[0, 0] == pytest.approx(0.9)


class PaperScorer:
    """Knows four products; ranks downwards what is not in the basket, after the customer's own."""

    catalogue = Catalogue(np.array(["a", "b", "c", "d"]))

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[int]]] = []

    def rank_basket(self, basket_idx: Any, *, allowed: None, k: int) -> Any:
        """From the basket alone."""
        assert allowed is None
        self.asked.append(("", basket_idx.tolist()))
        return self._ranking([], basket_idx, k)

    def rank(self, row: dict[str, Any], *, basket_idx: Any, allowed: None, task: Task, k: int) -> Any:
        """From the basket and the customer."""
        assert (task, allowed) == ("all", None)
        self.asked.append((row["who"], basket_idx.tolist()))
        return self._ranking(row["own"], basket_idx, k)

    def _ranking(self, own: list[int], basket_idx: Any, k: int) -> Any:
        class Ranking:
            product_idx = np.array([one for one in [*own, 3, 2, 1, 0] if one not in basket_idx][:k])

        return Ranking()


def test_baskets_are_completed_in_the_wanted_positions() -> None:
    wanted = Catalogue(np.array(["b", "c", "d", "z"]))
    held = sparse.csr_array(np.array([[True, False, False, True], [False, False, True, False]]))
    scorer = PaperScorer()
    alone = ScorerCompleter(scorer, "alone", wanted, None)  # type: ignore[arg-type]
    assert alone.complete(["ann", "bob"], held, k=3).tolist() == [[2, 1, -1], [1, 0, -1]]  # a is not wanted
    assert scorer.asked == [("", [1]), ("", [3])]  # z is not known

    def rows(customer_id: str) -> dict[str, Any]:
        return {"who": customer_id, "own": [2]}

    personal = ScorerCompleter(scorer, "personal", wanted, rows)  # type: ignore[arg-type]
    assert personal.complete(["ann", "bob"], held, k=1).tolist() == [[1], [1]]
    assert [who for who, _ in scorer.asked[2:]] == ["ann", "bob"]
