"""What the desk knows of each product when it is loaded, against a slow reading of the panel."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from configs.settings import StorageSettings
from fairness.errors import ClearanceRefused
from privacy.statement import STATEMENT_FILE
from serving.pricing.desk import Desk
from serving.pricing.loading import desk_from, desk_of, desk_on_disk
from training.bundle_files import TEXTS, sha256
from training.demand.elasticities import Elasticities
from training.errors import NoChampion


@pytest.fixture(scope="module")
def desk(chain: Any) -> Desk:
    return desk_on_disk(
        chain.settings.storage, chain.settings.demand, chain.settings.fairness, retrain_by=lambda _: None
    )


def test_the_desk_is_the_champion(chain: Any, desk: Desk) -> None:
    assert (desk.name, desk.version, desk.digest) == ("demand", "1", chain.bundle.digest)
    assert desk.card["version"] == "1"
    stated = chain.bundle.directory / TEXTS / STATEMENT_FILE
    assert desk.card["privacy"]["statement_digest"] == sha256(stated)
    assert desk.clearance is not None
    assert desk.card["fairness_report_id"] == desk.clearance.report_id
    assert desk.cleared_until == desk.clearance.until
    assert desk.longest_weeks == 4


def test_what_did_not_sell_for_half_a_year_is_off_the_shelf(chain: Any, desk: Desk) -> None:
    assert "p39" in chain.sources.panel.product_ids
    assert desk.assortment.product_ids.tolist() == [f"p{place:02d}" for place in range(39)]
    assert desk.state.history.product_ids.tolist() == desk.assortment.product_ids.tolist()


def test_prices_come_from_the_books(chain: Any, desk: Desk) -> None:
    panel, known = chain.sources.panel, desk.assortment
    for at in range(len(known)):
        seen = [
            paid
            for paid, units, imputed in zip(panel.paid_price[at], panel.units[at], panel.imputed[at], strict=True)
            if units > 0 and not imputed
        ]
        assert (known.lowest_price[at], known.highest_price[at]) == (min(seen), max(seen))
        assert known.current_price[at] == round(float(panel.shelf_price[at, -1]), 2)
        sold = [week for week in range(30) if panel.units[at, week] > 0]
        assert known.weeks_since_last_sale[at] == 29 - sold[-1]
    assert np.isnan(known.unit_cost).all()
    assert np.isnan(known.list_price).all()


def test_the_data_ends_where_the_last_trading_week_does(desk: Desk) -> None:
    assert desk.assortment.data_until == datetime(2024, 7, 29, 4, 0, tzinfo=UTC)  # Monday midnight in New York
    assert desk.assortment.trained_until == datetime(2024, 7, 29, 4, 0, tzinfo=UTC)


def test_elasticities_are_those_of_the_bundle(chain: Any, desk: Desk) -> None:
    fitted, known = Elasticities.load(chain.bundle), desk.assortment
    at = {product_id: place for place, product_id in enumerate(fitted.product_ids.tolist())}
    for place, product_id in enumerate(known.product_ids.tolist()):
        assert known.elasticity_location[place] == fitted.location[at[product_id]]
        assert known.elasticity_scale[place] == fitted.scale[at[product_id]]
        assert known.elasticity_source[place] == fitted.sources[at[product_id]]


def test_shares_of_stores_are_whole(desk: Desk) -> None:
    known = desk.assortment
    assert known.store_ids.tolist() == ["s0", "s1", "s2"]
    assert len(known.pair_share) == 39 * 3 - 1  # p38 never sold at s2
    shares = np.bincount(known.pair_product_idx, known.pair_share)
    np.testing.assert_allclose(shares, 1, rtol=1e-9)
    assert known.pair_of(known.index_of(["p38"]), known.store_index_of(["s2"])).tolist() == [-1]


def test_packs_of_one_line_are_one_family(desk: Desk) -> None:
    known = desk.assortment
    assert known.family[0] == known.family[1] != ""
    assert known.pack_size[:2].tolist() == [12.0, 24.0]
    assert known.family[38] == ""  # its larger pack is off the shelf
    assert known.family[0] != known.family[2]


def test_a_product_never_seen_to_sell_at_a_price_has_no_support(chain: Any) -> None:
    panel, stores = chain.sources.panel, chain.sources.stores
    blind = panel.imputed.copy()
    blind[3] = True
    known = desk_of(chain.bundle, replace(panel, imputed=blind), stores, chain.settings.demand, "UTC").assortment
    assert np.isnan([known.lowest_price[3], known.highest_price[3]]).all()
    assert np.isfinite(np.delete(known.lowest_price, 3)).all()
    assert known.data_until == datetime(2024, 7, 29, tzinfo=UTC)


def test_without_a_champion_there_is_no_desk(chain: Any, tmp_path: Path) -> None:
    settings = chain.settings.model_copy(update={"storage": StorageSettings(root=tmp_path, min_free_gb=0)})
    with pytest.raises(NoChampion, match="fairshelf train demand"):
        desk_on_disk(settings.storage, settings.demand, settings.fairness, retrain_by=lambda _: None)


def test_a_desk_that_was_never_cleared_says_so(chain: Any) -> None:
    """An audit looks at a bundle before there is a report of it; such a desk must never serve."""
    looked_at = desk_from(chain.bundle, chain.settings.storage, chain.settings.demand)
    assert looked_at.clearance is None
    assert looked_at.card["fairness_report_id"] is None
    assert looked_at.cleared_until < datetime(1900, 1, 1, tzinfo=UTC)


def test_nothing_of_the_model_is_read_before_its_audit_was_checked(
    chain: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundles = tmp_path / "bundles"
    shutil.copytree(chain.settings.storage.bundles, bundles)
    shutil.copytree(chain.settings.storage.keys, tmp_path / "keys")
    settings = chain.settings.model_copy(update={"storage": StorageSettings(root=tmp_path, min_free_gb=0)})
    (bundles / "demand" / "1" / "audit" / "report.json").write_bytes(b"{}")
    monkeypatch.setattr("serving.pricing.loading.Forecaster.load", lambda _: pytest.fail("the model was built"))
    monkeypatch.setattr("serving.pricing.loading.Lake.open", lambda _: pytest.fail("the lake was opened"))
    with pytest.raises(ClearanceRefused, match=r"report\.json"):
        desk_on_disk(settings.storage, settings.demand, settings.fairness, retrain_by=lambda _: None)
