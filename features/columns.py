"""Every table and column of the contracts, named once."""

from typing import Final

# Tables of the lake
TRANSACTIONS: Final = "transactions"
PRODUCTS: Final = "products"
PROMOTIONS: Final = "promotions"
CONSENTS: Final = "consents"
INVENTORY: Final = "inventory"
CAMPAIGNS: Final = "campaigns"
REDEMPTIONS: Final = "redemptions"
# Sealed apart, never in the lake
DEMOGRAPHICS: Final = "demographics"

# Who, what, where, when
CUSTOMER_ID: Final = "customer_id"
PRODUCT_ID: Final = "product_id"
STORE_ID: Final = "store_id"
BASKET_ID: Final = "basket_id"
CAMPAIGN_ID: Final = "campaign_id"
EVENT_TIMESTAMP: Final = "event_timestamp"
WEEK_START: Final = "week_start"

# Transactions: quantity in units (or in what the source counts, outside merchandise), amounts in USD per line
QUANTITY: Final = "quantity"
PAID_AMOUNT: Final = "paid_amount"
SHELF_AMOUNT: Final = "shelf_amount"
LOYALTY_DISCOUNT: Final = "loyalty_discount"
COUPON_DISCOUNT: Final = "coupon_discount"
CHANNEL: Final = "channel"

# Products
DEPARTMENT: Final = "department"
CATEGORY: Final = "category"
PRODUCT_TYPE: Final = "product_type"
BRAND: Final = "brand"
MANUFACTURER_ID: Final = "manufacturer_id"
PACKAGE_SIZE: Final = "package_size"
UNIT_COST: Final = "unit_cost"
LIST_PRICE: Final = "list_price"
SOLD_BY_WEIGHT: Final = "sold_by_weight"
IS_MERCHANDISE: Final = "is_merchandise"

# Promotions
DISPLAY: Final = "display"
MAILER: Final = "mailer"

# Consents
PURPOSE: Final = "purpose"
GRANTED: Final = "granted"
VERSION: Final = "version"
SOURCE: Final = "source"

# Inventory and campaigns
ON_HAND: Final = "on_hand"
KIND: Final = "kind"

# Rejects: the row's position in its source (from 1, header not counted) and everything that is wrong with it
SOURCE_ROW: Final = "source_row"
REASON: Final = "reason"
