"""What a private run reads: the public list, and lines that add up to the panel."""

from typing import Any

import numpy as np

from features.store import Store
from training.demand.panel_reader import read_panel
from training.demand.private_design import design_of, public_panel
from training.demand.private_sources import listed_products, read_sales


def test_products_come_from_the_product_table_sold_or_not(chain: Any) -> None:
    listed = listed_products(chain.sources.lake)
    assert "p99" in listed  # never sold
    assert set(chain.sources.panel.product_ids) < set(listed)


def test_the_lines_add_up_to_the_panel(chain: Any) -> None:
    lake = chain.sources.lake
    panel = read_panel(Store(chain.settings.storage.feast), listed_products(lake))
    known = panel.until(panel.weeks[20])
    sales = read_sales(lake, design_of(public_panel(known), chain.sources.stores.store_ids, 26))
    units = np.zeros(known.units.shape)
    np.add.at(units, (sales.products, sales.weeks), sales.units)
    np.testing.assert_array_equal(units, known.units)
    assert len(np.unique(sales.customers)) > 1
