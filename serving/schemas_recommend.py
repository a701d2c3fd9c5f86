"""Requests and answers of recommendations and similar products."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from serving.schemas import Answer, Flag, Identifier, Identifiers, Limit, Money, Name, Names, Request, Source

NoProfileReason = Literal["no_consent", "opted_out", "unknown_customer", "non_profiled_mode", "features_unavailable"]


class ContextIn(Request):
    """Where and in what situation the list will be shown."""

    store_id: Identifier | None = None
    channel: Name | None = None
    basket: Identifiers = ()
    product_id: Identifier | None = Field(
        default=None, description="The product looked at; read by the placement `product` alone."
    )
    jurisdiction: Name | None = None


class FilterIn(Request):
    """Which products may appear; several filters must all hold. Names compare without regard to case."""

    departments: Names = ()
    categories: Names = ()
    exclude_categories: Names = ()
    exclude_product_ids: Identifiers = ()
    brands: Names = ()
    max_price: Money | None = None
    in_stock_only: Flag = Field(
        default=False, description="Needs inventory in the lake; refused with 422 where there is none."
    )
    exclude_purchased: Flag = Field(
        default=False, description="Leave out what the customer bought before; cannot apply where no profile is used."
    )


class ConsentIn(Request):
    """Consent as the caller knows it; it can only narrow what is on file."""

    personalization: Flag | None = None


class RecommendationsRequest(Request):
    """Ask for products for a customer, a visitor or a basket."""

    customer_id: Identifier | None = Field(
        default=None, description="The shop's own id; turned into a pseudonym at once."
    )
    visitor_id: Identifier | None = Field(
        default=None, description="The same for somebody not signed in; not beside customer_id."
    )
    session_id: Identifier | None = Field(
        default=None, description="Ties calls together; not used for ranking, not stored."
    )
    limit: Limit | None = Field(
        default=None,
        description="Products wanted; by default 10 (`email` 20), at most 100 unless configured otherwise.",
    )
    context: ContextIn = ContextIn()
    filter: FilterIn = FilterIn()
    mode: Literal["personalized", "non_profiled"] = "personalized"
    placement: Name = Field(
        default="home",
        description="Where the list is shown; decides blend, filters and diversity: `home`; `basket` completes "
        "context.basket; `product` is similar to or bought together with context.product_id; `reorder` holds only what "
        "the customer bought before; `discover` only products new to the customer; `email` is longer and fresher. Any "
        "other name is answered as `home`.",
    )
    consent: ConsentIn = ConsentIn()
    explain: Flag = Field(default=True, description="Give reasons in words with each product.")
    dry_run: Flag = Field(default=False, description="Leave no decision on record; decision_id is null then.")

    @model_validator(mode="after")
    def _one_person(self) -> Self:
        if self.customer_id is not None and self.visitor_id is not None:
            raise PydanticCustomError("both_ids", "Give customer_id or visitor_id, not both")
        return self


class SimilarProductsRequest(Request):
    """Ask for products like one product, or bought together with it."""

    product_id: Identifier
    kind: Literal["similar", "together", "both"] = "both"
    limit: Limit | None = Field(default=None, description="Products wanted per list; by default 10, at most 100.")
    filter: FilterIn = FilterIn()
    explain: Flag = True
    dry_run: Flag = False


class PrivacyOut(Answer):
    """The privacy guarantee of a model; `none` says there is no formal one."""

    mechanism: str
    epsilon: float | None = None
    delta: float | None = None
    unit: str | None = None
    statement: str | None = Field(
        default=None,
        description="The promise in one sentence; all of it is in `GET /v1/models/{name}/versions/{version}`.",
    )
    statement_digest: str | None = Field(
        default=None,
        description="SHA-256 of the bundle's privacy statement; null where the bundle is older than those.",
    )


class ModelOut(Answer):
    """The model that made an answer."""

    name: str
    version: str
    trained_at: datetime | None
    fairness_report_id: str | None
    privacy: PrivacyOut


class ReasonOut(Answer):
    """Why a product is on the list."""

    code: Literal[
        "BOUGHT_REGULARLY",
        "DUE_AGAIN",
        "FITS_YOUR_PURCHASES",
        "KIND_YOU_BUY",
        "SIMILAR_PRODUCT",
        "BOUGHT_TOGETHER",
        "POPULAR_AT_YOUR_STORE",
        "ON_OFFER",
        "SELLS_WELL",
        "TRIED_OUT",
    ]
    text: str
    product_ids: tuple[str, ...]


class ItemOut(Answer):
    """One product of a list."""

    product_id: str
    rank: Annotated[int, Field(ge=1)]
    score: float = Field(description="By the method that brought the product in; no measure across methods.")
    source: Source
    reasons: tuple[ReasonOut, ...]
    propensity: float = Field(
        description="Probability that the policy shows this product in this place; below 1.0 where a place may be "
        "explored."
    )
    sponsored: bool


class PersonalizationOut(Answer):
    """Whether a profile was used, and if not why."""

    applied: bool
    reason: NoProfileReason | None
    consent_version: str | None
    non_profiled_available: bool


class RecommendationsAnswer(Answer):
    """Ranked products with all that explains them."""

    decision_id: str | None
    generated_at: datetime
    took_ms: float
    model: ModelOut
    personalization: PersonalizationOut
    main_parameters: tuple[str, ...]
    items: tuple[ItemOut, ...]
    fallback_used: bool = Field(
        description="Some or all products come from a simpler method than the request asked for."
    )
    filtered_out: dict[str, int] = Field(
        description="Products of the catalogue that each filter leaves out; says why a list is short."
    )
    filters_not_applied: tuple[str, ...] = Field(description="Filters that need a profile where none was used.")
    missing_ids: tuple[str, ...] = Field(description="Product ids of the request that the model does not know.")


class SimilarProductsAnswer(Answer):
    """Products like one product, and products bought with it; a list not asked for is empty."""

    decision_id: str | None
    generated_at: datetime
    took_ms: float
    model: ModelOut
    product_id: str
    similar: tuple[ItemOut, ...]
    together: tuple[ItemOut, ...]
    filtered_out: dict[str, int]
    missing_ids: tuple[str, ...]


class DecisionAnswer(Answer):
    """What stood behind an earlier answer. The person is not named."""

    decision_id: str
    kind: Literal["recommendations", "similar_products"]
    created_at: datetime
    subject: Literal["customer", "visitor", "nobody", "product"]
    model: ModelOut
    bundle_digest: str
    personalization: PersonalizationOut | None
    request: dict[str, Any] = Field(description="Filters and context as asked, without ids of persons.")
    filtered_out: dict[str, int]
    fallback_used: bool
    guardrails: tuple[dict[str, Any], ...] = Field(description="Rules that shaped the list: code, kind, strength.")
    exploration: dict[str, Any] | None = Field(
        default=None,
        description="Policy, probability, places that could be explored with the product each holds otherwise, and "
        "the products that could stand in; null where nothing was drawn.",
    )
    placement: dict[str, Any] | None = Field(
        default=None,
        description="The placement whose rules applied, the methods that made the list, and the bounds on its variety.",
    )
    experiments: tuple[dict[str, str], ...] = Field(
        default=(), description="Experiments that ran, with the arm of the person whose profile was used."
    )
    items: tuple[dict[str, Any], ...] = Field(
        description="product_id, source, score and propensity, best first, by list."
    )
