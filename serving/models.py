"""The bundles on this server: what is serving, and why."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from privacy.errors import StatementUnreadable
from privacy.statement import STATEMENT_FILE, Statement
from serving.bundles import BundleHolder
from serving.errors import ModelVersionUnknown
from serving.lists import rfc3339
from serving.paging import page_of
from serving.schemas_models import ModelsAnswer, ModelVersionOut
from serving.schemas_recommend import PrivacyOut
from serving.standing import NO_STANDING, Standings
from training.artifact import MANIFEST, champion_pointer
from training.bundle_files import TEXTS
from training.errors import TrainingError
from training.manifest import Manifest
from training.statements import statement_of

Key = tuple[str, str]  # name and version, which are also the folders

_STATEMENT: Final = f"{TEXTS}/{STATEMENT_FILE}"


def model_card(manifest: Manifest, report_id: str | None) -> dict[str, Any]:
    """Write the `model` block of an answer.

    Args:
        manifest: Of the bundle.
        report_id: The fairness report that cleared it; None where there is none.
    """
    privacy = manifest.privacy
    return {
        "name": manifest.name,
        "version": manifest.version,
        "trained_at": rfc3339(manifest.trained_at),
        "fairness_report_id": report_id,
        "privacy": {
            "mechanism": privacy.mechanism,
            "epsilon": privacy.epsilon,
            "delta": privacy.delta,
            "unit": privacy.unit,
            "statement": privacy.in_short,
            "statement_digest": manifest.files.get(_STATEMENT),
        },
    }


def _never(_manifest: Manifest) -> datetime | None:
    return None


class ModelShelf:
    """Reads the bundles' manifests from disk.

    Args:
        root: Folder of all bundles, one folder per model and version.
        holders: The loaded models by name.
        standings: Says which bundles their audits clear.
        retrain_by: Says by when a bundle must be replaced because it may have learnt from erased people.
    """

    def __init__(
        self,
        root: Path,
        holders: Mapping[str, BundleHolder[Any]],
        standings: Standings,
        retrain_by: Callable[[Manifest], datetime | None] = _never,
    ) -> None:
        self._retrain_by = retrain_by
        self._root = root
        self._holders = holders
        self._standings = standings

    def page(self, *, limit: int, cursor: str | None) -> ModelsAnswer:
        """List bundles by name, newest version first.

        Args:
            limit: Most bundles on this page.
            cursor: `next_cursor` of the page before; None begins.

        Raises:
            FieldsInvalid: If the cursor is none of ours, or its bundle is gone.
        """
        keys = sorted(self._keys(), key=_newest_first)
        shown, after = page_of(keys, "/".join, limit=limit, cursor=cursor)
        return ModelsAnswer(models=tuple(self._describe(key) for key in shown), next_cursor=after)

    def one(self, name: str, version: str) -> ModelVersionOut:
        """Describe one bundle, with its privacy statement in full.

        Raises:
            ModelVersionUnknown: If it is not on this server.
        """
        if (name, version) not in set(self._keys()):  # compared, never joined: no path from outside
            raise ModelVersionUnknown(name=name, version=version)
        described, directory = self._describe((name, version)), self._root / name / version
        found, _ = _read(directory / MANIFEST)
        if found is None:
            return described
        statement, problem = _stated(directory, found)
        stated = {"statement": statement.model_dump(mode="json") if statement else None}
        return described.model_copy(update={**stated, "problem": described.problem or problem})

    def _keys(self) -> Iterator[Key]:
        for path in self._root.glob(f"*/*/{MANIFEST}"):
            name, version = path.parent.parent.name, path.parent.name
            if not name.startswith(".") and not version.startswith("."):
                yield name, version

    def _describe(self, key: Key) -> ModelVersionOut:
        name, version = key
        holder = self._holders.get(name)
        current = holder.current if holder else None
        waiting = holder.problem if holder and self._champion(name) == version else None
        directory = self._root / name / version
        found, problem = _read(directory / MANIFEST)
        standing = self._standings.of_bundle(directory, found) if found else NO_STANDING
        return ModelVersionOut(
            name=name,
            version=version,
            champion=self._champion(name) == version,
            serving=current is not None and (current.name, current.version) == key,
            trained_at=found.trained_at if found else None,
            bundle_digest=found.digest if found else None,
            fairness_report_id=standing.report_id,
            cleared=standing.cleared,
            cleared_until=standing.until,
            reasons=standing.reasons,
            retrain_by=self._retrain_by(found) if found else None,
            privacy=PrivacyOut(**model_card(found, None)["privacy"]) if found else PrivacyOut(mechanism="unknown"),
            problem=problem or waiting,
            facts=found.model_dump(mode="json", exclude={"files"}) if found else {},
        )

    def _champion(self, name: str) -> str | None:
        try:
            pointer = champion_pointer(self._root, name)
        except TrainingError:
            return None
        return pointer.version if pointer else None


def _read(path: Path) -> tuple[Manifest | None, str | None]:
    try:
        return Manifest.model_validate_json(path.read_bytes()), None
    except ValidationError as failure:
        return None, f"the manifest cannot be used: {failure.error_count()} fault(s)"
    except OSError as failure:
        return None, f"the manifest cannot be read: {failure.strerror}"


def _stated(directory: Path, manifest: Manifest) -> tuple[Statement | None, str | None]:
    """Read a bundle's privacy statement, or say why it is not to be believed."""
    digest = manifest.files.get(_STATEMENT)
    try:
        content = None if digest is None else (directory / _STATEMENT).read_bytes()
        if content is not None and hashlib.sha256(content).hexdigest() != digest:
            return None, "the privacy statement was changed after the bundle was written"
        return statement_of(manifest.privacy, None if content is None else content.decode(errors="replace")), None
    except (StatementUnreadable, OSError) as failure:
        return None, f"the privacy statement cannot be read: {failure}"


def _newest_first(key: Key) -> tuple[str, int, str]:
    name, version = key
    return name, -int(version) if version.isdecimal() else 0, version
