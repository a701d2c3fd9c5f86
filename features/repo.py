"""The one module that `feast -c features apply` reads; `.feastignore` hides the rest."""

from typing import Final

from configs.settings import PROJECT_ROOT
from features.services import build_objects

_FEAST_DIR: Final = PROJECT_ROOT / "var" / "feast"
_FEAST_DIR.mkdir(parents=True, exist_ok=True)  # Feast makes the last folder of its registry's path, but no parent

# Feast collects what it finds as attributes of this module, each object once.
(
    customer,
    product,
    store,
    customer_events,
    customer_history,
    customer_profile,
    product_profile,
    price_week,
    price_store_week,
    price_product,
    customer_v1,
    product_v1,
    price_v1,
) = build_objects(_FEAST_DIR / "tables")
