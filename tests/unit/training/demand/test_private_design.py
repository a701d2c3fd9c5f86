"""What counts as public tells nothing of who bought when, but for the prices themselves."""

from dataclasses import replace

import numpy as np

from privacy.events import Gaussian
from training.demand.panel import Panel
from training.demand.private_design import N_REGIMES, design_of, public_panel, regimes
from training.demand.private_steps import Family, Step

STORES = np.array(["s2", "s1", "s2"])


def test_units_stock_outs_and_first_sales_are_gone(panel: Panel) -> None:
    shop = replace(panel, stocked_out=panel.units > 5)
    public = public_panel(shop)
    assert not public.units.any()
    assert not public.stocked_out.any()
    assert not public.imputed.any()
    np.testing.assert_array_equal(public.shelf_price, panel.shelf_price)


def test_a_price_first_seen_late_stood_from_the_first_week_on(panel: Panel) -> None:
    prices = panel.shelf_price.copy()
    prices[0, :3] = np.nan
    prices[1] = np.nan
    public = public_panel(replace(panel, shelf_price=prices, paid_price=prices))
    assert (public.shelf_price[0] == panel.shelf_price[0, 0]).all()
    assert (public.paid_price[0, :3] == panel.shelf_price[0, 0]).all()
    assert public.imputed[1].all()
    assert not public.imputed[0].any()


def test_weeks_alike_are_of_one_kind(panel: Panel) -> None:
    kinds = regimes(panel)
    assert kinds.min() == 0
    assert kinds.max() < N_REGIMES
    plain = (panel.display == 0) & (panel.mailer == 0) & (panel.discount_depth < 0.01)
    assert (kinds[plain] == 0).all()
    assert (kinds[~plain] > 0).all()


def test_a_design_names_every_sum(panel: Panel) -> None:
    design = design_of(public_panel(panel), STORES, half_life_weeks=10)
    assert design.store_ids.tolist() == ["s1", "s2"]
    assert (design.weights[-1], design.weights[-11]) == (1, 0.5)
    assert design.n_categories == 3
    families = tuple(Family(name, 1.0, 0.25) for name in ("products", "regimes", "weeks", "stores"))
    assert design.n_sums(Step("all", Gaussian(noise_multiplier=1.0), families)) == 12 + 3 * N_REGIMES + 40 + 2
