"""What can go wrong between the lake and a promoted bundle."""

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path


class TrainingError(Exception):
    """Training, evaluation or promotion cannot go on."""


class MetricInputError(TrainingError):
    """A ranking metric was asked for more ranks than the list has, or for none."""

    def __init__(self, *, measure: str, k: int, n_ranks: int) -> None:
        super().__init__(
            f"{measure} at k={k} needs 1 <= k <= {n_ranks}, the length of the lists. Rank longer lists or lower k."
        )


class CatalogueUnsorted(TrainingError):
    """The product ids of a catalogue are not strictly ascending."""

    def __init__(self, *, position: int, before: str, after: str) -> None:
        super().__init__(
            f"catalogue product {after!r} at position {position} does not come after {before!r}. "
            "Sort the ids and drop duplicates, or use build_catalogue."
        )


class CatalogueEmpty(TrainingError):
    """No product has enough buyers before the cut-off."""

    def __init__(self, *, train_until: datetime, min_buyers: int, n_purchases: int) -> None:
        super().__init__(
            f"no product has {min_buyers} buyers among the {n_purchases} purchase lines before {train_until:%Y-%m-%d}. "
            "Choose a later --train-until or lower two_tower.min_buyers."
        )


class CutoffNotUtc(TrainingError):
    """A cut-off has no time zone, or another one than UTC."""

    def __init__(self, *, name: str, value: datetime) -> None:
        super().__init__(f"{name}={value.isoformat()} is not an aware UTC time. Give it as midnight UTC of a date.")


class SettingOutOfRange(TrainingError):
    """A number given to a training function makes no sense there."""

    def __init__(self, *, name: str, value: float, limit: str) -> None:
        super().__init__(f"{name}={value} must be {limit}. Correct the setting or the call it comes from.")


class TestWindowUnavailable(TrainingError):
    """The lake holds fewer weeks after the cut-off than the test asks for."""

    __test__ = False  # pytest must not take this class for a test

    def __init__(self, *, train_until: datetime, test_weeks: int, data_start: datetime, data_end: datetime) -> None:
        n_days = max((data_end - train_until).total_seconds() / 86_400, 0)
        fewer = f"Ask for --test-weeks {int(n_days // 7)} or fewer, or choose" if n_days >= 7 else "Choose"
        super().__init__(
            f"a test of {test_weeks} week(s) from {train_until:%Y-%m-%d} needs {test_weeks * 7} days of purchases; the "
            f"lake runs from {data_start:%Y-%m-%d} to {data_end:%Y-%m-%d %H:%M} and has {n_days:.1f} days after that "
            f"date. {fewer} an earlier --train-until."
        )


class HistoryUnavailable(TrainingError):
    """The lake holds no purchases before the cut-off."""

    def __init__(self, *, train_until: date, data_start: datetime, data_end: datetime) -> None:
        super().__init__(
            f"nothing was bought before {train_until:%Y-%m-%d}: the lake runs from {data_start:%Y-%m-%d} to "
            f"{data_end:%Y-%m-%d}. Choose a --train-until inside it."
        )


class NobodyToJudge(TrainingError):
    """No customer has both a history before and a purchase after the cut-off."""

    def __init__(self, *, train_until: datetime, test_end: datetime, n_customers: int) -> None:
        super().__init__(
            f"none of the {n_customers} customers known before {train_until:%Y-%m-%d} bought a catalogue product until "
            f"{test_end:%Y-%m-%d}. Choose another --train-until or a longer --test-weeks."
        )


class RankingMalformed(TrainingError):
    """A recommender answered with lists of another shape than asked for."""

    def __init__(self, *, method: str, got: Sequence[int], wanted: Sequence[int]) -> None:
        super().__init__(
            f"recommender {method!r} answered with lists of shape {tuple(got)}; {tuple(wanted)} was asked for. "
            "Correct the recommender: one row per customer, one column per rank."
        )


