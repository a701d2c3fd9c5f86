"""The peers of the benchmark by name: how each is fitted, and what it may be tuned over."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from configs.bench import BenchSettings
from training.baselines import PersonalFrequency, Popularity, Recommender
from training.peers.als import ImplicitAls
from training.peers.data import PeerData
from training.peers.ease_popularity import EasePopularity, fit_ease
from training.peers.errors import PeerUnknown
from training.peers.item_cosine import ItemCosine
from training.peers.sasrec import SasRec
from training.peers.tifu_knn import TifuKnn
from training.peers.up_cf import UpCf

Point = Mapping[str, Any]


@dataclass(frozen=True)
class Peer:
    """One method of others.

    Attributes:
        name: As its recommender says.
        title: As tables show it.
        fit: From data and one point of the grid to a recommender.
        grid: What it is tuned over; one point means that nothing is tuned.
    """

    name: str
    title: str
    fit: Callable[[PeerData, Point], Recommender]
    grid: tuple[Point, ...]


def peer_names() -> list[str]:
    """List the peers there are, the simplest first."""
    return list(_TITLES)


def line_up(names: Sequence[str] | None, settings: BenchSettings) -> list[Peer]:
    """Collect peers by name.

    Args:
        names: Which; None takes all.
        settings: Grids, seed, and where SASRec's environment lies.

    Raises:
        PeerUnknown: If there is none of a name.
    """
    fits = _fits(settings)
    chosen = peer_names() if names is None else list(dict.fromkeys(names))
    for name in chosen:
        if name not in fits:
            raise PeerUnknown(name=name, known=peer_names())
    return [Peer(name, _TITLES[name], fits[name], tuple(getattr(settings, name).points())) for name in chosen]


_TITLES: Mapping[str, str] = {
    "popularity": "popularity",
    "personal_frequency": "personal frequency",
    "tifu_knn": "TIFU-KNN",
    "up_cf": "UP-CF",
    "item_cosine": "item-item cosine",
    "ease": "EASE",
    "ease_popularity": "EASE + popularity",
    "implicit_als": "implicit ALS",
    "sasrec": "SASRec (RecTools)",
}


def _fits(settings: BenchSettings) -> dict[str, Callable[[PeerData, Point], Recommender]]:
    return {
        "popularity": _popularity,
        "personal_frequency": _personal_frequency,
        "tifu_knn": lambda data, point: TifuKnn(data, **point),
        "up_cf": lambda data, point: UpCf(data, **point),
        "item_cosine": lambda data, point: ItemCosine(data, **point),
        "ease": lambda data, point: fit_ease(data, **point),
        "ease_popularity": lambda data, point: EasePopularity(data, **point),
        "implicit_als": lambda data, point: ImplicitAls(data, **point, seed=settings.seed),
        "sasrec": lambda data, point: SasRec(
            data,
            **point,
            seed=settings.seed,
            interpreter=settings.sasrec_python,
            limit_s=settings.sasrec_max_s,
        ),
    }


def _popularity(data: PeerData, point: Point) -> Recommender:
    return Popularity(data.training, data.rows(data.counts(None)), data.cutoff, **point)


def _personal_frequency(data: PeerData, point: Point) -> Recommender:
    own = data.rows(data.counts(point["half_life_days"]))
    return PersonalFrequency(data.training, own, data.cutoff, **point)
