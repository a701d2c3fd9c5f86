"""The table from errors to HTTP is complete: every error is in it, or it is said why no caller meets it."""

import importlib
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import pytest
import sqlalchemy as sa

from serving.app import TABLE
from serving.errors import Refusal, StorageUnavailable, Unexpected
from serving.fairness_refusals import REFUSALS
from serving.problems import KINDS, document, headers, translate

PACKAGES = (
    *("configs", "privacy", "features", "fairness", "training", "training.demand"),
    *("serving", "serving.pricing", "serving.auditing", "serving.people", "privacy.auditing"),
    *("privacy.forgetting", "privacy.counting"),
)

# Why an error of the packages below never answers a request. A new error goes into `KINDS` or under one of these.
NO_ANSWER: Final = {
    "The desk about one person gives the caller a refusal in its place.": """
        privacy.forgetting.ErasureKeyReused privacy.forgetting.ErasureUnknown
        """,
    "The run of an erasure meets it beside the requests and tries again, or only the search for traces does.": """
        privacy.forgetting.CompactionBlocked privacy.forgetting.ErasureIncomplete privacy.forgetting.SearchFailed
        """,
    "It keeps the server or a command from starting: nobody listens yet.": """
        features.LineageUnknown
        configs.OverrideMalformed configs.SettingValueBroken configs.SettingsFileBroken configs.SettingsFileMissing
        configs.SettingsInvalid privacy.KeyLost privacy.KeyMissing privacy.KeyPairMismatch privacy.KeyUnusable
        privacy.PseudonymKeyUnknown
        serving.ApiKeysBroken serving.ApiKeysMissing serving.DateMalformed serving.DiskSpaceShort serving.HostUnknown
        serving.ObjectiveUnknown serving.PortInUse serving.TrackUnknown
        """,
    "The bundle poller meets it, keeps the champion in place and logs it; without one the caller gets NotReady.": """
        training.BundleDamaged training.BundleItemUnknown training.BundleMissing training.BundleNameInvalid
        training.BundleVersionMismatch training.CatalogueUnsorted training.ChampionMismatch
        training.ChampionPointerBroken training.NoChampion privacy.StatementUnreadable
        """,
    "The server meets it at start or while it reads features, logs it, and answers with lists that need none.": """
        features.OnlineStoreUnready
        """,
    "Only commands that write or read the lake raise it.": """
        features.ColumnsUnfit features.DiskFull features.IngestRunning features.LakeDamaged features.LakeMissing
        features.LakeTableMissing features.LakeVersionMismatch features.SourceMissing features.SourcePackageMissing
        features.SourceTablesUnfit features.SourceUnreadable features.TableEmpty features.TooManyRejects
        """,
    "Only training with privacy raises it.": """
        privacy.DpCheckpointMismatch privacy.DpExamplesUneven privacy.DpLossRefused privacy.DpModelRefused
        privacy.DpSamplingRefused training.PrivateNoiseForeseeable training.PrivateRunUnfinished
        training.PrivateVocabularyEmpty training.PublicProductsMissing
        """,
    "Only the privacy audit of a command raises it; the gate tells of a missing record among its reasons.": """
        privacy.auditing.CanariesIdle privacy.auditing.CanariesTooFew privacy.auditing.CanariesUnplantable
        privacy.auditing.NothingPromised privacy.auditing.PrivacyAuditNotPassed privacy.auditing.PrivacyAuditUnwritten
        privacy.auditing.PrivacyRecordCorrupt privacy.auditing.PrivacyRecordMissing privacy.auditing.VersionOutdated
        """,
    "Only commands that audit a model raise it.": """
        fairness.AuditNotPassed
        fairness.CandidatesMalformed fairness.FactorsNotFinite fairness.FiguresDisagree fairness.ListTooShort
        fairness.ListsMalformed fairness.MeasureUnregistered fairness.NonFiniteValues fairness.ReportExists
        fairness.SuppliersMalformed fairness.TableMismatch fairness.TallyMismatch serving.auditing.LiveDecisionsTooFew
        """,
    "Whoever asks where a bundle stands gets it as one of the reasons; the poller keeps the last good champion.": """
        fairness.ClearanceLapsed fairness.ModelNotAudited fairness.ReportNotAttached
        """,
    "Only commands that build features, train, evaluate or promote raise it.": """
        fairness.GateEmpty fairness.PromotionRefused features.NothingAsked features.RowCountChanged
        features.PriceTableMissing
        features.SnapshotMissing features.SnapshotNotMidnight training.BundleExists training.CatalogueEmpty
        training.CutoffNotUtc training.HistoryUnavailable training.MetricInputError training.ModelUnknown
        training.ModelVersionUnknown training.NobodyToJudge training.NobodyToRank training.NothingToResume
        training.RankingMalformed training.RegistryFileInvalid training.RunUnknown training.ScoreUnknown
        training.SettingOutOfRange
        training.SourceIdsUnknown training.TestWindowUnavailable training.TooFewExamples training.WindowSeen
        """,
    "Only commands that train or release under differential privacy raise it; the server shows stored figures.": """
        privacy.BudgetExceeded privacy.ChargeExceedsReservation privacy.ClockMovedBack privacy.CrossCheckUnavailable
        privacy.LedgerTextInvalid privacy.PrivacyParameterInvalid privacy.ReservationClosed privacy.ReservationUnknown
        privacy.TargetUnreachable
        """,
    "Only commands that move stores to a new key, or names of earlier keys, meet it; a server follows the record.": """
        privacy.KeyRingDamaged privacy.KeyShared privacy.PseudonymRetired privacy.RotationNeeded
        privacy.RotationRunning privacy.RotationUnfinished privacy.WindowOpen
        """,
    "Only commands that count customers or let old rows go raise it.": """
        features.RetentionEmptiesLake privacy.counting.CountNotWhole privacy.counting.QuestionUnclear
        """,
    "The desk of consents turns it into ConsentTimeInvalid; tests/unit/serving tries it.": """
        privacy.ConsentBackdated
        """,
    "Only people with a role of their own and the command line come near the vault, the seal and the audit log.": """
        fairness.DemographicsAccessDenied fairness.DemographicsMissing privacy.AuditLogBroken privacy.SealBroken
        privacy.VaultAccessDenied privacy.VaultReasonMissing
        """,
    "The schemas of the API let neither an unknown purpose nor a time without zone through.": """
        privacy.PurposeUnknown privacy.TimeWithoutZone
        """,
    "Only whoever verifies the log of price moves, or loads what prices are reckoned from, meets it.": """
        serving.pricing.AssortmentBroken serving.pricing.MoveLogBroken
        """,
    "Only commands that fit, score or list demand raise it; a desk that cannot be loaded leaves the last one.": """
        training.demand.TestWeeksUnavailable training.demand.ForecastMisaligned
        training.demand.ProductListUnreadable training.demand.ListedUnknown training.demand.PeersMissing
        training.demand.NoPricesSeen training.demand.HistoryTooShort training.demand.NothingToLearn
        training.demand.PlanMismatch training.demand.StoreModelMissing training.demand.StorePairsMismatch
        training.demand.PanelEmpty training.demand.EventUnknownDepartment training.demand.PrivateOriginsTooMany
        """,
    "Only the batch of price suggestions reads a file.": """
        serving.pricing.InputsUnreadable
        """,
    "No price rests on personal data; what would have to be refused if one did is tried by a test.": """
        serving.pricing.PersonalPriceForbidden
        """,
    "The caller hung up: there is nobody to answer.": """
        serving.ClientGone
        """,
}