class ScoreUnknown(TrainingError):
    """An evaluation does not hold the score that was asked for."""

    def __init__(self, *, method: str, task: str, metric: str, subset: str, known: Sequence[str]) -> None:
        super().__init__(
            f"the evaluation has no {metric} of {method!r} for task {task!r} and subset {subset!r}. "
            f"Ask for one of the methods it covers: {', '.join(known)}."
        )


class BundleMissing(TrainingError):
    """There is no bundle in a directory."""

    def __init__(self, *, directory: Path) -> None:
        super().__init__(
            f"no bundle in {directory}: manifest.json is not there. Train one with `fairshelf train two-tower`."
        )


class BundleExists(TrainingError):
    """A bundle of that name and version was written before; bundles are never overwritten."""

    def __init__(self, *, directory: Path) -> None:
        super().__init__(
            f"{directory} already holds a bundle, and bundles are never overwritten. Use the next version."
        )


class BundleDamaged(TrainingError):
    """A file of a bundle is missing, was changed, or cannot be read."""

    def __init__(self, *, directory: Path, file: str, problem: str) -> None:
        super().__init__(
            f"bundle {directory}: {file} {problem}. Do not serve it; train again, or restore the folder "
            "from the tracking server."
        )


class BundleVersionMismatch(TrainingError):
    """A bundle was written by a release with another bundle format."""

    def __init__(self, *, directory: Path, found: object, wanted: int) -> None:
        super().__init__(
            f"bundle {directory} has format {found!r}; this release reads format {wanted}. "
            "Train again with this release."
        )


class BundleNameInvalid(TrainingError):
    """A name would leave the bundle's folder or is no plain file name."""

    def __init__(self, *, name: str) -> None:
        super().__init__(
            f"{name!r} is no name for a bundle or a file in one: use letters, digits, '_', '-' and '.', not first '.'."
        )


class BundleItemUnknown(TrainingError):
    """A bundle does not hold the array, frame or text that was asked for."""

    def __init__(self, *, directory: Path, item: str, known: Sequence[str]) -> None:
        super().__init__(
            f"bundle {directory} has no {item}; it holds: {', '.join(known)}. Train again with this release."
        )


class NoChampion(TrainingError):
    """Nothing has been promoted yet."""

    def __init__(self, *, name: str) -> None:
        super().__init__(
            f"no champion of model {name!r} yet. Train one with `fairshelf train {name}`, "
            f"then `fairshelf promote {name}`."
        )


class ChampionMismatch(TrainingError):
    """The champion pointer and the bundle it names disagree."""

    def __init__(self, *, name: str, version: str, pointer_digest: str, bundle_digest: str) -> None:
        super().__init__(
            f"champion of {name!r} is version {version} with digest {pointer_digest[:12]}, but that bundle's digest is "
            f"{bundle_digest[:12]}: it was changed after promotion. Restore it, or promote another version with "
            f"`fairshelf promote {name}`."
        )


class ChampionPointerBroken(TrainingError):
    """The champion pointer cannot be read."""

    def __init__(self, *, path: Path, name: str) -> None:
        super().__init__(f"{path} is no champion pointer. Write it anew with `fairshelf promote {name}`.")


class RegistryFileInvalid(TrainingError):
    """mlflow/registry.yaml does not say what it must."""

    def __init__(self, *, path: Path, problems: Sequence[str]) -> None:
        listed = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"{path} cannot be used:\n{listed}\nCorrect it; every key is explained in the file.")


class ModelUnknown(TrainingError):
    """A model name that the registry file does not list."""

    def __init__(self, *, name: str, known: Sequence[str]) -> None:
        super().__init__(
            f"no model {name!r} in mlflow/registry.yaml. Use one of: {', '.join(known) or 'none'}; or add it there."
        )


class ModelVersionUnknown(TrainingError):
    """The registry has no such version of a model."""

    def __init__(self, *, name: str, version: str | None) -> None:
        asked = f"version {version}" if version else "version"
        super().__init__(f"model {name!r} has no {asked} in the registry. Train one with `fairshelf train {name}`.")


