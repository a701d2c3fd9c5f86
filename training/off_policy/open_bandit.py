"""The estimators on public data whose answer is printed elsewhere: the sample of the Open Bandit data.

The package `obp` 0.4.1 ships 10,000 places a fashion shop filled at random, and 10,000 filled by Thompson sampling, for
each of three campaigns. Its authors print what the second policy earns by inverse propensities from the log of the
first, over what the first earned: 1.198. Only the files of the package are read; it is never imported.

Source: Saito, Aihara, Matsutani and Narita (2021), "Open Bandit Dataset and Pipeline"; data under CC BY 4.0.
"""

import importlib.util
import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import yaml

from configs.exploration import PolicyEvaluationSettings
from training.evaluation_results import Result
from training.off_policy.errors import EffectiveSampleTooSmall, OpenBanditMissing
from training.off_policy.estimators import PolicyEvaluation, evaluate
from training.off_policy.rows import Choices, Floats, LoggedRows

PUBLISHED_RATIO: Final = 1.198  # in the README of obp 0.4.1, printed as 1.198126...
N_PLACES: Final = 3  # per list
_N_DRAWS: Final = 100_000  # and the seed, as the authors took them
_SEED: Final = 12345
_BLOCK: Final = 5_000
_PRIORS: Final = Path("policy/conf/prior_bts.yaml")
_TOLERANCE: Final = 5e-4

Place = Path | zipfile.Path


class OpenBanditCheck(Result):
    """The forward question, whose answer is known, and the reverse one, which the sample cannot answer.

    Attributes:
        published: Ratio that the authors print.
        ratio: Ours.
        agrees: Whether they are the same to three places.
        evaluation: All of the forward evaluation.
        reverse: What was said when random places were to be judged from Thompson sampling's log.
        reverse_refused: Whether no number was given there.
    """

    published: float
    ratio: float
    agrees: bool
    evaluation: PolicyEvaluation
    reverse: str
    reverse_refused: bool


def sample_in(place: Path | None) -> Place:
    """Find the files of `obp`.

    Args:
        place: Its folder, or its wheel; None looks where it is installed.

    Raises:
        OpenBanditMissing: If they are not there.
    """
    root: Place
    if place is None:
        found = importlib.util.find_spec("obp")
        folders = list(found.submodule_search_locations or ()) if found else []
        root = Path(folders[0]) if folders else Path("obp")
    else:
        root = zipfile.Path(place) / "obp" if zipfile.is_zipfile(place) else place
    if not (root / _PRIORS.as_posix()).is_file():
        raise OpenBanditMissing(place=None if place is None else str(place), file=_PRIORS)
    return root


def priors_of(root: Place, campaign: str) -> tuple[Floats, Floats]:
    """Give the parameters of the beta distributions that Thompson sampling began with: (A,) and (A,)."""
    priors = yaml.safe_load((root / _PRIORS.as_posix()).read_text(encoding="utf-8"))[campaign]
    return np.array(priors["alpha"], dtype=np.float64), np.array(priors["beta"], dtype=np.float64)


def thompson_probabilities(root: Place, campaign: str) -> Floats:
    """Tell with which probability Thompson sampling, as it began, shows each product in each place.

    Args:
        root: The sample's files.
        campaign: `all`, `men` or `women`.

    Returns:
        (A, 3), by simulation with the authors' seed, so that their figure can be met exactly.
    """
    alpha, beta = priors_of(root, campaign)
    generator = np.random.RandomState(_SEED)  # the legacy stream, for the sake of that figure
    counts = np.zeros((len(alpha), N_PLACES))
    for _ in range(_N_DRAWS // _BLOCK):
        draws = generator.beta(alpha, beta, size=(_BLOCK, len(alpha)))
        for place in range(N_PLACES):
            best = draws.argmax(axis=1)
            counts[:, place] += np.bincount(best, minlength=len(alpha))
            draws[np.arange(_BLOCK), best] = -1.0
    return counts / _N_DRAWS


def bandit_rows(root: Place, *, logged_by: str, campaign: str, target: Floats) -> LoggedRows:
    """Read one log.

    Args:
        root: The sample's files.
        logged_by: `random` or `bts`.
        campaign: `all`, `men` or `women`.
        target: (A, 3) probabilities of the policy to judge.

    Returns:
        A row per place; the sample names no customers, so each row is its own.
    """
    with (root / f"dataset/obd/{logged_by}/{campaign}/{campaign}.csv").open("rb") as lines:
        columns = ["item_id", "position", "click", "propensity_score"]
        log = pd.read_csv(lines, usecols=columns)
    n, n_actions = len(log), len(target)
    slot = log["position"].to_numpy(dtype=np.int64) - 1
    return LoggedRows(
        customer=np.arange(n),
        action=log["item_id"].to_numpy(dtype=np.int64),
        slot=slot,
        reward=log["click"].to_numpy(dtype=np.float64),
        p_logged=log["propensity_score"].to_numpy(dtype=np.float64),
        choices=Choices(
            row=np.repeat(np.arange(n), n_actions),
            action=np.tile(np.arange(n_actions), n),
            p=target[:, slot].T.ravel(),
        ),
        supported=np.ones(n),  # both policies may show everything everywhere
    )


def check(settings: PolicyEvaluationSettings, place: Path | None = None) -> OpenBanditCheck:
    """Answer the question whose answer is printed, and ask the one that must be refused.

    Args:
        settings: Limits and resamples.
        place: Folder or wheel of `obp`; None looks where it is installed.

    Raises:
        OpenBanditMissing: If the sample is not there.
        EffectiveSampleTooSmall: If `settings` ask for more than the sample holds.
    """
    root = sample_in(place)
    thompson = thompson_probabilities(root, "all")
    forward = evaluate(bandit_rows(root, logged_by="random", campaign="all", target=thompson), settings)
    ratio = forward.of("ips").ratio or 0.0
    return OpenBanditCheck(
        published=PUBLISHED_RATIO,
        ratio=ratio,
        agrees=abs(ratio - PUBLISHED_RATIO) < _TOLERANCE,
        evaluation=forward,
        **_reverse(root, settings),
    )


def _reverse(root: Place, settings: PolicyEvaluationSettings) -> dict[str, Any]:
    n_actions = len(priors_of(root, "women")[0])
    anything = np.full((n_actions, N_PLACES), 1 / n_actions)
    try:
        found = evaluate(bandit_rows(root, logged_by="bts", campaign="women", target=anything), settings)
    except EffectiveSampleTooSmall as refusal:
        return {"reverse": str(refusal), "reverse_refused": True}
    return {"reverse": f"ips {found.of('ips').value:.4f}", "reverse_refused": False}
