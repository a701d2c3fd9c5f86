"""Receipts: signed as a whole, so that no word of them can be changed."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from privacy.ed25519 import load_verifier
from privacy.errors import KeyMissing
from privacy.forgetting.receipts import ERASURE_KEYS, Receipt, ReceiptDesk, StoreResult, is_genuine

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LAKE = StoreResult(store="lake", action="removed", found=3, removed=3, left=0)


def written(keys: Path, **changes: Any) -> Receipt:
    facts = {"erasure_id": "er_1", "mode": "erase", "subject_mark": "a" * 64, "requested_at": NOW, "finished_at": NOW}
    return ReceiptDesk(keys, create=True).write(**{**facts, "stores": (LAKE,), "models": (), **changes})


def test_a_receipt_survives_being_written_down(tmp_path: Path) -> None:
    receipt = written(tmp_path)
    again = Receipt.model_validate_json(receipt.model_dump_json())
    assert is_genuine(again, load_verifier(tmp_path, ERASURE_KEYS))
    assert "removed from every store" in again.meaning
    assert again.kept
    assert again.not_covered


@pytest.mark.parametrize(
    "change",
    [
        {"erasure_id": "er_2"},
        {"mode": "anonymise"},
        {"stores": (LAKE.model_copy(update={"found": 4}),)},
        {"finished_at": NOW.replace(year=2027)},
        {"kept": ()},
        {"key_id": "0" * 16},
    ],
)
def test_a_changed_receipt_is_not_genuine(tmp_path: Path, change: dict[str, Any]) -> None:
    edited = written(tmp_path).model_copy(update=change)
    assert not is_genuine(edited, load_verifier(tmp_path, ERASURE_KEYS))


def test_both_modes_say_what_they_do(tmp_path: Path) -> None:
    assert written(tmp_path).meaning != written(tmp_path, mode="anonymise").meaning
    assert "new random id" in written(tmp_path, mode="anonymise").meaning


def test_without_keys_nothing_is_signed(tmp_path: Path) -> None:
    with pytest.raises(KeyMissing, match=r"privacy\.create_missing_keys"):
        ReceiptDesk(tmp_path, create=False).signer()
