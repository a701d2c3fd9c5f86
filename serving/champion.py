"""The model that answers now, with everything of it that each answer repeats."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fairness.clearance import Clearance
from serving.ports import Ranker
from serving.shelf import Shelf


@dataclass(frozen=True, eq=False)
class Champion:
    """A loaded, verified model version.

    Args:
        name: Model name, such as `two-tower`.
        version: Version of the bundle.
        digest: Digest of the bundle, as the champion pointer names it.
        clearance: Of its audit; it ends.
        ranker: The loaded model.
        shelf: Its products.
        card: The `model` block of every answer.
        facts: The manifest, for `/v1/models`.
    """

    name: str
    version: str
    digest: str
    clearance: Clearance
    ranker: Ranker
    shelf: Shelf
    card: Mapping[str, Any]
    facts: Mapping[str, Any]

    @property
    def cleared_until(self) -> datetime:
        """When it must leave service, unless it is cleared anew."""
        return self.clearance.until
