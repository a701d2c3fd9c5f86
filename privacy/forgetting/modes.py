"""The two ways to take a person's data away; `privacy.forgetting.receipts.MEANING` says what each does."""

from typing import Final, Literal

Mode = Literal["erase", "anonymise"]

ERASE: Final = "erase"
ANONYMISE: Final = "anonymise"
