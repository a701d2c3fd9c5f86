"""Placements: where a list stands decides what it is made of."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from configs.fields import NonNegativeInt, PositiveInt, Section, Share

_ROUNDING = 1e-6
_OF_NEW_PRODUCTS = "discover"  # records tell such lists by this name


class BlendSettings(Section):
    """Share of a list by the method that fills it."""

    similar: Share
    together: Share
    basket: Share
    profile: Share
    novel: Share

    @model_validator(mode="after")
    def _makes_a_list(self) -> Self:
        total = sum(self.shares.values())
        if abs(total - 1) > _ROUNDING:
            raise ValueError(f"the shares add up to {total:g}, not to 1")
        return self

    @property
    def shares(self) -> dict[str, float]:
        """The methods that fill the list at all, in the order that ties are broken by."""
        named = {name: float(getattr(self, name)) for name in type(self).model_fields}
        return {name: share for name, share in named.items() if share > 0}


class PlacementSettings(Section):
    """Blend, filters and diversity of the lists in one place."""

    default_limit: Annotated[int, Field(ge=1, le=100)] | None
    blend: BlendSettings
    bought: Literal["any", "only", "never"]
    skip_bought_days: NonNegativeInt
    max_per_type: PositiveInt | None
    max_per_category: PositiveInt | None
    main_parameter: str | None

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.bought == "only" and self.blend.novel > 0:
            raise ValueError("blend.novel asks for products never bought, and bought: only leaves none of them")
        return self

    @property
    def is_bounded(self) -> bool:
        """Whether products may be passed over because others like them stand on the list."""
        return self.max_per_type is not None or self.max_per_category is not None


class PlacementsSettings(Section):
    """The lists of every placement; a name that is not among them is answered as `home`."""

    depth: Annotated[int, Field(ge=1, le=20)]
    home: PlacementSettings
    basket: PlacementSettings
    product: PlacementSettings
    reorder: PlacementSettings
    discover: PlacementSettings
    email: PlacementSettings

    @model_validator(mode="after")
    def _names_tell_what_is_new(self) -> Self:
        for name, rule in self.named.items():
            if (rule.bought == "never") != (name == _OF_NEW_PRODUCTS):
                raise ValueError(f"bought: never belongs to {_OF_NEW_PRODUCTS} and to it alone; {name} is otherwise")
        return self

    @property
    def named(self) -> dict[str, PlacementSettings]:
        """Every placement by its name."""
        return {name: getattr(self, name) for name in type(self).model_fields if name != "depth"}

    def of(self, name: str) -> tuple[str, PlacementSettings]:
        """Find what applies to a list: the placement's name and rules, or `home` and its rules."""
        known = self.named
        return (name, known[name]) if name in known else ("home", self.home)
