"""What can go wrong while an audit is put together."""

from serving.errors import ServingError


class LiveDecisionsTooFew(ServingError):
    """Too few decisions are on record to say anything about them."""

    def __init__(self, *, found: int, wanted: int, days: int) -> None:
        super().__init__(
            f"{found} decisions of the champion about people or prices are on record for the last {days} days; at "
            f"least {wanted} are needed to compare groups, so nothing is said. Wait, or raise live.window_days."
        )
