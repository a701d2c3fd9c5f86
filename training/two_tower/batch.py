"""Rank for everybody at once, from a promoted bundle."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from scipy import sparse

from configs.settings import StorageSettings
from features.preparation import read_consents
from features.store import Store
from privacy.consent import PERSONALIZATION
from training.artifact import Bundle
from training.baselines import Task
from training.errors import NobodyToRank
from training.feature_rows import customer_rows
from training.histories import from_arrow
from training.two_tower.recommender import TwoTowerRecommender
from training.two_tower.scorer import Scorer


def rank_everybody(
    bundle: Bundle, store: Store, storage: StorageSettings, as_of: datetime, *, task: Task, k: int, out: Path
) -> int:
    """Write customer_id (pseudonym), rank (from 1), product_id, score for everyone who granted personalisation.

    Args:
        bundle: Model to rank with.
        store: Feature store that holds the snapshot.
        storage: Where the consents lie.
        as_of: The snapshot; a purchase at or after it is not seen.
        task: `novel` leaves out what a customer's history holds.
        k: Products per customer.
        out: Parquet file, replaced when it is whole.

    Returns:
        Number of customers ranked.

    Raises:
        NobodyToRank: If nobody granted it.
    """
    scorer = Scorer.load(bundle)
    customer_ids = sorted(read_consents(storage, datetime.now(UTC)).personal)
    if not customer_ids:
        raise NobodyToRank(purpose=PERSONALIZATION)
    histories = from_arrow(customer_rows(store, customer_ids, [as_of]), scorer.catalogue)
    nothing_more = sparse.csr_array((len(customer_ids), len(scorer.catalogue)), dtype=bool)
    ranker = TwoTowerRecommender(scorer, customer_ids, histories, nothing_more)
    positions, scores = ranker.rank(customer_ids, task=task, k=k)
    shown = positions >= 0
    customer, place = shown.nonzero()
    lists = pa.table(
        {
            "customer_id": pa.array(customer_ids, pa.string()).take(pa.array(customer)),
            "rank": pa.array(place + 1, pa.int64()),
            "product_id": pa.array(scorer.catalogue.product_ids[positions[shown]].tolist(), pa.string()),
            "score": pa.array(scores[shown].astype(float), pa.float64()),
        }
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    staged = out.with_name(f".{out.name}.partial")
    pq.write_table(lists, staged)
    staged.replace(out)
    return len(customer_ids)
