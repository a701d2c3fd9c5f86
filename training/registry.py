"""MLflow: runs, their evidence, and registered versions. The only module that imports mlflow.

The registry tells people what was trained and why; it is not what serving trusts. Aliases and tags can be edited by
anyone with access, so serving reads the bundle's own digest and pointer.
"""

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pandas as pd

from configs.settings import StorageSettings
from training.artifact import Bundle
from training.errors import ModelVersionUnknown, RunUnknown
from training.registry_file import CHALLENGER, ModelEntry
from training.runs import Run

EXPERIMENT: Final = "fairshelf"
BUNDLE_DIGEST: Final = "bundle_digest"
TRACKING_VARIABLE: Final = "MLFLOW_TRACKING_URI"


@dataclass(frozen=True)
class RegisteredVersion:
    """One version in the registry."""

    name: str
    number: str
    run_id: str
    tags: Mapping[str, str]


class Tracker:
    """The tracking server and registry.

    `MLFLOW_TRACKING_URI` decides where; without it a SQLite file under the storage root is used.

    Args:
        storage: Where files go by default.
    """

    def __init__(self, storage: StorageSettings) -> None:
        self._mlflow = _mlflow()
        folder = storage.mlflow
        self.tracking_uri = os.environ.get(TRACKING_VARIABLE) or f"sqlite:///{folder / 'mlflow.db'}"
        self._artifacts = folder / "artifacts"
        if self.tracking_uri.startswith("sqlite:"):
            folder.mkdir(parents=True, exist_ok=True)
        self._client = self._mlflow.MlflowClient(self.tracking_uri, registry_uri=self.tracking_uri)

    @contextmanager
    def run(self, *, name: str, tags: Mapping[str, str], run_id: str | None = None) -> Iterator[Run]:
        """Open a run, new or resumed; it ends FINISHED, FAILED or, when interrupted, KILLED.

        Args:
            name: Shown in the tracker.
            tags: Set on the run, for instance data snapshot digest, code commit and lock digest.
            run_id: Run to go on with; None starts a new one.

        Raises:
            RunUnknown: If there is no run of that id.
        """
        run = Run(self._client, run_id or self._create_run(name))
        if run_id:
            self._reopen(run_id)
        run.set_tags(tags)
        status = "FAILED"
        try:
            yield run
            status = "FINISHED"
        except KeyboardInterrupt:
            status = "KILLED"
            raise
        finally:
            self._client.set_terminated(run.run_id, status)

    def lightning_logger(self, run: Run) -> Any:
        """Make a Lightning logger that writes its metrics to a run."""
        from lightning.pytorch.loggers import MLFlowLogger

        logger = MLFlowLogger(experiment_name=EXPERIMENT, tracking_uri=self.tracking_uri, run_id=run.run_id)
        with self._pointed_here(None):
            _ = logger.experiment  # connects now, while what it does to the process is undone
        return logger

    def register(
        self,
        run: Run,
        bundle: Bundle,
        entry: ModelEntry,
        *,
        loader_module: str,
        input_example: pd.DataFrame,
        output_example: pd.DataFrame,
        requirements: Path | None = None,
    ) -> RegisteredVersion:
        """Log a bundle as the run's model and register it as a new version with alias `challenger`.

        The model is the bundle itself plus the name of a module of ours that opens it, so nothing is pickled.

        Args:
            run: The run that made the bundle.
            bundle: What is logged.
            entry: What the registry file says of the model.
            loader_module: Importable module with `_load_pyfunc(path)` that answers with an object with `predict`.
            input_example: Rows as `predict` takes them; made up, never a customer's.
            output_example: What `predict` answers to them.
            requirements: Lock file of the packages the model needs; None lists none.
        """
        name = bundle.manifest.name
        pyfunc = _pyfunc()
        with warnings.catch_warnings():
            # Integers may not be missing later; ranks and positions never are.
            warnings.filterwarnings("ignore", "Hint: Inferred schema contains integer", UserWarning)
            signature = self._mlflow.models.infer_signature(input_example, output_example)
        with self._pointed_here(run.run_id):
            logged = pyfunc.log_model(
                name=name,
                loader_module=loader_module,
                data_path=str(bundle.directory),
                signature=signature,
                input_example=input_example,
                pip_requirements=str(requirements) if requirements else [],
            )
            self._ensure_model(name, entry)
            made = self._client.create_model_version(
                name, source=logged.model_uri, run_id=run.run_id, model_id=logged.model_id, tags=version_tags(bundle)
            )
        if CHALLENGER in entry.aliases:
            self._client.set_registered_model_alias(name, CHALLENGER, made.version)
        return _version(made)

    def find_bundle(self, bundle: Bundle) -> RegisteredVersion | None:
        """Find the newest registered version whose tags name this bundle's digest."""
        found = [
            version
            for version in self.versions(bundle.manifest.name)
            if version.tags.get(BUNDLE_DIGEST) == bundle.digest
        ]
        return found[-1] if found else None

    def versions(self, name: str) -> list[RegisteredVersion]:
        """List the versions of a model, oldest first; none when the model is unknown."""
        quoted = name.replace("'", "")
        found = [_version(made) for made in self._client.search_model_versions(f"name = '{quoted}'")]
        return sorted(found, key=lambda version: int(version.number))

    def aliased(self, name: str, alias: str) -> RegisteredVersion | None:
        """Look up the version that an alias points at."""
        try:
            return _version(self._client.get_model_version_by_alias(name, alias))
        except self._mlflow.exceptions.MlflowException:
            return None

    def set_alias(self, version: RegisteredVersion, alias: str) -> None:
        """Point an alias at a version; an older target loses it."""
        self._client.set_registered_model_alias(version.name, alias, version.number)

    def set_version_tags(self, version: RegisteredVersion, tags: Mapping[str, str]) -> None:
        """Put tags on a version for people to read; nothing that serves believes them."""
        for tag, value in tags.items():
            self._client.set_model_version_tag(version.name, version.number, tag, value)

    def load(self, name: str, number: str) -> Any:
        """Load a registered version through its loader module.

        Raises:
            ModelVersionUnknown: If there is no such version.
        """
        if number not in [version.number for version in self.versions(name)]:
            raise ModelVersionUnknown(name=name, version=number)
        with self._pointed_here(None):
            return _pyfunc().load_model(f"models:/{name}/{number}")

    def _create_run(self, name: str) -> str:
        experiment = self._client.get_experiment_by_name(EXPERIMENT)
        # Without a server in between, MLflow would put artefacts under the working directory.
        local = self._artifacts.as_uri() if self.tracking_uri.startswith("sqlite:") else None
        number = experiment.experiment_id if experiment else self._client.create_experiment(EXPERIMENT, local)
        project_run = os.environ.get("MLFLOW_RUN_ID")  # set by `mlflow run`: this run belongs under that one
        parent = {"mlflow.parentRunId": project_run} if project_run else {}
        return str(self._client.create_run(number, run_name=name, tags=parent).info.run_id)

    def _reopen(self, run_id: str) -> None:
        try:
            self._client.update_run(run_id, status="RUNNING")
        except self._mlflow.exceptions.MlflowException:
            raise RunUnknown(run_id=run_id, tracking_uri=self.tracking_uri) from None

    def _ensure_model(self, name: str, entry: ModelEntry) -> None:
        if not self._client.search_registered_models(f"name = '{name}'"):
            self._client.create_registered_model(name, description=entry.description)

    @contextmanager
    def _pointed_here(self, run_id: str | None) -> Iterator[None]:
        """Point MLflow's process-wide state at this tracker, for the calls that have no client form."""
        mlflow = self._mlflow
        before = os.environ.get(TRACKING_VARIABLE)  # set_tracking_uri writes it
        mlflow.set_tracking_uri(self.tracking_uri)
        mlflow.set_registry_uri(self.tracking_uri)
        try:
            if run_id is None:
                yield
            else:
                with mlflow.start_run(run_id=run_id):
                    yield
        finally:
            mlflow.set_tracking_uri(None)
            mlflow.set_registry_uri(None)
            if before is not None:
                os.environ[TRACKING_VARIABLE] = before


