"""Every price that a demand bundle would suggest, and the same when customers trade places."""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from configs.settings import Settings, StorageSettings
from features.columns import BASKET_ID, CUSTOMER_ID, TRANSACTIONS
from features.lake import Lake, table_entry
from features.preparation import ensure_price_tables
from serving.pricing.batch import suggest_everything
from serving.pricing.loading import desk_from
from serving.pricing.local import pricing_around
from training.artifact import Bundle

Progress = Callable[[str], None]

_SHOWN: Final = ["product_id", "status", "code", "current_price", "suggested_price", "units", "elasticity", "binding"]


def suggested_prices(bundle: Bundle, settings: Settings, storage: StorageSettings, progress: Progress) -> pd.DataFrame:
    """Suggest a price for every product, chain-wide, by the path that a request takes; nothing is put on record.

    Args:
        bundle: Demand models, promoted or not.
        settings: All sections.
        storage: The house whose lake the prices are made from; its price features are built where they are missing.
        progress: Told how far it is.

    Returns:
        One row a product: product_id, status, code, current_price and suggested_price (decimal, missing where
        refused), units, elasticity, binding.
    """
    ensure_price_tables(storage, Lake.open(storage.lake))
    desk = desk_from(bundle, storage, settings.demand)
    with TemporaryDirectory(prefix="fairshelf-audit-") as folder:
        out = Path(folder) / "prices.parquet"
        # Prices on record must not decide, nor be added to.
        with pricing_around(desk, settings, Path(folder) / "state.db") as pricing:
            suggest_everything(
                pricing,
                desk,
                objective="margin",
                jurisdiction=None,
                inputs=None,
                submit=False,
                currency=settings.serving.currency,
                out=out,
                progress=progress,
            )
        shown: pd.DataFrame = pq.read_table(out, columns=_SHOWN).to_pandas()
        return shown


def permuted_prices(bundle: Bundle, settings: Settings, progress: Progress) -> pd.DataFrame:
    """Make every price anew from a lake in which each purchase belongs to another customer and basket, drawn at random.

    Features, panel, state and suggestions are all computed again in a folder that is deleted afterwards.
    """
    with TemporaryDirectory(prefix="permuted-", dir=settings.storage.root) as folder:
        storage = settings.storage.model_copy(update={"root": Path(folder)})
        permuted_lake(Lake.open(settings.storage.lake), storage.lake, seed=settings.fairness.statistics.seed)
        return suggested_prices(bundle, settings, storage, progress)


def permuted_lake(lake: Lake, folder: Path, *, seed: int) -> Lake:
    """Write a lake in which customers and baskets were dealt anew among the transaction lines; the rest is linked."""
    folder.mkdir(parents=True)
    rows = pq.read_table(lake.path(TRANSACTIONS))
    random = np.random.default_rng(seed)
    for name in (CUSTOMER_ID, BASKET_ID):
        place = rows.schema.get_field_index(name)
        rows = rows.set_column(
            place, rows.schema.field(place), rows[name].take(pa.array(random.permutation(len(rows))))
        )
    changed = folder / f"{TRANSACTIONS}.parquet"
    pq.write_table(rows, changed)
    for table in lake.manifest.tables:
        if table != TRANSACTIONS:
            (folder / f"{table}.parquet").symlink_to(lake.path(table).resolve())
    tables = {**lake.manifest.tables, TRANSACTIONS: table_entry(changed)}
    digest = f"permuted-{seed}-{lake.manifest.snapshot_digest}"
    manifest = lake.manifest.model_copy(update={"tables": tables, "snapshot_digest": digest})
    (folder / "manifest.json").write_text(json.dumps(manifest.model_dump(mode="json")), encoding="utf-8")
    return Lake.open(folder)
