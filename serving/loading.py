"""From the champion's bundle on disk to a model that can answer."""

from pathlib import Path

import numpy as np
import torch

from serving.champion import Champion
from serving.models import model_card
from serving.shelf import Shelf
from training.artifact import load_champion
from training.two_tower.scorer import Scorer


def champion_on_disk(bundles_dir: Path, name: str) -> Champion:
    """Verify and load the bundle that promotion named.

    Raises:
        NoChampion: If nothing was promoted yet.
        ChampionPointerBroken: If the pointer cannot be read.
        ChampionMismatch: If the bundle is not the one that was promoted.
        BundleMissing, BundleDamaged, BundleVersionMismatch: If the bundle cannot be opened.
    """
    torch.set_num_threads(1)  # the arithmetic of one request is too small to share; workers are processes
    bundle = load_champion(bundles_dir, name)
    scorer = Scorer.load(bundle)
    scorer.rank_basket(np.zeros(1, dtype=np.int64), allowed=None, k=1)  # the first call is slow; no caller waits for it
    return Champion(
        name=name,
        version=bundle.manifest.version,
        digest=bundle.digest,
        ranker=scorer,
        shelf=Shelf.of(scorer.catalogue.product_ids, scorer.products),
        card=model_card(bundle.manifest),
        facts=bundle.manifest.model_dump(mode="json", exclude={"files"}),
    )
