"""The two demand jobs end to end on the made-up chain: a tracked, registered version, and the files of a backtest."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from lightning.pytorch.callbacks import Callback

from configs.settings import PROJECT_ROOT, Settings
from training.artifact import Bundle, champion_pointer, versions
from training.demand.errors import ListedUnknown, ProductListUnreadable, TestWeeksUnavailable
from training.demand.evaluation_results import DemandEvaluation
from training.demand.forecaster import Forecaster
from training.demand.jobs import TrainedDemand, evaluate_demand, train_demand
from training.demand.plan import TRACKS
from training.errors import NothingToResume
from training.registry import Tracker
from training.registry_file import ModelEntry, load_registry_file

TRAIN_UNTIL = date(2024, 7, 1)  # 26 of the 30 weeks
CUTOFF = datetime(2024, 7, 1, 4, 0, tzinfo=UTC)  # midnight in New York
METHODS = ["demand", "demand_network", "demand_trees", "naive", "mean_8_weeks", "imapa", "mean_8_weeks_x_elasticity"]
QUANTILES = [f"q{level}" for level in range(10, 100, 10)]
LIST = "product_id,store_id\np00,\np99,\np01,s1\np39,s2\np02,s0\np00,\n"


class CtrlC(Callback):
    """Somebody presses Ctrl-C when the second epoch begins."""

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:  # noqa: ARG002
        """Break off."""
        if trainer.current_epoch == 1:
            raise KeyboardInterrupt


def silent(_: str) -> None:
    """Say nothing."""


def two_epochs(settings: Settings) -> Settings:
    """One epoch more than the smallest model has: a run can be broken off between them."""
    forecaster = settings.demand.forecaster.model_copy(update={"n_epochs": 2})
    return settings.model_copy(update={"demand": settings.demand.model_copy(update={"forecaster": forecaster})})


@pytest.fixture(scope="module")
def entry() -> ModelEntry:
    return load_registry_file(PROJECT_ROOT / "mlflow" / "registry.yaml").model("demand")


@pytest.fixture(scope="module")
def own(chain: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The chain in a house of its own, where version 1 serves already."""
    return chain.copied_to(tmp_path_factory.mktemp("jobs"))


@pytest.fixture(scope="module")
def settings_of_two(own: Any) -> Settings:
    return two_epochs(own.settings)


@pytest.fixture(scope="module")
def trained(settings_of_two: Settings, entry: ModelEntry, _tracked: None) -> TrainedDemand:
    return train_demand(settings_of_two, entry=entry, train_until=TRAIN_UNTIL, resume=False, progress=silent)


@pytest.fixture
def run(tracker: Tracker, trained: TrainedDemand) -> Any:
    return tracker._client.get_run(trained.run_id)


def test_the_bundle_opens_and_its_manifest_says_everything(own: Any, trained: TrainedDemand) -> None:
    bundle = Bundle.open(trained.bundle.directory)
    manifest = bundle.manifest
    assert bundle.directory == own.settings.storage.bundles / "demand" / "2"
    assert (manifest.name, manifest.version) == ("demand", "2")
    assert manifest.train_until == CUTOFF
    assert manifest.data_snapshot_digest == own.sources.lake.manifest.snapshot_digest
    assert manifest.feature_service == "price_v1"
    assert "no person's record is read" in manifest.consent_digest
    assert "no column that describes a person" in manifest.privacy.statement
    assert set(manifest.settings) == {"demand"}
    assert manifest.settings["demand"]["forecaster"]["n_epochs"] == 2
    assert manifest.metrics == trained.evaluation.headline()
    for fact in (manifest.code_commit, manifest.lock_digest, manifest.provenance):
        assert fact
    assert DemandEvaluation.model_validate_json(bundle.text("evaluation.json")) == trained.evaluation
    assert Forecaster.load(bundle).split_model is not None


def test_training_promotes_nothing(own: Any, trained: TrainedDemand) -> None:
    pointer = champion_pointer(own.settings.storage.bundles, "demand")
    assert pointer is not None
    assert pointer.version == "1" != trained.bundle.manifest.version


def test_the_card_tells_every_track_and_the_price_response(trained: TrainedDemand) -> None:
    card = trained.bundle.text("model_card.md")
    assert card.startswith("# demand, version 2\n")
    for track in TRACKS:
        assert f"## Chain, {track}: " in card
        assert f"## Store, {track}: " in card
    assert f"{trained.evaluation.n_products} series" in card
    for method in METHODS:
        assert f"| {method} | " in card
    assert "40 products; median -" in card
    assert "2024-07-01 04:00 UTC" in card