class RunUnknown(TrainingError):
    """A tracking run that should be resumed does not exist."""

    def __init__(self, *, run_id: str, tracking_uri: str) -> None:
        super().__init__(
            f"no run {run_id} at {tracking_uri}. Start afresh without --resume, or set MLFLOW_TRACKING_URI."
        )


class SourceIdsUnknown(TrainingError):
    """The identity vault does not know every customer of a backtest."""

    def __init__(self, *, n_missing: int, n_asked: int) -> None:
        super().__init__(
            f"the identity vault lacks {n_missing} of {n_asked} customers. Run the backtest without --source-ids, "
            "or ingest the source again so that the vault and the lake agree."
        )


class NothingToResume(TrainingError):
    """A run was to be continued, but left no checkpoint."""

    def __init__(self, *, checkpoint: Path) -> None:
        super().__init__(
            f"there is no checkpoint {checkpoint} to resume from: no run with these settings, data and cut-off was cut "
            "short. Start it without --resume."
        )


class WindowSeen(TrainingError):
    """The champion learnt from the rows on which a challenger would be compared with it."""

    def __init__(self, *, name: str, champion: str, learnt_until: datetime, cutoff: datetime) -> None:
        super().__init__(
            f"champion {champion} of {name!r} learnt from purchases up to {learnt_until:%Y-%m-%d}, the challenger up "
            f"to {cutoff:%Y-%m-%d}: the weeks after that would favour the champion. Set evaluation.test_weeks (for "
            "demand demand.evaluation.test_weeks) as it was for the champion, or wait for newer data."
        )


class TooFewExamples(TrainingError):
    """No customer shows what the towers learn: a history, and after it something new."""

    def __init__(self, *, part: str, n_snapshots: int, target_days: int) -> None:
        super().__init__(
            f"nothing to learn: in {n_snapshots} {part} snapshots nobody with a history buys a product for the first "
            f"time within {target_days} days. Bring more customers, products or weeks, or change "
            "two_tower.target_days, features.snapshot_step_days or features.n_training_snapshots."
        )


class NobodyToRank(TrainingError):
    """A batch found nobody it may rank for."""

    def __init__(self, *, purpose: str) -> None:
        super().__init__(
            f"no customer on file has granted {purpose!r}, so there is nobody to rank for. Record consents with "
            "`fairshelf privacy consent`, or ingest a consents table."
        )


class PublicProductsMissing(TrainingError):
    """Private training found no public list of products."""

    def __init__(self, *, source: str) -> None:
        super().__init__(
            f"the product table of the lake (source {source!r}) lists no merchandise. Private training takes its "
            "products from that public table and never from purchases: ingest a products table."
        )


class PrivateVocabularyEmpty(TrainingError):
    """No product's noisy count stands out, so that there is nothing to teach."""

    def __init__(self, *, threshold: float, n_products: int) -> None:
        super().__init__(
            f"none of {n_products} products has a noisy count of {threshold:.0f} customers or more. Raise "
            "two_tower.private.target_epsilon or popularity_days, or lower min_count_noises."
        )


class PrivateRunUnfinished(TrainingError):
    """A private run was killed here, and another one was to be started in its place."""

    def __init__(self, *, folder: Path) -> None:
        super().__init__(
            f"a private run with these settings was cut short, and its budget is spent: its state is in {folder}. "
            "Add --resume to go on with it, which spends nothing more. Remove that folder to give it up; a new run "
            "then spends its budget again."
        )


class PrivateNoiseForeseeable(TrainingError):
    """Noise was drawn from a seed, so that whoever knows it can take it off again."""

    def __init__(self) -> None:
        super().__init__(
            "the noise of this private run did not come from the operating system's generator, so it protects nobody "
            "and no version is made of it. Run `fairshelf train two-tower --private`, which uses no seed."
        )
