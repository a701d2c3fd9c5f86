"""Names of tables and columns."""

from features import columns
from features.contracts import CONTRACTS

TABLES = {"transactions", "products", "promotions", "consents", "demographics", "inventory", "campaigns", "redemptions"}


def test_every_table_and_column_of_a_contract_is_named_once() -> None:
    names = [value for name, value in vars(columns).items() if name.isupper()]
    assert len(names) == len(set(names))
    used = {column for contract in CONTRACTS.values() for column in contract.kinds}
    assert set(names) == TABLES | used | {columns.SOURCE_ROW, columns.REASON}
