"""Errors of audits and the committee become refusals; what is the server's fault is logged, and names no path."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fairness import errors as fairness
from privacy.errors import KeyMissing, KeyPairMismatch, KeyUnusable
from serving import errors
from serving.errors import Refusal
from serving.fairness_refusals import REFUSALS, refusing
from serving.problems import KINDS

NOON = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
PATH = Path("/data/one")

CASES: list[tuple[Callable[[], Exception], type[Refusal], int]] = [
    (lambda: fairness.ReportUnknown(report_id="fr_1"), errors.FairnessReportUnknown, 404),
    (lambda: fairness.ReportCorrupt(source="/data/one", fault="bad"), errors.FairnessReportDamaged, 409),
    (lambda: fairness.SignatureCorrupt(source="/data/one", fault="bad"), errors.FairnessReportDamaged, 409),
    (
        lambda: fairness.SignOffConflict(report_id="fr_1", decision="accept", at=NOON),
        errors.AlreadySignedOff,
        409,
    ),
    (lambda: fairness.WaiverUnknown(waiver_id="wv_1"), errors.WaiverUnknown, 404),
    (lambda: fairness.WaiverSelfApproved(waiver_id="wv_1", author="ada"), errors.OwnWaiver, 403),
    (lambda: fairness.WaiverClosed(waiver_id="wv_1", status="approved"), errors.WaiverClosed, 409),
    (
        lambda: fairness.WaiverNotAllowed(report_id="fr_1", measure="m", group="g", why="it passed"),
        errors.WaiverNotAllowed,
        422,
    ),
    (lambda: fairness.WaiverExpired(expires_at=NOON, now=NOON), errors.WaiverTimeInvalid, 422),
    (lambda: fairness.WaiverTooLong(days=91.0, max_days=90), errors.WaiverTimeInvalid, 422),
    (lambda: fairness.ReasonMissing(field="reason"), errors.FieldsInvalid, 422),
    (lambda: fairness.CommitteeLogBroken(path=PATH, problem="line 3."), errors.CommitteeLogBroken, 503),
    (lambda: KeyPairMismatch(private=PATH, public=PATH), errors.CommitteeKeysUnusable, 503),
    (lambda: KeyMissing(path=PATH, supply="Supply it"), errors.CommitteeKeysUnusable, 503),
    (lambda: KeyUnusable(path=PATH, problem="too short"), errors.CommitteeKeysUnusable, 503),
    (lambda: OSError(28, "No space left on device"), errors.StorageUnavailable, 503),
]


@pytest.mark.parametrize(("made", "wanted", "status"), CASES)
def test_each_error_has_its_refusal(
    made: Callable[[], Exception], wanted: type[Refusal], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(wanted) as refused, refusing("fr_1"):
        raise made()
    assert KINDS[wanted].status == status
    assert "/data" not in str(refused.value)
    assert bool(caplog.records) == (status >= 500)


def test_no_error_of_the_table_goes_untried() -> None:
    assert set(REFUSALS) == {type(made()) for made, *_ in CASES}


def test_long_ids_are_not_sent_back() -> None:
    with pytest.raises(errors.FairnessReportUnknown) as refused, refusing("x" * 5_000):
        raise fairness.ReportUnknown(report_id="x" * 5_000)
    assert len(str(refused.value)) < 300


def test_other_errors_pass() -> None:
    with pytest.raises(ZeroDivisionError), refusing("fr_1"):
        raise ZeroDivisionError
