"""What the law of a place asks to be said beside a price."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from configs.price_review import DisclosureSettings, LawSettings
from serving.pricing.errors import PersonalPriceForbidden


@dataclass(frozen=True)
class Disclosure:
    """The notice beside a price.

    Attributes:
        required: Whether a text must stand beside it.
        text: Its exact wording; None where none is required.
        law: The law that was checked; None where the place has none on our list.
        jurisdiction: The place.
    """

    required: bool
    text: str | None
    law: str | None
    jurisdiction: str

    def shown(self) -> dict[str, Any]:
        """Write it as answers do."""
        return {"required": self.required, "text": self.text, "law": self.law, "jurisdiction": self.jurisdiction}


class DisclosureTable:
    """Laws on personalised prices, by jurisdiction.

    Args:
        settings: The table, and the jurisdiction that holds where a caller names none.
    """

    def __init__(self, settings: DisclosureSettings) -> None:
        self._default = settings.default_jurisdiction
        self._laws: Mapping[str, LawSettings] = {code: law for law in settings.laws for code in law.jurisdictions}

    @property
    def jurisdictions(self) -> tuple[str, ...]:
        """Every jurisdiction known, in order."""
        return tuple(sorted(self._laws))

    def knows(self, jurisdiction: str | None) -> bool:
        """Tell whether the table holds a jurisdiction; None stands for the default one."""
        return (jurisdiction or self._default) in self._laws

    def of(self, jurisdiction: str | None, personal_data_used: Sequence[str], *, raised: bool = False) -> Disclosure:
        """Say what must stand beside a price.

        Args:
            jurisdiction: Where it is shown; None takes the default. It must be known.
            personal_data_used: Columns about people behind the price, as the lineage of its features has them.
            raised: Whether personal data made it higher than it is for others.

        Raises:
            PersonalPriceForbidden: If personal data made the price and the law forbids that.
        """
        code = jurisdiction or self._default
        law = self._laws[code]
        if not personal_data_used:
            return Disclosure(required=False, text=None, law=law.law, jurisdiction=code)
        if law.forbids_personal_prices:
            raise PersonalPriceForbidden(jurisdiction=code, law=str(law.law), columns=personal_data_used)
        applies = law.notice is not None and (raised or not law.notice_only_for_increases)
        return Disclosure(required=applies, text=law.notice if applies else None, law=law.law, jurisdiction=code)
