"""Who and what features describe."""

from typing import Final

from feast import Entity, ValueType

from features import columns

OWNER: Final = "fairshelf/features"

CUSTOMER: Final = Entity(
    name="customer",
    join_keys=[columns.CUSTOMER_ID],
    value_type=ValueType.STRING,
    description="A person who shops, known by a keyed pseudonym and never by the source's own id.",
    tags={"sensitivity": "pseudonymous", "purpose": "personalization,model_training"},
    owner=OWNER,
)
PRODUCT: Final = Entity(
    name="product",
    join_keys=[columns.PRODUCT_ID],
    value_type=ValueType.STRING,
    description="A product of the assortment, known by the source's own id.",
    tags={"sensitivity": "none", "purpose": "personalization,model_training,pricing"},
    owner=OWNER,
)
STORE: Final = Entity(
    name="store",
    join_keys=[columns.STORE_ID],
    value_type=ValueType.STRING,
    description="A store of the chain, known by the source's own id.",
    tags={"sensitivity": "none", "purpose": "pricing"},
    owner=OWNER,
)
