"""Bundles: written whole, opened only unchanged, never overwritten, never unpickled."""

import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from training.artifact import (
    Bundle,
    bundle_directory,
    champion_pointer,
    load_champion,
    set_champion,
    versions,
    write_bundle,
)
from training.bundle_files import sha256
from training.errors import (
    BundleDamaged,
    BundleExists,
    BundleItemUnknown,
    BundleMissing,
    BundleNameInvalid,
    BundleVersionMismatch,
    ChampionMismatch,
    ChampionPointerBroken,
    NoChampion,
)
from training.manifest import ManifestFacts

MakeBundle = Callable[..., Bundle]
MakeFacts = Callable[..., ManifestFacts]


@pytest.fixture
def bundle(tmp_path: Path, facts_of: MakeFacts) -> Bundle:
    return write_bundle(
        bundle_directory(tmp_path, "two-tower", "1"),
        name="two-tower",
        version="1",
        facts=facts_of(),
        tensors={"layer.weight": torch.arange(6.0).reshape(2, 3).T, "bias": np.ones(2, dtype=np.float32)},
        arrays={"product_ids": np.array(["beer", "milk"]), "popularity": np.array([1.5, 2.0])},
        frames={"products": pa.table({"product_id": ["beer", "milk"]})},
        texts={"model_card.md": "# Naïve\n"},
    )


def damage(bundle: Bundle, file: str, change: Callable[[bytes], bytes]) -> None:
    path = bundle.directory / file
    path.write_bytes(change(path.read_bytes()))


def rewrite_manifest(bundle: Bundle, **changes: object) -> None:
    path = bundle.directory / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_what_is_written_comes_back(bundle: Bundle, facts_of: MakeFacts) -> None:
    opened = Bundle.open(bundle.directory)
    assert opened.manifest == bundle.manifest
    assert opened.digest == bundle.digest
    assert (
        ManifestFacts.model_validate(opened.manifest.model_dump(include=set(ManifestFacts.model_fields))) == facts_of()
    )
    np.testing.assert_array_equal(opened.tensors()["layer.weight"], [[0, 3], [1, 4], [2, 5]])
    assert opened.array("product_ids").tolist() == ["beer", "milk"]
    assert opened.frame("products").to_pydict() == {"product_id": ["beer", "milk"]}
    assert opened.text("model_card.md") == "# Naïve\n"
    assert opened.manifest.privacy.mechanism == "none"
    assert "without differential privacy" in opened.manifest.privacy.statement


def test_every_file_is_named_with_its_digest_and_nothing_else_lies_there(bundle: Bundle) -> None:
    files = {str(path.relative_to(bundle.directory)) for path in bundle.directory.rglob("*") if path.is_file()}
    assert files == {*bundle.manifest.files, "manifest.json"}
    for file, digest in bundle.manifest.files.items():
        assert sha256(bundle.directory / file) == digest
    assert [path.name for path in bundle.directory.parent.iterdir()] == ["1"]