def test_the_evaluation_is_of_the_weeks_after_the_cut_off(trained: TrainedDemand) -> None:
    evaluation = trained.evaluation
    assert (evaluation.train_until, evaluation.origins) == (CUTOFF, (date(2024, 6, 24),))
    assert sorted(evaluation.methods) == sorted(METHODS)
    assert evaluation.methods[0] == "demand"
    assert evaluation.tracks == list(TRACKS)
    assert evaluation.n_products == 39  # p39 sold in two weeks alone
    assert evaluation.n_store_series > 100
    for track in TRACKS:
        ours = evaluation.score("demand", track=track, metric="wql")
        assert ours.low <= ours.value <= ours.high
        assert 0 < ours.value < evaluation.score("naive", track=track, metric="wql").value
        assert evaluation.score("demand", track=track, metric="wql", level="store").value > ours.value
        assert evaluation.score("imapa", track=track, metric="wql", level="store").value > 0


def test_the_run_holds_parameters_metrics_and_evidence(run: Any, trained: TrainedDemand, tracker: Tracker) -> None:
    assert run.info.status == "FINISHED"
    assert run.data.params["demand.horizon_weeks"] == "4"
    assert len(tracker._client.get_metric_history(trained.run_id, "train_loss")) == 2
    assert run.data.metrics["n_epochs"] == 2
    assert run.data.metrics["full.wql"] == pytest.approx(trained.evaluation.headline()["full.wql"])
    tags = ("data_snapshot_digest", "consent_digest", "code_commit", "lock_digest", "train_until", "bundle_digest")
    assert all(run.data.tags[tag] for tag in tags)
    assert run.data.tags["bundle_digest"] == trained.bundle.digest
    listed = {artifact.path for artifact in tracker._client.list_artifacts(trained.run_id)}
    assert {"model_card.md", "evaluation.json", "figures"} <= listed


def test_the_registered_version_loads_back_and_predicts(trained: TrainedDemand, tracker: Tracker) -> None:
    version = tracker.find_bundle(trained.bundle)
    assert version is not None
    model = tracker.load("demand", version.number)
    assert model.metadata.signature.inputs.input_names() == ["product_id", "price_change"]
    asked = pd.DataFrame({"product_id": ["p00", "p00", "p00", "unheard-of"], "price_change": [0.1, 0.0, -0.1, 0.1]})
    said = model.predict(asked)
    assert list(said.columns) == ["product_id", "price_change", "units_factor", "low_80", "high_80", "source"]
    assert said["product_id"].tolist() == asked["product_id"].tolist()
    dearer, same, cheaper, unknown = said["units_factor"]
    assert dearer < 1 == same < cheaper
    assert 0 < unknown < 1
    assert said["source"].iloc[3] == "chain"
    assert (said["low_80"] <= said["units_factor"]).all()
    assert (said["units_factor"] <= said["high_80"]).all()


def test_a_training_that_was_broken_off_goes_on_in_its_own_run(
    settings_of_two: Settings, entry: ModelEntry, trained: TrainedDemand, tracker: Tracker
) -> None:
    options: dict[str, Any] = {"entry": entry, "train_until": TRAIN_UNTIL, "progress": silent}
    with pytest.raises(KeyboardInterrupt):
        train_demand(settings_of_two, resume=False, callbacks=[CtrlC()], **options)
    (remembered,) = (settings_of_two.storage.checkpoints / "demand").glob("*.run")
    broken = remembered.read_text()
    assert tracker._client.get_run(broken).info.status == "KILLED"
    again = train_demand(settings_of_two, resume=True, **options)
    assert again.run_id == broken != trained.run_id
    assert tracker._client.get_run(broken).info.status == "FINISHED"
    assert not remembered.exists()
    ours, theirs = again.bundle.manifest.files, trained.bundle.manifest.files
    parts = [file for file in ours if "model_card" not in file]
    assert len(parts) > 3
    assert {file: ours[file] for file in parts} == {file: theirs[file] for file in parts}  # the same model, to the bit


@pytest.mark.usefixtures("_tracked", "trained")
def test_there_is_nothing_to_resume_after_a_run_that_ended(settings_of_two: Settings, entry: ModelEntry) -> None:
    with pytest.raises(NothingToResume):
        train_demand(settings_of_two, entry=entry, train_until=TRAIN_UNTIL, resume=True, progress=silent)


