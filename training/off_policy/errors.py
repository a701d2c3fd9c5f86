"""Why a policy is not judged from what another one showed."""

from pathlib import Path

from training.errors import TrainingError


class LoggedRowsMalformed(TrainingError):
    """The rows of a log cannot be weighed."""

    def __init__(self, *, problem: str) -> None:
        super().__init__(
            f"the rows on record cannot be weighed: {problem}. Record every shown product with the probability of its "
            "place, above 0 and at most 1."
        )


class EffectiveSampleTooSmall(TrainingError):
    """The weights leave so few customers that any number would be an accident."""

    def __init__(self, *, effective_sample: float, limit: float, n_customers: int, largest_weight: float) -> None:
        super().__init__(
            f"no number is given: the weights leave an effective sample of {effective_sample:.1f} of {n_customers} "
            f"customers, {limit:g} are needed (largest weight {largest_weight:.4g}). Record more lists, explore a "
            "larger share of them, or judge a policy nearer to the one that showed them."
        )
        self.effective_sample = effective_sample


class PolicyUnsupported(TrainingError):
    """The policy would show what the log could never have shown."""

    def __init__(self, *, supported_share: float, limit: float) -> None:
        super().__init__(
            f"no number is given: of what this policy would show, the policy on record could have shown only "
            f"{supported_share:.1%} in the same place, {limit:.1%} are needed. Raise the share and the pool of "
            "serving.recommend.exploration, or compare the two in an experiment."
        )


class OpenBanditMissing(TrainingError):
    """The sample of the Open Bandit data is not where it was looked for."""

    def __init__(self, *, place: str | None, file: Path) -> None:
        looked = f"in {place}" if place else "in an installed package obp"
        super().__init__(
            f"no Open Bandit sample {looked}: {file} is missing. Install obp 0.4.1 (it is among the development "
            "requirements; only its files are read), or name its folder or wheel with --open-bandit-files."
        )