@pytest.mark.parametrize(
    "file", ["weights.safetensors", "arrays/product_ids.npy", "frames/products.parquet", "texts/model_card.md"]
)
def test_a_changed_file_is_named(bundle: Bundle, file: str) -> None:
    damage(bundle, file, lambda content: content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(BundleDamaged, match=f"{file} was changed"):
        Bundle.open(bundle.directory)


def test_a_missing_file_is_named(bundle: Bundle) -> None:
    (bundle.directory / "arrays/popularity.npy").unlink()
    with pytest.raises(BundleDamaged, match=r"arrays/popularity.npy is missing"):
        Bundle.open(bundle.directory)


def test_every_fact_of_the_manifest_counts_for_the_digest(tmp_path: Path, bundle_of: MakeBundle) -> None:
    first, second = bundle_of(tmp_path / "a"), bundle_of(tmp_path / "b", metrics={"all.ndcg@20": 0.9})
    assert first.manifest.files == second.manifest.files
    assert first.digest != second.digest
    assert bundle_of(tmp_path / "c").digest == first.digest


def test_no_bundle_another_format_and_a_broken_manifest(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(BundleMissing, match="fairshelf train"):
        Bundle.open(tmp_path / "nothing")
    rewrite_manifest(bundle, format_version=99)
    with pytest.raises(BundleVersionMismatch, match="has format 99; this release reads format 1"):
        Bundle.open(bundle.directory)
    rewrite_manifest(bundle, format_version=1, trained_at="soon")
    with pytest.raises(BundleDamaged, match="trained_at"):
        Bundle.open(bundle.directory)
    (bundle.directory / "manifest.json").write_text("{")
    with pytest.raises(BundleDamaged, match=r"manifest.json cannot be read"):
        Bundle.open(bundle.directory)
    (bundle.directory / "manifest.json").write_text("[]")
    with pytest.raises(BundleVersionMismatch, match="format None"):
        Bundle.open(bundle.directory)


def test_a_manifest_cannot_point_outside(bundle: Bundle, tmp_path: Path) -> None:
    outside = tmp_path / "outside.npy"
    np.save(outside, np.ones(1))
    rewrite_manifest(bundle, files={"../../outside.npy": sha256(outside)})
    with pytest.raises(BundleDamaged, match="outside the bundle"):
        Bundle.open(bundle.directory)


def test_a_link_cannot_lead_outside(bundle: Bundle, tmp_path: Path) -> None:
    outside = tmp_path / "outside.npy"
    (bundle.directory / "arrays/popularity.npy").rename(outside)
    (bundle.directory / "arrays/popularity.npy").symlink_to(outside)
    with pytest.raises(BundleDamaged, match="outside the bundle"):
        Bundle.open(bundle.directory)


class Bomb:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('unpickled')",)


def test_a_pickle_is_never_run(bundle: Bundle) -> None:
    path = bundle.directory / "arrays/popularity.npy"
    with path.open("wb") as file:
        np.lib.format.write_array(file, np.array([Bomb()], dtype=object), allow_pickle=True)
    rewrite_manifest(bundle, files={**bundle.manifest.files, "arrays/popularity.npy": sha256(path)})
    with pytest.raises(BundleDamaged, match=r"popularity.npy cannot be read"):
        Bundle.open(bundle.directory).array("popularity")
    path = bundle.directory / "weights.safetensors"
    path.write_bytes(pickle.dumps(Bomb()))
    rewrite_manifest(bundle, files={**bundle.manifest.files, "weights.safetensors": sha256(path)})
    (bundle.directory / "arrays/popularity.npy").unlink()
    rewrite_manifest(bundle, files={"weights.safetensors": sha256(path)})
    with pytest.raises(BundleDamaged, match=r"weights.safetensors cannot be read"):
        Bundle.open(bundle.directory).tensors()


def test_objects_are_not_written(tmp_path: Path, facts_of: MakeFacts) -> None:
    with pytest.raises(ValueError, match="allow_pickle=False"):
        write_bundle(
            tmp_path / "m" / "1",
            name="m",
            version="1",
            facts=facts_of(),
            tensors={},
            arrays={"objects": np.array([Bomb()], dtype=object)},
            frames={},
            texts={},
        )
    assert list((tmp_path / "m").iterdir()) == []


def test_a_bundle_is_never_overwritten(tmp_path: Path, bundle_of: MakeBundle) -> None:
    first = bundle_of(tmp_path)
    with pytest.raises(BundleExists, match="never overwritten"):
        bundle_of(tmp_path)
    assert Bundle.open(first.directory).digest == first.digest


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "a\0b", "x" * 101])
def test_names_cannot_leave_the_folder(tmp_path: Path, name: str, facts_of: MakeFacts) -> None:
    with pytest.raises(BundleNameInvalid):
        bundle_directory(tmp_path, name, "1")
    with pytest.raises(BundleNameInvalid):
        write_bundle(
            tmp_path / "m" / "1",
            name="m",
            version="1",
            facts=facts_of(),
            tensors={},
            arrays={name: np.ones(1)},
            frames={},
            texts={},
        )


def test_items_that_are_not_there_are_named(bundle: Bundle) -> None:
    for ask in (bundle.array, bundle.frame, bundle.text):
        with pytest.raises(BundleItemUnknown, match=r"has no .*nothing.*weights.safetensors"):
            ask("nothing")


def test_versions_are_listed_by_number(tmp_path: Path, bundle_of: MakeBundle) -> None:
    assert versions(tmp_path, "two-tower") == []
    for version in ("10", "9", "1"):
        bundle_of(tmp_path, version)
    (tmp_path / "two-tower" / "11").mkdir()
    assert versions(tmp_path, "two-tower") == ["1", "9", "10"]


def test_the_champion_is_the_bundle_that_was_promoted(tmp_path: Path, bundle_of: MakeBundle) -> None:
    assert champion_pointer(tmp_path, "two-tower") is None
    with pytest.raises(NoChampion, match="fairshelf promote two-tower"):
        load_champion(tmp_path, "two-tower")
    first, second = bundle_of(tmp_path, "1"), bundle_of(tmp_path, "2")
    set_champion(tmp_path, second)
    assert load_champion(tmp_path, "two-tower").digest == second.digest
    pointer = set_champion(tmp_path, first)
    assert champion_pointer(tmp_path, "two-tower") == pointer
    assert json.loads((tmp_path / "two-tower/champion.json").read_text()) == {"version": "1", "digest": first.digest}
    assert load_champion(tmp_path, "two-tower").manifest.version == "1"


def test_a_champion_changed_after_promotion_is_refused(tmp_path: Path, bundle_of: MakeBundle) -> None:
    bundle = bundle_of(tmp_path)
    set_champion(tmp_path, bundle)
    rewrite_manifest(bundle, metrics={"all.ndcg@20": 0.99})
    Bundle.open(bundle.directory)  # sound in itself
    with pytest.raises(ChampionMismatch, match="changed after promotion"):
        load_champion(tmp_path, "two-tower")


@pytest.mark.parametrize("text", ["", "{}", '{"version": "1"}', "\xff"])
def test_a_broken_pointer_is_refused(tmp_path: Path, bundle_of: MakeBundle, text: str) -> None:
    bundle_of(tmp_path)
    (tmp_path / "two-tower/champion.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ChampionPointerBroken, match="no champion pointer"):
        load_champion(tmp_path, "two-tower")


def test_opening_bundles_needs_no_training_stack() -> None:
    code = (
        "import sys, training.artifact; "
        "print(sorted({'torch', 'lightning', 'mlflow', 'scipy', 'matplotlib'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