@pytest.fixture(scope="module")
def backtested(chain: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[DemandEvaluation, Path]:
    """Six weeks from two origins, for a list: two products, one of which never sold, and three at a store."""
    out = tmp_path_factory.mktemp("backtest")
    listed = out / "list.csv"
    listed.write_text(LIST)
    evaluation = evaluate_demand(
        chain.settings,
        track="promo",
        train_until=date(2024, 6, 18),  # a Tuesday: the week it lies in is not over, so not known
        test_weeks=6,
        products=listed,
        stores=False,
        out_dir=out,
        progress=silent,
    )
    return evaluation, out


def test_a_backtest_writes_forecasts_of_the_contract(backtested: tuple[DemandEvaluation, Path]) -> None:
    rows = pq.read_table(backtested[1] / "forecasts.parquet").to_pandas()
    assert list(rows.columns) == ["product_id", "store_id", "origin", "week_start", *QUANTILES, "mean"]
    series = [("p00", None), ("p99", None), ("p01", "s1"), ("p02", "s0"), ("p39", "s2")]
    first = date(2024, 6, 17)
    weeks = [first + timedelta(weeks=week) for week in range(6)]
    origins = [first - timedelta(weeks=1)] * 4 + [first + timedelta(weeks=3)] * 2
    expected = {(*one, origin, week) for one in series for origin, week in zip(origins, weeks, strict=True)}
    stores = rows["store_id"].where(rows["store_id"].notna(), None)
    found = list(zip(rows["product_id"], stores, rows["origin"], rows["week_start"], strict=True))
    assert len(found) == len(set(found)) == 30
    assert set(found) == expected


def test_quantiles_never_cross_and_are_finite(backtested: tuple[DemandEvaluation, Path]) -> None:
    rows = pq.read_table(backtested[1] / "forecasts.parquet").to_pandas()
    values = rows[[*QUANTILES, "mean"]].to_numpy(dtype=float)
    assert np.isfinite(values).all()
    assert (values >= 0).all()
    assert (np.diff(rows[QUANTILES].to_numpy(), axis=1) >= 0).all()
    assert rows.loc[rows["product_id"] == "p00", "mean"].min() > rows.loc[rows["product_id"] == "p39", "mean"].max()


def test_a_backtest_writes_elasticities_of_the_contract(backtested: tuple[DemandEvaluation, Path]) -> None:
    rows = pq.read_table(backtested[1] / "elasticities.parquet").to_pandas()
    assert list(rows.columns) == ["product_id", "value", "low_80", "high_80", "low_90", "high_90", "source"]
    assert rows["product_id"].tolist() == ["p00", "p01", "p02", "p39", "p99"]
    ordered = rows[["low_90", "low_80", "value", "high_80", "high_90"]].to_numpy()
    assert (np.diff(ordered, axis=1) > 0).all()
    assert (ordered < 0).all()
    assert set(rows["source"]) <= {"product", "category", "chain"}
    assert rows["source"].iloc[-1] != "product"  # it never sold


def test_metrics_are_the_evaluation(backtested: tuple[DemandEvaluation, Path]) -> None:
    evaluation, out = backtested
    assert DemandEvaluation.model_validate(json.loads((out / "metrics.json").read_text())) == evaluation
    assert evaluation.tracks == ["promo"]
    assert evaluation.origins == (date(2024, 6, 10), date(2024, 7, 8))
    assert (evaluation.n_products, evaluation.n_store_series) == (2, 3)


def test_the_same_backtest_twice_is_the_same_to_the_bit(
    chain: Any, backtested: tuple[DemandEvaluation, Path], tmp_path: Path
) -> None:
    listed = backtested[1] / "list.csv"
    cut: dict[str, Any] = {"train_until": date(2024, 6, 17), "test_weeks": 6}
    evaluate_demand(
        chain.settings, track="promo", products=listed, stores=False, out_dir=tmp_path, progress=silent, **cut
    )
    for file in ("forecasts.parquet", "elasticities.parquet", "metrics.json"):
        assert (tmp_path / file).read_bytes() == (backtested[1] / file).read_bytes()


def test_lists_and_dates_that_cannot_be_used_are_refused_before_the_work(chain: Any, tmp_path: Path) -> None:
    before = versions(chain.settings.storage.bundles, "demand")
    options: dict[str, Any] = {"track": "none", "stores": False, "out_dir": tmp_path / "out", "progress": silent}
    listed = tmp_path / "list.csv"
    for text, error, named in (
        ("product_id\np00\npXX\n", ListedUnknown, "pXX"),
        ("product_id,store_id\np00,s9\n", ListedUnknown, "s9"),
        ("sku\np00\n", ProductListUnreadable, "product_id"),
    ):
        listed.write_text(text)
        with pytest.raises(error, match=named):
            evaluate_demand(chain.settings, train_until=TRAIN_UNTIL, test_weeks=2, products=listed, **options)
    with pytest.raises(TestWeeksUnavailable):
        evaluate_demand(chain.settings, train_until=TRAIN_UNTIL, test_weeks=9, products=None, **options)
    assert not (tmp_path / "out").exists()
    assert versions(chain.settings.storage.bundles, "demand") == before
