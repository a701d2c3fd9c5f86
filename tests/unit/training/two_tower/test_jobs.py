"""The two jobs end to end on the made-up town: a tracked, registered version, and the files of a backtest."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from lightning.pytorch.callbacks import Callback

from configs.settings import PROJECT_ROOT, Settings
from features.ingest import ingest_files
from privacy.pseudonyms import load_pseudonymizer
from training.artifact import Bundle, versions
from training.errors import NobodyToRank, NothingToResume, TestWindowUnavailable, TooFewExamples
from training.evaluation_results import Evaluation
from training.registry import EXPERIMENT, Tracker
from training.registry_file import ModelEntry, load_registry_file
from training.splits import bought_before
from training.two_tower.batch import rank_everybody
from training.two_tower.jobs import Trained, evaluate_recommender, train
from training.two_tower.scorer import Scorer

TRAIN_UNTIL = datetime(2025, 5, 12, tzinfo=UTC)
NONE = np.empty(0, dtype=np.int64)


class CtrlC(Callback):
    """Somebody presses Ctrl-C when the second epoch begins."""

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:  # noqa: ARG002
        """Break off."""
        if trainer.current_epoch == 1:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def entry() -> ModelEntry:
    return load_registry_file(PROJECT_ROOT / "mlflow" / "registry.yaml").model("two-tower")


@pytest.fixture(scope="module")
def trained(town: Any, entry: ModelEntry, _tracked: None) -> Trained:
    return train(town.settings, entry=entry, train_until=TRAIN_UNTIL, resume=False, progress=lambda _: None)


@pytest.fixture
def run(tracker: Tracker, trained: Trained) -> Any:
    return tracker._client.get_run(trained.run_id)


def test_the_bundle_opens_and_its_manifest_says_everything(town: Any, trained: Trained) -> None:
    bundle = Bundle.open(trained.bundle.directory)
    manifest = bundle.manifest
    assert bundle.directory == town.settings.storage.bundles / "two-tower" / "1"
    assert (manifest.name, manifest.version) == ("two-tower", "1")
    assert manifest.train_until == TRAIN_UNTIL
    assert manifest.data_snapshot_digest == town.sources.lake.manifest.snapshot_digest
    assert manifest.consent_digest == town.sources.consents.digest
    assert manifest.feature_service == "customer_v1"
    assert manifest.settings["two_tower"]["embedding_dim"] == 8
    assert set(manifest.settings) == {"features", "two_tower", "ranker", "evaluation", "fairness"}
    assert bundle.has_text("ranker.json")
    suppliers = town.settings.fairness.suppliers
    assert manifest.settings["fairness"] == {"suppliers": suppliers.model_dump(mode="json")}
    assert manifest.metrics == trained.evaluation.headline()
    for fact in (manifest.code_commit, manifest.lock_digest, manifest.provenance):
        assert fact
    assert Evaluation.model_validate_json(bundle.text("evaluation.json")) == trained.evaluation
    assert "two-tower" in bundle.text("model_card.md")


def test_the_bundle_serves(town: Any, trained: Trained) -> None:
    scorer = Scorer.load(Bundle.open(trained.bundle.directory))
    assert scorer.exposure_strength == town.settings.two_tower.exposure_strength == 1
    assert set(scorer.products["supplier_class"]) == {"small", "large"}  # the town's shop has no brand of its own
    assert len(scorer.catalogue) == 120
    assert len(scorer.rank_basket(np.array([3]), allowed=None, k=10).product_idx) == 10


def test_the_run_holds_parameters_metrics_of_each_epoch_and_evidence(
    run: Any, trained: Trained, tracker: Tracker
) -> None:
    assert run.info.status == "FINISHED"
    assert run.data.params["two_tower.embedding_dim"] == "8"
    assert run.data.params["features.history_length"] == "1024"
    for metric in ("train_loss", "validation_loss"):
        steps = [(point.step, point.value) for point in tracker._client.get_metric_history(run.info.run_id, metric)]
        assert len(steps) == 3
        assert sorted(steps)[-1][1] < sorted(steps)[0][1]
    assert run.data.metrics["n_epochs"] == 3
    assert run.data.metrics["exposure_small_all"] >= 0.6
    score = trained.evaluation.score("two-tower", task="all", metric="ndcg@20")
    assert run.data.metrics["two-tower.all.ndcg_at_20"] == pytest.approx(score.value)
    assert run.data.metrics["ease.novel.ndcg_at_20"] > 0
    tags = ("data_snapshot_digest", "consent_digest", "code_commit", "lock_digest", "train_until", "bundle_digest")
    assert all(run.data.tags[tag] for tag in tags)
    assert run.data.tags["bundle_digest"] == trained.bundle.digest


def test_the_run_shows_its_pictures_and_its_model_card(run: Any, tracker: Tracker, tmp_path: Path) -> None:
    client = tracker._client
    assert {"model_card.md", "evaluation.json", "figures"} <= {a.path for a in client.list_artifacts(run.info.run_id)}
    for picture in ("figures/loss.png", "figures/ndcg.png"):
        path = Path(client.download_artifacts(run.info.run_id, picture, str(tmp_path)))
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size > 5000
    card = Path(client.download_artifacts(run.info.run_id, "model_card.md", str(tmp_path))).read_text()
    assert "2025-05-12" in card


def test_the_registered_version_loads_back_and_predicts(trained: Trained, tracker: Tracker) -> None:
    version = tracker.find_bundle(trained.bundle)
    assert version is not None
    assert version.tags["bundle_version"] == "1"
    challenger = tracker.aliased("two-tower", "challenger")
    assert challenger is not None
    assert int(challenger.number) >= int(version.number)
    model = tracker.load("two-tower", version.number)
    assert model.metadata.signature.inputs.input_names() == ["basket"]
    found = model.predict(pd.DataFrame({"basket": ["item003 item004", "nothing-we-know", ""]}))
    assert list(found.columns) == ["basket", "rank", "product_id", "score"]
    assert found["basket"].tolist() == [0] * 10 + [1] * 10 + [2] * 10
    assert found["rank"].tolist() == list(range(1, 11)) * 3
    lists = [part["product_id"].tolist() for _, part in found.groupby("basket")]
    assert not {"item003", "item004"} & set(lists[0])
    assert lists[1] == lists[2] != lists[0]  # nothing known: what is popular


def test_the_evaluation_is_of_the_weeks_after_the_cut_off(trained: Trained) -> None:
    evaluation = trained.evaluation
    assert (evaluation.train_until, evaluation.test_end) == (TRAIN_UNTIL, datetime(2025, 5, 26, tzinfo=UTC))
    assert evaluation.methods == ["two-tower", "popularity", "personal_frequency", "ease"]
    assert (evaluation.n_customers, evaluation.n_judged, evaluation.n_without_consent) == (48, 48, 2)
    ours = evaluation.score("two-tower", task="all", metric="ndcg@20").value
    assert ours > 1.5 * evaluation.score("popularity", task="all", metric="ndcg@20").value


def run_ids(tracker: Tracker) -> set[str]:
    experiment = tracker._client.get_experiment_by_name(EXPERIMENT).experiment_id
    return {run.info.run_id for run in tracker._client.search_runs([experiment])}


def test_a_training_that_was_broken_off_goes_on_in_its_own_run(
    town: Any, entry: ModelEntry, trained: Trained, tracker: Tracker
) -> None:
    before = run_ids(tracker)
    options: dict[str, Any] = {"entry": entry, "train_until": TRAIN_UNTIL, "progress": lambda _: None}
    with pytest.raises(KeyboardInterrupt):
        train(town.settings, resume=False, callbacks=[CtrlC()], **options)
    (broken,) = run_ids(tracker) - before
    assert tracker._client.get_run(broken).info.status == "KILLED"
    again = train(town.settings, resume=True, **options)
    assert again.run_id == broken
    assert again.bundle.manifest.version == "2"
    assert tracker._client.get_run(broken).info.status == "FINISHED"
    assert len(tracker._client.get_metric_history(broken, "validation_loss")) == 3
    ours, theirs = again.bundle.manifest.files, trained.bundle.manifest.files
    parts = [file for file in ours if "texts" not in file]
    assert parts
    assert {file: ours[file] for file in parts} == {file: theirs[file] for file in parts}  # the same model, to the bit
    assert again.evaluation == trained.evaluation


@pytest.mark.usefixtures("_tracked")
def test_there_is_nothing_to_resume_after_a_change_of_settings(
    settings_of_town: Callable[..., Settings], town: Any, entry: ModelEntry
) -> None:
    changed = settings_of_town(town.settings.storage.root, "two_tower.seed=99")
    with pytest.raises(NothingToResume):
        train(changed, entry=entry, train_until=TRAIN_UNTIL, resume=True, progress=lambda _: None)


@pytest.fixture(scope="module")
def backtested(town: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Evaluation, Path]:
    out = tmp_path_factory.mktemp("backtest")
    evaluation = evaluate_recommender(
        town.settings, train_until=TRAIN_UNTIL, test_weeks=2, out_dir=out, source_ids=False, progress=lambda _: None
    )
    return evaluation, out


def test_a_backtest_writes_the_files_of_the_contract(town: Any, backtested: tuple[Evaluation, Path]) -> None:
    evaluation, out = backtested
    lists = pq.read_table(out / "recommendations.parquet").to_pandas()
    assert list(lists.columns) == ["customer_id", "task", "rank", "product_id", "score"]
    assert set(lists["task"]) == {"all", "novel"}
    purchases = town.sources.purchases
    customers = sorted(purchases["customer_id"].unique())
    catalogue = town.catalogue
    known = bought_before(purchases, catalogue, customers, TRAIN_UNTIL).toarray()
    for (customer, task), listed in lists.groupby(["customer_id", "task"]):
        n_left = len(catalogue) - known[customers.index(customer)].sum() if task == "novel" else len(catalogue)
        assert listed["rank"].tolist() == list(range(1, min(100, n_left) + 1))
        assert listed["score"].is_monotonic_decreasing
        positions = catalogue.index_of(listed["product_id"])
        assert len(set(positions)) == len(positions)
        if task == "novel":
            assert not known[customers.index(customer), positions].any()
    assert lists["customer_id"].unique().tolist() == customers
    written = json.loads((out / "metrics.json").read_text())
    assert Evaluation.model_validate(written) == evaluation


def test_a_backtest_says_what_training_says(backtested: tuple[Evaluation, Path], trained: Trained) -> None:
    assert backtested[0] == trained.evaluation


def test_without_consent_everyone_gets_the_same_list(town: Any, backtested: tuple[Evaluation, Path]) -> None:
    lists = pq.read_table(backtested[1] / "recommendations.parquet").to_pandas()
    lists = lists[lists["task"] == "all"].set_index("customer_id")
    pseudonymizer = load_pseudonymizer(town.settings.storage.keys, town.settings.privacy)
    refused, never_asked, agreed, other = (pseudonymizer.pseudonym(name) for name in ("n44", "n47", "n00", "n03"))

    def listed(customer: str) -> list[str]:
        return list(lists.loc[customer, "product_id"])

    assert listed(refused) == listed(never_asked)
    assert len({tuple(listed(customer)) for customer in (refused, agreed, other)}) == 3


def test_source_ids_come_back_through_the_vault_and_its_log(
    town: Any, backtested: tuple[Evaluation, Path], tmp_path: Path
) -> None:
    said: list[str] = []
    evaluate_recommender(
        town.settings, train_until=TRAIN_UNTIL, test_weeks=2, out_dir=tmp_path, source_ids=True, progress=said.append
    )
    ours = pq.read_table(tmp_path / "recommendations.parquet").to_pandas()
    theirs = pq.read_table(backtested[1] / "recommendations.parquet").to_pandas()
    assert set(ours["customer_id"]) == {f"n{i:02d}" for i in range(48)}
    pseudonymizer = load_pseudonymizer(town.settings.storage.keys, town.settings.privacy)
    ours["customer_id"] = pseudonymizer.pseudonyms(ours["customer_id"])
    pd.testing.assert_frame_equal(ours, theirs)  # the same lists, run again
    recorded = (town.settings.storage.vault / "access.jsonl").read_text().splitlines()[-1]
    assert "evaluate recommender --source-ids, cut-off 2025-05-12" in recorded
    assert '"n_asked": 48' in json.dumps(json.loads(recorded))
    assert said[0].startswith("features: ")


def test_any_date_can_be_evaluated_but_not_past_the_data(town: Any, trained: Trained, tmp_path: Path) -> None:
    bundles_dir = trained.bundle.directory.parent.parent
    before = versions(bundles_dir, "two-tower")
    options: dict[str, Any] = {"out_dir": tmp_path, "source_ids": False, "progress": lambda _: None}
    earlier = datetime(2025, 4, 7, tzinfo=UTC)
    evaluation = evaluate_recommender(town.settings, train_until=earlier, test_weeks=1, **options)
    assert (evaluation.train_until, evaluation.test_end) == (earlier, datetime(2025, 4, 14, tzinfo=UTC))
    assert versions(bundles_dir, "two-tower") == before  # a backtest makes no version
    with pytest.raises(TestWindowUnavailable):
        evaluate_recommender(town.settings, train_until=TRAIN_UNTIL, test_weeks=3, **options)


def test_the_corner_shop_is_too_small_to_learn_from_and_is_told_so(
    shop: Path, settings: Settings, tmp_path: Path
) -> None:
    ingest_files(shop, settings.storage, settings.ingest, settings.privacy, lambda _: None)
    small = {
        "two_tower": settings.two_tower.model_copy(update={"min_buyers": 2}),
        "features": settings.features.model_copy(update={"n_training_snapshots": 3}),
    }
    settings = settings.model_copy(update=small)
    with pytest.raises(TooFewExamples, match="Bring more customers, products or weeks"):
        evaluate_recommender(
            settings, train_until=None, test_weeks=2, out_dir=tmp_path, source_ids=False, progress=lambda _: None
        )


def test_everybody_who_agreed_is_ranked_from_the_bundle(town: Any, trained: Trained, tmp_path: Path) -> None:
    scorer = Scorer.load(trained.bundle)
    storage = town.settings.storage
    for task in ("all", "novel"):
        out = tmp_path / "lists" / f"{task}.parquet"
        n = rank_everybody(trained.bundle, town.sources.store, storage, TRAIN_UNTIL, task=task, k=7, out=out)
        lists = pq.read_table(out).to_pandas()
        assert n == lists["customer_id"].nunique() == 46
        assert set(lists["customer_id"]) == town.sources.consents.personal
        chosen = lists["customer_id"].iloc[0]
        live = scorer.rank(town.rows([chosen])[0], basket_idx=NONE, allowed=None, task=task, k=7)
        mine = lists[lists["customer_id"] == chosen]
        assert mine["rank"].tolist() == list(range(1, 8))
        assert mine["product_id"].tolist() == scorer.catalogue.product_ids[live.product_idx].tolist()


def test_nobody_agreed_nobody_ranked(town: Any, trained: Trained, settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(NobodyToRank):
        rank_everybody(
            trained.bundle, town.sources.store, settings.storage, TRAIN_UNTIL, task="all", k=3, out=tmp_path / "x"
        )
