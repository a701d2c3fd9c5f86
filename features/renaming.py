"""Give customers new names in the lake, the feature tables and the online store."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from configs.settings import StorageSettings
from features import columns as c
from features.build import digest_of
from features.build_record import read_record, update_record
from features.lake import REJECTS, LakeManifest
from features.lake_edit import edited, has_lake
from features.online_rows import OnlineRows
from features.staging import COMPRESSION
from features.store import Store
from features.tables import CUSTOMER_HISTORY, CUSTOMER_PROFILE
from privacy.consent import MODEL_TRAINING, PERSONALIZATION, ConsentLedger
from privacy.pseudonyms import version_of
from privacy.state import open_state

Rename = Callable[[str], str]

_STAGED: Final = ".unfinished-"


class LakeNames:
    """The lake: a new one under the same manifest but for the names, put in the old one's place in one step.

    Args:
        storage: Where the lake and `build.json` are.
    """

    name = "lake"

    def __init__(self, storage: StorageSettings) -> None:
        self._storage = storage

    def rekey(self, rename: Rename) -> int:
        """Rewrite every table that names customers, their rejected rows too.

        Returns:
            How many tables were rewritten; 0 where there is no lake or its names are new already.
        """
        if not has_lake(self._storage.lake):
            return 0
        with edited(self._storage.lake, before_swap=self._keep_features) as edit:
            paths = [*sorted(edit.draft.glob("*.parquet")), *sorted((edit.draft / REJECTS).glob("*.parquet"))]
            edit.n_changed = sum(rename_file(path, rename, in_order=path.stem != c.TRANSACTIONS) for path in paths)
            made = rename(f"c{edit.lake.manifest.pseudonym_key_version}_{'0' * 32}")
            edit.changes["pseudonym_key_version"] = version_of(made)
        return edit.n_changed

    def _keep_features(self, old: LakeManifest, new: LakeManifest) -> None:
        """Tell the feature tables that the lake they came from has a new digest: only names differ."""
        inputs = read_record(self._storage.feast).inputs
        if inputs is not None and inputs.get("lake_snapshot") == old.snapshot_digest:
            update_record(self._storage.feast, inputs={**inputs, "lake_snapshot": new.snapshot_digest})


class FeatureTableNames:
    """The customers' feature tables, file by file.

    Args:
        storage: Where the tables and the consents are.
    """

    name = "feature tables"

    def __init__(self, storage: StorageSettings) -> None:
        self._storage = storage

    def rekey(self, rename: Rename) -> int:
        """Rewrite each table and the record of whose they are; consents must still be under the earlier names.

        Returns:
            How many files were rewritten.
        """
        folders = [self._storage.feast / "tables" / view for view in (CUSTOMER_HISTORY, CUSTOMER_PROFILE)]
        for folder in folders:
            for unfinished in folder.glob(f"{_STAGED}*"):  # of a run that was killed
                unfinished.unlink()
        paths = [path for folder in folders for path in sorted(folder.glob("*.parquet"))]
        n_changed = sum(rename_file(path, rename, in_order=True) for path in paths)
        self._keep_record(rename)
        return n_changed

    def _keep_record(self, rename: Rename) -> None:
        """Carry over for whom the tables were built, where that is who consents now; else they are built anew."""
        inputs = read_record(self._storage.feast).inputs
        if inputs is None:
            return
        ledger, now = ConsentLedger(open_state(self._storage.state_db)), datetime.now(UTC)
        trainable = ledger.customers_in_force(MODEL_TRAINING, now)
        built = trainable | ledger.customers_in_force(PERSONALIZATION, now)
        changes = {
            key: digest_of(map(rename, people))
            for key, people in (("customers", built), ("counted", trainable))
            if inputs.get(key) == digest_of(people)
        }
        update_record(self._storage.feast, inputs={**inputs, **changes})


class OnlineCopies:
    """The online store: everybody's rows under the new name as well; whoever calls holds `Store.exclusive`.

    Args:
        storage: Where the store is.
    """

    name = "online store"

    def __init__(self, storage: StorageSettings) -> None:
        self._rows = OnlineRows(storage.feast)

    def rekey(self, rename: Rename) -> int:
        """Copy rows and tell how many."""
        return self._rows.copy(rename)


class OnlineLeftovers:
    """The online store once nobody asks for earlier names: their rows go.

    Args:
        storage: Where the store is.
    """

    name = "online store, earlier names"

    def __init__(self, storage: StorageSettings) -> None:
        self._rows = OnlineRows(storage.feast)
        self._store = Store(storage.feast)
        self._dir = storage.feast

    def rekey(self, rename: Rename) -> int:
        """Drop rows under earlier names and tell how many."""
        if not self._dir.exists():
            return 0
        with self._store.exclusive():
            return self._rows.drop(lambda name: rename(name) != name)


def rename_file(path: Path, rename: Rename, *, in_order: bool) -> bool:
    """Rewrite a Parquet file under new names; it appears whole or not at all.

    Args:
        path: The file; one without customers stays as it is.
        rename: Gives the new name.
        in_order: Sort the rows by all plain columns again, customers first, as the file's writer does.

    Returns:
        Whether it was rewritten.
    """
    if c.CUSTOMER_ID not in pq.read_schema(path).names:
        return False
    rows = pq.ParquetFile(path).read()
    renamed, is_new = _renamed(rows, rename)
    if not is_new:
        return False
    if in_order:
        renamed = _sorted(renamed)
    staged = path.with_name(f"{_STAGED}{path.name}")
    pq.write_table(renamed, staged, compression=COMPRESSION)
    staged.replace(path)
    return True


def _renamed(rows: pa.Table, rename: Rename) -> tuple[pa.Table, bool]:
    place = rows.schema.get_field_index(c.CUSTOMER_ID)
    ids = rows.column(place).combine_chunks().dictionary_encode()
    ids = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
    earlier = pd.Series(ids.dictionary.to_pylist(), dtype=object)
    later = earlier.map(rename)
    if earlier.equals(later):
        return rows, False
    names = pa.array(later, pa.string()).take(ids.indices)
    return rows.set_column(place, rows.schema.field(place), names), True


def _sorted(rows: pa.Table) -> pa.Table:
    plain = [field.name for field in rows.schema if not pa.types.is_nested(field.type)]
    first = [c.CUSTOMER_ID] if plain.index(c.CUSTOMER_ID) == 0 else []
    keys = first + [name for name in plain if name not in first]
    return rows.sort_by([(name, "ascending") for name in keys])
