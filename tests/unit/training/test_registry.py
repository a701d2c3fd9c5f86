"""Runs, evidence and versions in MLflow; one SQLite tracker for the session."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from configs.settings import PROJECT_ROOT, StorageSettings
from training.artifact import Bundle
from training.errors import ModelVersionUnknown, RunUnknown
from training.evaluation_results import Evaluation
from training.registry import RegisteredVersion, Tracker, version_tags
from training.registry_file import ModelEntry, load_registry_file
from training.runs import Run

MakeBundle = Callable[..., Bundle]

LOADER = """
from pathlib import Path
from training.artifact import Bundle

class Counting:
    def __init__(self, bundle):
        self.bundle = bundle

    def predict(self, frame, params=None):
        return frame.assign(n_products=len(self.bundle.array("product_ids")))

def _load_pyfunc(path):
    return Counting(Bundle.open(Path(path)))
"""


@pytest.fixture
def entry() -> ModelEntry:
    return load_registry_file(PROJECT_ROOT / "mlflow" / "registry.yaml").model("two-tower")


@pytest.fixture
def loader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that opens a bundle, as a model ships one."""
    (tmp_path / "counting_loader.py").write_text(LOADER)
    monkeypatch.syspath_prepend(tmp_path)
    return "counting_loader"


@pytest.fixture
def run(tracker: Tracker) -> Iterator[Run]:
    with tracker.run(name="test", tags={"code_commit": "c" * 40}) as opened:
        yield opened


@pytest.fixture
def register(tracker: Tracker, run: Run, entry: ModelEntry, loader: str) -> Callable[[Bundle], RegisteredVersion]:
    example = pd.DataFrame({"history": ["beer milk"]})

    def registered(bundle: Bundle) -> RegisteredVersion:
        return tracker.register(
            run,
            bundle,
            entry,
            loader_module=loader,
            input_example=example,
            output_example=example.assign(n_products=2),
            requirements=PROJECT_ROOT / "requirements.lock",
        )

    return registered


def state(tracker: Tracker, run_id: str) -> Any:
    return tracker._client.get_run(run_id)


def artifact(tracker: Tracker, run_id: str, file: str, folder: Path) -> Path:
    return Path(tracker._client.download_artifacts(run_id, file, str(folder)))


def test_a_run_keeps_params_metrics_tags_texts_and_pictures(
    tracker: Tracker, tmp_path: Path, evaluation_of: Callable[..., Evaluation]
) -> None:
    evaluation = evaluation_of()
    with tracker.run(name="whole", tags={"lock_digest": "d" * 64}) as run:
        run.log_params({"two_tower.seed": 7, "two_tower.long": "x" * 10_000})
        for step, loss in enumerate((2.0, 1.5, 1.2)):
            run.log_metrics({"train_loss": loss}, step=step)
        run.log_loss_curve(("train_loss", "never_logged"))
        run.log_evaluation(evaluation)
        run.log_text("# card\n", "model_card.md")
        assert run.metric_history("train_loss") == [(0, 2.0), (1, 1.5), (2, 1.2)]
    kept = state(tracker, run.run_id)
    assert kept.info.status == "FINISHED"
    assert kept.data.params["two_tower.seed"] == "7"
    assert kept.data.tags["lock_digest"] == "d" * 64
    assert kept.data.metrics["ease.all.ndcg_at_20"] == pytest.approx(0.3)
    assert Evaluation.model_validate_json(artifact(tracker, run.run_id, "evaluation.json", tmp_path).read_text()) == (
        evaluation
    )
    for picture in ("figures/loss.png", "figures/ndcg.png"):
        assert artifact(tracker, run.run_id, picture, tmp_path).read_bytes().startswith(b"\x89PNG")