def _version(made: Any) -> RegisteredVersion:
    return RegisteredVersion(name=made.name, number=str(made.version), run_id=str(made.run_id), tags=dict(made.tags))


def version_tags(bundle: Bundle) -> dict[str, str]:
    """Tags of a registered version: where it came from, and which bundle it is."""
    manifest = bundle.manifest
    return {
        BUNDLE_DIGEST: bundle.digest,
        "bundle_version": manifest.version,
        "code_commit": manifest.code_commit,
        "consent_digest": manifest.consent_digest,
        "data_snapshot_digest": manifest.data_snapshot_digest,
        "feature_service": manifest.feature_service,
        "lock_digest": manifest.lock_digest,
        "train_until": manifest.train_until.isoformat(),
    }


def _mlflow() -> ModuleType:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow

    # MLflow's own use of SQLAlchemy; nothing a user could change.
    warnings.filterwarnings("ignore", message="The ``noload`` loader strategy is deprecated")
    logging.getLogger("mlflow").setLevel(logging.WARNING)  # not a line for each of its database tables
    # The lock lists the extras too; those that are not installed are no mistake.
    logging.getLogger("mlflow.utils.requirements_utils").setLevel(logging.ERROR)
    return mlflow


def _pyfunc() -> ModuleType:
    with warnings.catch_warnings():
        # MLflow warns of its own type hints while it is imported.
        warnings.filterwarnings("ignore", ".*Any type hint is inferred as AnyType", UserWarning)
        import mlflow.pyfunc

    return mlflow.pyfunc
