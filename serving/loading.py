"""From the champion's bundle on disk to a model that can answer."""

from collections.abc import Callable
from datetime import datetime

import numpy as np
import torch

from configs.fairness import FairnessSettings
from configs.settings import StorageSettings
from fairness.committee import Committee, utc_now
from serving.champion import Champion
from serving.cleared import RetrainBy, cleared_champion
from serving.models import model_card
from serving.shelf import Shelf
from training.two_tower.scorer import Scorer


def champion_on_disk(
    storage: StorageSettings,
    fairness: FairnessSettings,
    name: str,
    now: Callable[[], datetime] = utc_now,
    *,
    retrain_by: RetrainBy,
    committee: Committee | None = None,
) -> Champion:
    """Verify the bundle that promotion named and its audit, and only then load it; see `cleared_champion`.

    Raises:
        NoChampion: If nothing was promoted yet.
        ChampionPointerBroken: If the pointer cannot be read.
        ChampionMismatch: If the bundle is not the one that was promoted.
        BundleMissing, BundleDamaged, BundleVersionMismatch: If the bundle cannot be opened.
        StatementUnreadable: If its privacy statement does not back what the manifest claims.
        ClearanceRefused, ClearanceLapsed: If its audit does not clear it.
    """
    torch.set_num_threads(1)  # the arithmetic of one request is too small to share; workers are processes
    bundle, clearance = cleared_champion(storage, fairness, name, now, retrain_by=retrain_by, committee=committee)
    scorer = Scorer.load(bundle)
    scorer.rank_basket(np.zeros(1, dtype=np.int64), allowed=None, k=1)  # the first call is slow; no caller waits for it
    return Champion(
        name=name,
        version=bundle.manifest.version,
        digest=bundle.digest,
        clearance=clearance,
        ranker=scorer,
        shelf=Shelf.of(scorer.catalogue.product_ids, scorer.products),
        card=model_card(bundle.manifest, clearance.report_id),
        facts=bundle.manifest.model_dump(mode="json", exclude={"files"}),
    )
