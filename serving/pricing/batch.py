"""Price suggestions for everything at once, by the same path as a request."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from features.columns import PRODUCT_ID, STORE_ID
from serving.errors import FieldError, FieldsInvalid
from serving.pricing.advice import Objective
from serving.pricing.assembly import Pricing
from serving.pricing.errors import InputsUnreadable
from serving.pricing.ports import DemandDesk
from serving.pricing.schemas import MAX_ITEMS, PriceSuggestionsRequest

SCHEMA: Final = pa.schema(
    [
        ("product_id", pa.string()),
        ("store_id", pa.string()),
        ("status", pa.string()),  # of the suggestion; `refused` where there is none
        ("code", pa.string()),  # of the refusal
        ("suggestion_id", pa.string()),  # null where nothing was submitted
        ("current_price", pa.decimal128(12, 2)),
        ("suggested_price", pa.decimal128(12, 2)),
        ("currency", pa.string()),
        ("units", pa.float64()),
        ("units_low_80", pa.float64()),
        ("units_high_80", pa.float64()),
        ("elasticity", pa.float64()),
        ("elasticity_source", pa.string()),
        ("margin_change_low_80", pa.decimal128(14, 2)),
        ("margin_change_high_80", pa.decimal128(14, 2)),
        ("cost_assumed", pa.bool_()),
        ("binding", pa.list_(pa.string())),  # codes of the rules that stopped a better price
        ("approval_reasons", pa.list_(pa.string())),
        ("reasons", pa.list_(pa.string())),
    ]
)

_MONEY: Final = ("current_price", "unit_cost")
_CALLER: Final = "command line"


@dataclass(frozen=True)
class Outcome:
    """How many products were asked for, how many prices would change, and how many got none."""

    n_asked: int
    n_changed: int
    n_refused: int


def read_inputs(path: Path) -> pd.DataFrame:
    """Read what is known beside the model: product_id and any of store_id, current_price, unit_cost, stock_units.

    Raises:
        InputsUnreadable: If the file is no CSV or Parquet, or has no column product_id.
    """
    try:
        if path.suffix.lower() == ".parquet":
            inputs = pd.read_parquet(path)
        else:
            inputs = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError, pa.ArrowException) as failure:
        raise InputsUnreadable(path=path, problem=str(failure).strip().splitlines()[0]) from None
    if PRODUCT_ID not in inputs.columns:
        raise InputsUnreadable(path=path, problem="it has no column product_id")
    return inputs.astype("string").fillna("")


def suggest_everything(
    pricing: Pricing,
    desk: DemandDesk,
    *,
    objective: Objective,
    jurisdiction: str | None,
    inputs: pd.DataFrame | None,
    submit: bool,
    currency: str,
    out: Path,
    progress: Callable[[str], None],
) -> Outcome:
    """Suggest a price for every product of the desk, or for those listed, and write one row each.

    Args:
        pricing: The use cases.
        desk: The loaded models.
        objective: What is to be gained.
        jurisdiction: Where the prices are shown.
        inputs: From `read_inputs`; None asks for every product, chain-wide, with what is on file.
        submit: Put the suggestions on record for review; otherwise nothing is stored.
        currency: Of the money in `inputs`.
        out: Parquet file, replaced when it is whole.
        progress: Told how far it is.

    Raises:
        FieldsInvalid: If an input is out of range.
    """
    asked = _everything(desk) if inputs is None else [_item(row, currency) for row in inputs.to_dict("records")]
    out.parent.mkdir(parents=True, exist_ok=True)
    staged = out.with_name(f".{out.name}.partial")
    n_changed = n_refused = 0
    with pq.ParquetWriter(staged, SCHEMA) as writer:
        for start in range(0, len(asked), MAX_ITEMS):
            body = {"items": asked[start : start + MAX_ITEMS], "objective": objective, "jurisdiction": jurisdiction}
            request = _request({**body, "dry_run": not submit})
            answer = pricing.suggesting.suggest(request, lambda: desk, caller=_CALLER, key=None)
            rows = [*map(_suggested, answer["suggestions"]), *map(_refused, answer["refused"])]
            writer.write_table(pa.Table.from_pylist(rows, schema=SCHEMA))
            n_changed += sum(one["current_price"] != one["suggested_price"] for one in answer["suggestions"])
            n_refused += len(answer["refused"])
            progress(f"prices: {min(start + MAX_ITEMS, len(asked)):,} of {len(asked):,} products")
    staged.replace(out)
    return Outcome(len(asked), n_changed, n_refused)


def _request(body: Mapping[str, Any]) -> PriceSuggestionsRequest:
    try:
        return PriceSuggestionsRequest.model_validate_json(json.dumps(body))
    except ValidationError as failure:
        faults = [(".".join(map(str, fault["loc"])), f"{fault['msg']}.") for fault in failure.errors()]
        raise FieldsInvalid(errors=[FieldError(field, "UNUSABLE", message) for field, message in faults]) from None


def _everything(desk: DemandDesk) -> list[dict[str, Any]]:
    """List every product, families together: a ladder is resolved within one call."""
    order = np.lexsort((desk.assortment.product_ids, desk.assortment.family))
    return [{"product_id": str(product_id)} for product_id in desk.assortment.product_ids[order]]


def _item(row: Mapping[Any, str], currency: str) -> dict[str, Any]:
    item: dict[str, Any] = {"product_id": row[PRODUCT_ID], "store_id": row.get(STORE_ID) or None}
    for name in _MONEY:
        item[name] = {"amount": row[name], "currency": currency} if row.get(name) else None
    return item | {"stock_units": _number(row["stock_units"]) if row.get("stock_units") else None}


def _number(text: str) -> float | str:
    """Read a number; anything else stays as it is, to be refused with its place."""
    try:
        return float(text)
    except ValueError:
        return text


def _suggested(one: Mapping[str, Any]) -> dict[str, Any]:
    low, high = one["expected"]["margin_change_interval_80"]
    units_low, units_high = one["forecast"]["interval_80"]
    return {
        "product_id": one["product_id"],
        "store_id": one["store_id"],
        "status": one["status"],
        "suggestion_id": one["suggestion_id"],
        "current_price": Decimal(one["current_price"]["amount"]),
        "suggested_price": Decimal(one["suggested_price"]["amount"]),
        "currency": one["suggested_price"]["currency"],
        "units": one["forecast"]["units"],
        "units_low_80": units_low,
        "units_high_80": units_high,
        "elasticity": one["elasticity"]["value"],
        "elasticity_source": one["elasticity"]["source"],
        "margin_change_low_80": Decimal(low),
        "margin_change_high_80": Decimal(high),
        "cost_assumed": one["cost_assumed"],
        "binding": [rule["code"] for rule in one["guardrails"] if rule["binding"]],
        "approval_reasons": list(one["approval"]["reasons"]),
        "reasons": list(one["reasons"]),
    }


def _refused(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "product_id": one["product_id"],
        "store_id": one["store_id"],
        "status": "refused",
        "code": one["code"],
        "reasons": [one["message"]],
    }
