"""Peers on the real data reach the figures that others published for them there."""

from datetime import UTC, datetime, timedelta

import pytest

from configs.loading import load_settings
from features.lake import Lake
from training.baselines import Popularity, Task
from training.catalogue import build_catalogue
from training.evaluation import build_test_set, evaluate
from training.evaluation_results import Evaluation
from training.peers.data import PeerData
from training.peers.ease_popularity import EasePopularity
from training.peers.line_up import Peer, Point
from training.peers.tifu_knn import TifuKnn
from training.peers.tuning import TunedPeer
from training.peers.up_cf import UpCf
from training.purchases import load_purchases
from training.splits import Holdout

CUTOFF = datetime(2017, 12, 4, tzinfo=UTC)
TIFU_KNN = Peer(
    "tifu_knn",
    "TIFU-KNN",
    lambda data, point: TifuKnn(data, group_decay=0.7, n_neighbours=300, own_share=0.5, **point),
    (),
)
TIFU_POINTS: dict[Task, Point] = {
    "all": {"n_groups": 7, "within_decay": 1},
    "novel": {"n_groups": 12, "within_decay": 0.9},
}
SETTINGS = load_settings("test").evaluation.model_copy(update={"n_bootstrap": 100, "list_length": 100})


@pytest.fixture(scope="module")
def evaluation(complete_journey_lake: Lake) -> Evaluation:
    """At the published cut-off, for everyone regardless of consent, as the published figures are."""
    purchases = load_purchases(complete_journey_lake, until=None, customers=None)
    before = purchases[purchases["event_timestamp"] < CUTOFF]
    catalogue = build_catalogue(before, CUTOFF, 5)
    holdout = Holdout(CUTOFF, complete_journey_lake.manifest.data_end + timedelta(seconds=1))
    test_set = build_test_set(purchases, catalogue, holdout, set(purchases["customer_id"]))
    data = PeerData(before, purchases, catalogue, CUTOFF)
    popularity = Popularity(before, data.rows(data.counts(None)), CUTOFF, days=14)
    peers = (
        TunedPeer(
            TIFU_KNN, data, {"all": {"n_groups": 7, "within_decay": 1}, "novel": {"n_groups": 12, "within_decay": 0.9}}
        ),
        UpCf(data, n_recent_baskets=25, asymmetry=0.75, locality=5),
        EasePopularity(data, half_life_days=None, regularization=100, popularity_days=14, popularity_weight=1),
    )
    facts = {"popularity": popularity.counts, "data_snapshot_digest": "", "provenance": ""}
    found, _ = evaluate(peers, popularity, test_set, SETTINGS, **facts)  # type: ignore[arg-type]
    return found


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("method", "task", "metric", "published"),
    [
        ("tifu_knn", "all", "ndcg@10", 0.4086),
        ("tifu_knn", "all", "ndcg@20", 0.3513),
        ("tifu_knn", "all", "recall@100", 0.2907),
        ("tifu_knn", "novel", "ndcg@20", 0.0382),
        ("up_cf", "all", "ndcg@10", 0.3990),
        ("up_cf", "all", "ndcg@20", 0.3418),
        ("up_cf", "all", "recall@100", 0.2809),
        ("up_cf", "novel", "ndcg@20", 0.0408),
        ("ease_popularity", "all", "ndcg@20", 0.3357),
        ("ease_popularity", "novel", "ndcg@20", 0.0518),
    ],
)
def test_peers_come_within_six_percent_of_their_published_figures(
    evaluation: Evaluation, method: str, task: Task, metric: str, published: float
) -> None:
    assert evaluation.score(method, task=task, metric=metric).value > 0.94 * published