# Errors that the ethics committee's desk turns into refusals of its own; tests/unit/serving tries every one of them.
AT_THE_DESK: Final = {f"fairness.{failure.__name__}" for failure in REFUSALS if failure.__module__ == "fairness.errors"}

# Errors of the packages below that `translate` knows.
TRANSLATED: Final = {"features.BuildRecordDamaged": StorageUnavailable, "privacy.LedgerBroken": StorageUnavailable}

Example = Callable[..., Exception]


def leaves() -> dict[str, type[Exception]]:
    """Every error below which there is no other, by package and name."""
    found = {}
    for package in PACKAGES:
        module = importlib.import_module(f"{package}.errors")
        for name, thing in vars(module).items():
            ours = isinstance(thing, type) and issubclass(thing, Exception) and thing.__module__ == module.__name__
            if ours and not thing.__subclasses__():
                found[f"{package}.{name}"] = thing
    return found


every_kind = pytest.mark.parametrize("refusal", list(KINDS), ids=lambda kind: kind.__name__)


def test_every_error_is_answered_or_excused_and_none_is_both() -> None:
    excused = [name for names in NO_ANSWER.values() for name in names.split()]
    answered = {name for name, leaf in leaves().items() if leaf in KINDS}
    assert len(excused) == len(set(excused))
    assert not answered & set(excused)
    assert not (set(TRANSLATED) | AT_THE_DESK) & {*answered, *excused}
    assert answered | set(excused) | set(TRANSLATED) | AT_THE_DESK == set(leaves())


