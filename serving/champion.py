"""The model that answers now, with everything of it that each answer repeats."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serving.ports import Ranker
from serving.shelf import Shelf


@dataclass(frozen=True, eq=False)
class Champion:
    """A loaded, verified model version.

    Args:
        name: Model name, such as `two-tower`.
        version: Version of the bundle.
        digest: Digest of the bundle, as the champion pointer names it.
        ranker: The loaded model.
        shelf: Its products.
        card: The `model` block of every answer.
        facts: The manifest, for `/v1/models`.
    """

    name: str
    version: str
    digest: str
    ranker: Ranker
    shelf: Shelf
    card: Mapping[str, Any]
    facts: Mapping[str, Any]