def test_a_run_that_breaks_is_failed_and_one_that_is_stopped_is_killed(tracker: Tracker) -> None:
    for error, status in ((ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")):
        with pytest.raises(error), tracker.run(name="breaks", tags={}) as run:
            raise error
        assert state(tracker, run.run_id).info.status == status


def test_a_resumed_run_goes_on_and_keeps_its_parameters(tracker: Tracker) -> None:
    with tracker.run(name="first", tags={}) as first:
        first.log_params({"seed": 1})
    with tracker.run(name="again", tags={"resumed": "yes"}, run_id=first.run_id) as second:
        assert state(tracker, first.run_id).info.status == "RUNNING"
        second.log_params({"seed": 2, "more": 3})
    kept = state(tracker, first.run_id)
    assert second.run_id == first.run_id
    assert kept.data.params == {"seed": "1", "more": "3"}
    assert (kept.info.status, kept.data.tags["resumed"]) == ("FINISHED", "yes")


def test_an_unknown_run_cannot_be_resumed(tracker: Tracker) -> None:
    with pytest.raises(RunUnknown, match="Start afresh"), tracker.run(name="x", tags={}, run_id="0" * 32):
        pass


def test_lightning_writes_to_the_same_run(tracker: Tracker, run: Run) -> None:
    logger = tracker.lightning_logger(run)
    logger.log_metrics({"val_loss": 0.5}, step=3)
    assert logger.run_id == run.run_id
    assert run.metric_history("val_loss") == [(3, 0.5)]
    assert "MLFLOW_TRACKING_URI" not in os.environ


def test_a_registered_bundle_loads_back_and_predicts(
    tracker: Tracker, run: Run, register: Callable[[Bundle], RegisteredVersion], tmp_path: Path, bundle_of: MakeBundle
) -> None:
    bundle = bundle_of(tmp_path / "bundles")
    version = register(bundle)
    assert "MLFLOW_TRACKING_URI" not in os.environ  # mlflow sets it in passing; a later tracker must not see it
    assert dict(version.tags) == version_tags(bundle)
    assert version.run_id == run.run_id
    loaded = tracker.load("two-tower", version.number)
    asked = pd.DataFrame({"history": ["a", "b"]})
    assert loaded.predict(asked)["n_products"].tolist() == [2, 2]
    assert loaded.metadata.signature.inputs.input_names() == ["history"]
    assert tracker.aliased("two-tower", "challenger") == version
    with pytest.raises(ModelVersionUnknown, match="no version 999"):
        tracker.load("two-tower", "999")


def test_nothing_that_is_logged_is_a_pickle(
    tracker: Tracker, register: Callable[[Bundle], RegisteredVersion], tmp_path: Path, bundle_of: MakeBundle
) -> None:
    version = register(bundle_of(tmp_path / "bundles", lock_digest="1" * 64))
    with tracker._pointed_here(None):
        model_uri = f"models:/two-tower/{version.number}"
        source = Path(tracker._mlflow.artifacts.download_artifacts(model_uri, dst_path=tmp_path))
    names = {path.name for path in source.rglob("*") if path.is_file()}
    assert {"MLmodel", "input_example.json", "manifest.json", "weights.safetensors"} <= names
    assert not {name for name in names if name.endswith((".pkl", ".pickle", ".pt", ".pth"))}
    example = json.loads((source / "input_example.json").read_text())
    assert example == {"columns": ["history"], "data": [["beer milk"]]}


def test_a_bundle_is_found_by_its_digest(
    tracker: Tracker, register: Callable[[Bundle], RegisteredVersion], tmp_path: Path, bundle_of: MakeBundle
) -> None:
    bundle = bundle_of(tmp_path / "bundles", metrics={"all.ndcg@20": 0.111})
    assert tracker.find_bundle(bundle) is None
    version = register(bundle)
    assert tracker.find_bundle(bundle) == version
    assert tracker.versions("two-tower")[-1] == version
    assert tracker.versions("no-such-model") == []


def test_an_alias_moves(
    tracker: Tracker, register: Callable[[Bundle], RegisteredVersion], tmp_path: Path, bundle_of: MakeBundle
) -> None:
    first = register(bundle_of(tmp_path / "a", consent_digest="1"))
    second = register(bundle_of(tmp_path / "b", consent_digest="2"))
    assert tracker.aliased("two-tower", "no-such-alias") is None
    for version in (first, second):
        tracker.set_alias(version, "champion")
        assert tracker.aliased("two-tower", "champion") == version


def test_tags_of_a_version_can_be_set_and_edited(
    tracker: Tracker, register: Callable[[Bundle], RegisteredVersion], tmp_path: Path, bundle_of: MakeBundle
) -> None:
    bundle = bundle_of(tmp_path, consent_digest="3")
    version = register(bundle)
    tracker.set_version_tags(version, {"fairness_report_id": "fr_1", "fairness_report_digest": "a" * 64})
    tracker.set_version_tags(version, {"fairness_report_id": "fr_2"})
    found = tracker.find_bundle(bundle)
    assert found is not None
    assert found.tags == {**version.tags, "fairness_report_id": "fr_2", "fairness_report_digest": "a" * 64}


def test_a_run_inside_mlflow_run_names_its_parent(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    with tracker.run(name="outer", tags={}) as outer:
        monkeypatch.setenv("MLFLOW_RUN_ID", outer.run_id)
        with tracker.run(name="inner", tags={}) as inner:
            pass
    assert inner.run_id != outer.run_id
    assert state(tracker, inner.run_id).data.tags["mlflow.parentRunId"] == outer.run_id


def test_the_environment_decides_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    storage = StorageSettings(root=tmp_path, min_free_gb=0)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking.example.org")
    assert Tracker(storage).tracking_uri == "http://tracking.example.org"
    assert not (tmp_path / "mlflow").exists()
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert Tracker(storage).tracking_uri == f"sqlite:///{tmp_path}/mlflow/mlflow.db"
