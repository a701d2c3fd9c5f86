"""Item-item cosine against the whole matrix."""

import numpy as np
import pytest

from training.peers import item_cosine
from training.peers.data import PeerData
from training.peers.item_cosine import ItemCosine


def slow_similarity(data: PeerData, n_neighbours: int, *, keeps_itself: bool) -> np.ndarray:
    counts = np.log1p(data.counts(None).toarray())[:-1][data.trainable]
    unit = counts / np.linalg.norm(counts, axis=0)
    cosine = unit.T @ unit
    for row in range(len(cosine)):
        others = sorted(set(range(len(cosine))) - {row}, key=lambda other: -cosine[row, other])
        cosine[row, others[n_neighbours:]] = 0
        if not keeps_itself:
            cosine[row, row] = 0
    return np.asarray(cosine)


@pytest.mark.parametrize("keeps_itself", [True, False])
@pytest.mark.parametrize("n_neighbours", [1, 2, 99])
def test_scores_are_those_of_the_whole_matrix(shopped: PeerData, n_neighbours: int, keeps_itself: bool) -> None:
    peer = ItemCosine(shopped, half_life_days=None, n_neighbours=n_neighbours, keeps_itself=keeps_itself)
    rows = np.log1p(shopped.counts(None).toarray())
    expected = rows @ slow_similarity(shopped, n_neighbours, keeps_itself=keeps_itself)
    np.testing.assert_allclose(peer.score(shopped.counts(None).log1p()), expected, atol=1e-12)


def test_blocks_change_nothing(shopped: PeerData, monkeypatch: pytest.MonkeyPatch) -> None:
    point = {"half_life_days": 30, "n_neighbours": 2, "keeps_itself": True}
    whole = ItemCosine(shopped, **point).rank(["p1", "p6", "stranger"], task="all", k=5)  # type: ignore[arg-type]
    monkeypatch.setattr(item_cosine, "_BLOCK", 2)
    cut = ItemCosine(shopped, **point).rank(["p1", "p6", "stranger"], task="all", k=5)  # type: ignore[arg-type]
    np.testing.assert_array_equal(whole[0], cut[0])


def test_an_older_basket_counts_less(data: PeerData) -> None:
    decayed = ItemCosine(data, half_life_days=9, n_neighbours=1, keeps_itself=True)
    assert decayed.rank(["ann"], task="all", k=1)[0].tolist() == [[3]]  # eggs of last week, not the bread of January
