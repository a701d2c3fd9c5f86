"""What is serving and why: the bundles on disk."""

import json
from datetime import UTC, datetime
from typing import Any

from privacy.statement import STATEMENT_FILE, Statement
from serving.models import model_card
from serving.schemas_recommend import ModelOut
from training.artifact import bundle_directory, set_champion, write_bundle
from training.bundle_files import TEXTS, sha256
from training.manifest import ManifestFacts, PrivacyStatement

FACTS = ManifestFacts(
    trained_at=datetime(2025, 2, 1, tzinfo=UTC),
    train_until=datetime(2025, 1, 1, tzinfo=UTC),
    data_snapshot_digest="d",
    code_commit="c",
    lock_digest="l",
    feature_service="customer_v1",
    consent_digest="k",
    settings={},
    metrics={"all.ndcg_at_20": 0.36},
)


def bundle(shop: Any, version: str, name: str = "two-tower") -> Any:
    """Write a bundle without any part."""
    directory = bundle_directory(shop.bundles, name, version)
    return write_bundle(directory, name=name, version=version, facts=FACTS, tensors={}, arrays={}, frames={}, texts={})


PROMISE = Statement(
    setting="Central model.",
    mechanism="dp-counts",
    epsilon=1.5,
    delta=1e-5,
    mu=0.4,
    curve=((1.5, 1e-5),),
    accountant="PLD",
    not_covered=("what the customer is shown",),
)


def private_bundle(shop: Any, version: str) -> Any:
    """Write a bundle that promises something."""
    facts = FACTS.model_copy(update={"privacy": PrivacyStatement.of(PROMISE)})
    directory = bundle_directory(shop.bundles, "two-tower", version)
    texts = {STATEMENT_FILE: PROMISE.to_json()}
    return write_bundle(
        directory, name="two-tower", version=version, facts=facts, tensors={}, arrays={}, frames={}, texts=texts
    )


def names(answer: Any) -> list[tuple[str, str]]:
    return [(model["name"], model["version"]) for model in answer.json()["models"]]


def test_versions_come_newest_first_by_number(shop: Any) -> None:
    for version in ("2", "10", "3"):
        bundle(shop, version)
    bundle(shop, "1", name="demand")
    answer = shop.call("GET", "/v1/models", role="ethics")
    assert names(answer) == [("demand", "1"), ("two-tower", "10"), ("two-tower", "3"), ("two-tower", "2")]
    assert answer.json()["next_cursor"] is None


def test_pages_follow_each_other_without_gap_or_repeat(shop: Any) -> None:
    for version in range(1, 6):
        bundle(shop, str(version))
    seen, cursor = [], None
    while True:
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = shop.call("GET", "/v1/models", role="ml_engineer", params=query)
        seen += names(page)
        cursor = page.json()["next_cursor"]
        if not cursor:
            break
    assert seen == [("two-tower", str(version)) for version in (5, 4, 3, 2, 1)]


def test_champion_and_serving_are_told_apart(shop: Any) -> None:
    bundle(shop, "3")  # the loaded one
    champion = bundle(shop, "4")
    set_champion(shop.bundles, champion)
    found = {m["version"]: m for m in shop.call("GET", "/v1/models", role="ml_engineer").json()["models"]}
    assert (found["3"]["serving"], found["3"]["champion"]) == (True, False)
    assert (found["4"]["serving"], found["4"]["champion"]) == (False, True)
    assert found["4"]["bundle_digest"] == champion.digest
    assert found["4"]["facts"]["metrics"] == {"all.ndcg_at_20": 0.36}
    assert found["4"]["privacy"]["mechanism"] == "none"


def test_one_version_is_described(shop: Any) -> None:
    bundle(shop, "7")
    found = shop.call("GET", "/v1/models/two-tower/versions/7", role="ml_engineer").json()
    assert (found["name"], found["version"], found["problem"]) == ("two-tower", "7", None)
    assert "files" not in found["facts"]


def test_the_statement_told_is_the_one_in_the_bundle(shop: Any) -> None:
    for made in (bundle(shop, "7"), private_bundle(shop, "8")):
        path = f"/v1/models/two-tower/versions/{made.manifest.version}"
        found = shop.call("GET", path, role="ethics").json()
        assert found["statement"] == json.loads(made.text(STATEMENT_FILE))
        assert found["privacy"] == model_card(made.manifest, None)["privacy"]
        assert found["problem"] is None
    listed = shop.call("GET", "/v1/models", role="ethics").json()["models"]
    assert [one["statement"] for one in listed] == [None, None]


def test_the_block_of_every_answer_repeats_the_bundle(shop: Any) -> None:
    made = private_bundle(shop, "8")
    block = ModelOut(**model_card(made.manifest, "fr_1")).privacy
    assert (block.mechanism, block.epsilon, block.delta, block.unit) == ("dp-counts", 1.5, 1e-5, "customer")
    assert block.statement_digest == sha256(made.directory / TEXTS / STATEMENT_FILE)
    assert "at most e^1.50" in str(block.statement)
    plain = model_card(bundle(shop, "9").manifest, None)["privacy"]
    assert plain["statement"].startswith("No formal guarantee")


def test_an_edited_statement_is_not_told(shop: Any) -> None:
    path = private_bundle(shop, "8").directory / TEXTS / STATEMENT_FILE
    path.write_text(PROMISE.model_copy(update={"epsilon": 0.1}).to_json())
    found = shop.call("GET", "/v1/models/two-tower/versions/8", role="ethics").json()
    assert found["statement"] is None
    assert found["problem"] == "the privacy statement was changed after the bundle was written"
    path.unlink()
    found = shop.call("GET", "/v1/models/two-tower/versions/8", role="ethics").json()
    assert (found["statement"], "cannot be read" in found["problem"]) == (None, True)


def test_a_broken_manifest_is_listed_with_its_problem(shop: Any) -> None:
    bundle(shop, "7")
    (shop.bundles / "two-tower" / "7" / "manifest.json").write_text('{"name": 3}')
    found = shop.call("GET", "/v1/models/two-tower/versions/7", role="ml_engineer").json()
    assert found["problem"].startswith("the manifest cannot be used")
    assert found["privacy"]["mechanism"] == "unknown"


def test_an_unknown_version_is_404_and_reaches_no_other_file(shop: Any) -> None:
    bundle(shop, "7")
    for path in ("/v1/models/two-tower/versions/8", "/v1/models/..%2f..%2fetc/versions/7", "/v1/models/x/versions/.."):
        answer = shop.call("GET", path, role="ml_engineer")
        assert answer.status_code == 404, path


def test_bad_parameters_are_422(shop: Any) -> None:
    for query, field in (
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"cursor": "AAAA"}, "cursor"),
        ({"cursor": "%%%"}, "cursor"),
        ({"offset": "3"}, "offset"),
    ):
        answer = shop.call("GET", "/v1/models", role="ml_engineer", params=query)
        assert answer.status_code == 422, query
        assert [e["field"] for e in answer.json()["errors"]] == [field]