def test_what_refuses_a_request_is_answered() -> None:
    assert {leaf for leaf in leaves().values() if issubclass(leaf, Refusal)} == set(KINDS)


def test_codes_are_unique_and_shouted() -> None:
    codes = [kind.code for kind in KINDS.values()]
    assert len(codes) == len(set(codes))
    assert all(code == code.upper() and code.replace("_", "").isalpha() for code in codes)


def test_every_route_names_only_errors_of_the_table() -> None:
    assert {refusal for route in TABLE for refusal in route.refusals} <= set(KINDS)


@every_kind
def test_the_answer_is_a_problem_document(refusal: type[Refusal], example: Example) -> None:
    raised = example(refusal)
    assert isinstance(raised, Refusal)
    answer = json.loads(json.dumps(document(raised, instance="/v1/recommendations", request_id="r-1")))
    assert set(answer) == {"type", "title", "status", "detail", "instance", "code", "errors", "request_id"}
    assert 400 <= HTTPStatus(answer["status"]) < 600
    assert answer["detail"] == str(raised)
    assert answer["type"].startswith("urn:fairshelf:problem:")
    assert answer["request_id"] == "r-1"
    assert not answer["title"].endswith(".")


@every_kind
def test_the_status_brings_its_header(refusal: type[Refusal], example: Example) -> None:
    raised = example(refusal)
    assert isinstance(raised, Refusal)
    wanted = {401: {"WWW-Authenticate"}, 405: {"Allow"}, 503: {"Retry-After"}}
    assert set(headers(raised)) == wanted.get(KINDS[refusal].status, set())


@pytest.mark.parametrize("name", sorted(TRANSLATED))
def test_what_a_request_can_meet_below_is_translated(name: str, example: Example) -> None:
    assert type(translate(example(leaves()[name]))) is TRANSLATED[name]


def test_a_storage_failure_asks_to_come_back() -> None:
    failure = sa.exc.OperationalError("INSERT INTO events", {"customer_id": "c1_secret"}, Exception("disk I/O error"))
    refusal = translate(failure)
    assert isinstance(refusal, StorageUnavailable)
    assert "c1_secret" not in str(refusal)


@pytest.mark.parametrize("name", sorted(name for names in NO_ANSWER.values() for name in names.split()))
def test_what_is_excused_would_still_tell_nothing_of_the_inside(name: str, example: Example) -> None:
    """If the excuse is wrong one day, the caller gets a plain 500, not our paths."""
    refusal = translate(example(leaves()[name]))
    assert isinstance(refusal, Unexpected)
    assert "/data" not in str(refusal)
