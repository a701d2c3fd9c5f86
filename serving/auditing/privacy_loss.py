"""What privacy costs each group: a private version beside the same model without the noise, on the same purchases."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import sparse

from configs.settings import Settings
from fairness.groups import Grouping
from fairness.measures import Measure
from fairness.policy import Policy
from fairness.privacy_loss import Compared, not_compared, privacy_loss_measures
from fairness.ranking_metrics import n_relevant, ndcg_at_k
from fairness.recommendation_definitions import N_TOP, TASKS, Task
from training.artifact import Bundle, bundle_directory, champion_pointer, versions
from training.errors import TrainingError
from training.two_tower.audit_lists import AuditLists, recommendation_lists
from training.two_tower.stage import set_up

Ints = npt.NDArray[np.int64]

_NO_REFERENCE: Final = (
    "No version without the noise is on record that was trained on the same data up to the same day, so what privacy "
    "costs each group cannot be told. Train one with `fairshelf train two-tower` and audit this version again."
)


def privacy_losses(
    bundle: Bundle,
    lists: AuditLists,
    groupings: Sequence[Grouping],
    settings: Settings,
    policy: Policy,
    progress: Callable[[str], None],
) -> list[Measure]:
    """Judge what privacy costs each group; nothing for a version that is not private.

    Args:
        bundle: The version that is audited.
        lists: Its lists.
        groupings: Of the same customers.
        settings: All sections.
        policy: That of the recommender.
        progress: Told each step in words.
    """
    if bundle.manifest.privacy.mechanism == "none":
        return []
    reference = reference_of(bundle, settings.storage.bundles)
    if reference is None:
        return not_compared(policy, _NO_REFERENCE)
    version = reference.manifest.version
    progress(f"privacy: what it costs each group, beside version {version}, which is not private")
    theirs = recommendation_lists(set_up(reference, settings, progress), settings, progress)
    return privacy_loss_measures(compared(lists, theirs, f"version {version}, not private"), groupings, policy)


def reference_of(bundle: Bundle, bundles_dir: Path) -> Bundle | None:
    """Find the version that differs from a private one by the noise: same model, data and cut-off, promising nothing.

    The champion comes first where it is one, then the newest. A bundle that is damaged is passed over.
    """
    wanted = bundle.manifest
    for found in _others(wanted.name, bundles_dir):
        manifest = found.manifest
        same = (manifest.data_snapshot_digest, manifest.train_until) == (
            wanted.data_snapshot_digest,
            wanted.train_until,
        )
        if manifest.privacy.mechanism == "none" and same:
            return found
    return None


def compared(private: AuditLists, reference: AuditLists, name: str) -> Compared:
    """Judge two versions' lists of the same customers by what was bought of anything that either could recommend.

    A product that only one of them knows counts for both: what a version cannot recommend, it misses.

    Args:
        private: Lists of the private version.
        reference: Lists of the other one.
        name: What the other one is called in the report.
    """
    sides = (private, reference)
    ids = [side.products["product_id"].to_numpy(dtype=str) for side in sides]
    known = np.union1d(*ids)
    places = [np.searchsorted(known, one).astype(np.int64) for one in ids]
    figures: list[dict[Task, npt.NDArray[np.float64]]] = [{}, {}]
    n_bought: dict[Task, npt.NDArray[np.float64]] = {}
    for task in TASKS:
        bought = [_moved(side.relevant[task], at, known.size) for side, at in zip(sides, places, strict=True)]
        either = sparse.csr_array(bought[0].maximum(bought[1]))
        n_bought[task] = n_relevant(either).astype(np.float64)
        for figure, side, at in zip(figures, sides, places, strict=True):
            positions = side.lists[task]
            figure[task] = ndcg_at_k(np.where(positions >= 0, at[positions], -1), either, N_TOP)
    return Compared(private=figures[0], reference=figures[1], n_bought=n_bought, name=name)


def _moved(bought: sparse.csr_array, at: Ints, width: int) -> sparse.csr_array:
    cells = sparse.coo_array(bought)
    columns = at[cells.coords[1]]
    return sparse.csr_array((cells.data.astype(bool), (cells.coords[0], columns)), shape=(bought.shape[0], width))


def _others(name: str, bundles_dir: Path) -> Iterator[Bundle]:
    """Open the bundles of a model that are whole: the champion, then the newest first."""
    try:
        pointer = champion_pointer(bundles_dir, name)
    except TrainingError:
        pointer = None
    first = [pointer.version] if pointer else []
    for version in dict.fromkeys([*first, *reversed(versions(bundles_dir, name))]):
        try:
            yield Bundle.open(bundle_directory(bundles_dir, name, version))
        except TrainingError:
            continue
