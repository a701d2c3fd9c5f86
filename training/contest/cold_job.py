"""The contest on cold ground: new products, customers of one to three baskets, and visitors with a session only."""

from collections.abc import Iterable, Mapping
from functools import cached_property, partial
from typing import Any, Final

import numpy as np

from configs.bench import GridSettings
from features.columns import PRODUCT_ID, PRODUCTS
from training.baselines import Recommender
from training.benchmarks import cpu_seconds, machine_facts, package_versions
from training.contest.basket_job import completions
from training.contest.beginners import BeginnerGround, ScorerBeginners, beginner_rows, beginners
from training.contest.contenders import method_of
from training.contest.floor import Floor
from training.contest.judged import Judged, judged_rows
from training.contest.lists import PACKAGES
from training.contest.newcomers import FirstDay, Newcomers, find_newcomers, kin_popularity
from training.contest.ours import ScorerCompleter, fitted
from training.contest.result import Contest, Method
from training.contest.sessions import cut_baskets
from training.contest.wish import Progress, Wish
from training.feature_rows import customer_rows
from training.histories import from_arrow
from training.peers.baskets import BasketContent
from training.peers.content import FIELDS, ContentNeighbours
from training.peers.data import Floats, PeerData
from training.peers.line_up import Peer, line_up
from training.peers.tuning import Tuned, TunedPeer
from training.splits import Holdout
from training.two_tower.recommender import MODEL_NAME
from training.two_tower.scorer import Scorer

JUDGED_BY: Final = "new_products.recall@10, ndcg@20 and basket.recall@10"
BEGINNER_PEERS: Final = ("popularity", "personal_frequency", "ease_popularity")
SESSION_PEERS: Final = ("popularity", "co_occurrence", "basket_cosine")
KIN: Final = "kin_popularity"
CHANCE: Final = "chance"
_CONTENT_TITLE: Final = "content neighbours"
NEW_BY: Final = "new_products.recall@10"


def run_cold(wish: Wish, progress: Progress) -> Contest:
    """Compare ours with the peers where there is no past: see `ColdGround`.

    Args:
        wish: What is asked for; peers cannot be chosen.
        progress: Told each step in words.

    Raises:
        As `run_lists`.
    """
    floor = Floor.prepare(wish, progress)
    ground = ColdGround(floor, progress)
    heats = [ground.newcomers(), ground.beginners(), ground.sessions()]
    evaluation = floor.settings.evaluation
    return Contest(
        rows=tuple(
            row for heat in heats for row in judged_rows(heat, n_resamples=evaluation.n_bootstrap, seed=evaluation.seed)
        ),
        machine=machine_facts(),
        versions=package_versions(PACKAGES),
        discipline="cold",
        n_judged=len(ground.customers),
        judged_by=JUDGED_BY,
        notes=tuple(ground.notes),
        methods=_merged(entry.method for heat in heats for entry in heat),
        **floor.facts(),
    )


class ColdGround:
    """Three heats: products first sold in the window, customers known by one to three baskets, and sessions.

    Args:
        floor: Data, consents and cut-off.
        progress: Told each step in words.

    Attributes:
        customers: Who agreed to personalisation and bought before the cut-off, ascending.
        notes: What a reader must know, heat by heat as they are held.
    """

    def __init__(self, floor: Floor, progress: Progress) -> None:
        self._floor, self._progress = floor, progress
        self._seed = floor.settings.bench.seed
        self._products = floor.sources.lake.read(PRODUCTS, [PRODUCT_ID, *FIELDS])
        self._cutoff = floor.holdout.train_until
        self.customers = floor.known(self._cutoff)
        self.notes: list[str] = []

    @cached_property
    def _scorer(self) -> Scorer:
        return fitted(self._floor.settings, self._floor.sources, self._floor.wish.version, self._progress)

    def newcomers(self) -> list[Judged]:
        """Rank the products first sold in the window for whoever bought one."""
        self._progress("new products: who they suit")
        floor = self._floor
        new = find_newcomers(floor.sources.purchases, floor.holdout, self.customers, seed=self._seed)
        lots = np.random.default_rng(self._seed).random(new.relevant.shape)
        entries = [
            Judged(method_of(CHANCE, "chance"), new.judge(lots)),
            self._tuned_heat(KIN, "popularity of the kind", floor.settings.bench.kin_popularity, new),
            self._tuned_heat(ContentNeighbours.name, _CONTENT_TITLE, floor.settings.bench.content_neighbours, new),
        ]
        self.notes.append(
            f"New products: {len(new.catalogue):,} that nobody had bought before the cut-off, ranked among themselves "
            f"for the {len(new.customer_ids):,} customers who bought {new.relevant.nnz:,} times one of them; equals "
            "stand in one random order."
        )
        return [self._first_day(new), *entries] if floor.wish.ours else entries

    def beginners(self) -> list[Judged]:
        """Rank for customers of whom only the last one to three baskets before the cut-off are known."""
        self._progress("beginners: one to three baskets known")
        floor = self._floor
        lines = beginners(floor.sources.lake, self.customers, self._cutoff)
        ground = BeginnerGround(
            lines, self.customers, floor.training, floor.sources.purchases, floor.catalogue, floor.holdout
        )
        entries: list[Judged] = []
        for peer in line_up(BEGINNER_PEERS, floor.settings.bench):
            tuned = floor.choose(peer)
            values = ground.judge_peer(partial(_tuned_peer, peer, tuned))
            entries.append(Judged(method_of(peer.name, peer.title, tuned=tuned), values))
        content = ground.judge_peer(lambda data: ContentNeighbours(self._products, data, half_life_days=None))
        entries.append(Judged(method_of(ContentNeighbours.name, _CONTENT_TITLE), content))
        self.notes.append(
            "Beginners are the judged customers, of whom only the last one, two or three baskets before the cut-off "
            "are known when they are ranked for; what the kept baskets do not hold is new to them. Peers learn from "
            "the other four fifths of the customers, ours has learnt from everybody's whole history."
        )
        if not floor.wish.ours:
            return entries
        rows = beginner_rows(lines, self._cutoff, floor.settings.features)
        ours = ScorerBeginners(self._scorer, floor.catalogue, rows)
        return [Judged(self._ours(), ground.judge(ours)), *entries]

    def sessions(self) -> list[Judged]:
        """Complete sessions of visitors of whom nothing else is known."""
        self._progress("sessions: three products known")
        floor = self._floor
        sessions = cut_baskets(floor.sources.purchases, floor.catalogue, floor.holdout, self.customers, seed=self._seed)
        entries: list[Judged] = []
        for peer in completions(floor):
            if peer.name in SESSION_PEERS:
                tuned = peer.tuned(lambda: floor.hidden(Holdout(*floor.validation_window)))
                completer = peer.fit(tuned.chosen["basket"])
                entries.append(Judged(method_of(peer.name, peer.title, tuned=tuned), sessions.judge(completer)))
        content = BasketContent(ContentNeighbours(self._products, floor.data, half_life_days=None))
        entries.append(Judged(method_of(content.name, _CONTENT_TITLE), sessions.judge(content)))
        self.notes.append(
            f"Sessions: the first basket of {len(sessions.customer_ids):,} customers in the window that holds four "
            "products or more; three are shown, the rest is wanted, and nobody is told whose it is."
        )
        if not floor.wish.ours:
            return entries
        ours = ScorerCompleter(self._scorer, MODEL_NAME, floor.catalogue, None)
        return [Judged(self._ours(), sessions.judge(ours)), *entries]

    def _ours(self) -> Method:
        return method_of(MODEL_NAME, self._floor.wish.our_title, ours=True)

    def _first_day(self, new: Newcomers) -> Judged:
        scorer, sources = self._scorer, self._floor.sources
        everyone = from_arrow(customer_rows(sources.store, self.customers, [self._cutoff]), scorer.catalogue)
        day = FirstDay(scorer, self._products, new.catalogue, everyone)
        rows = np.searchsorted(np.asarray(self.customers), new.customer_ids)
        return Judged(self._ours(), new.judge(day.score(everyone.take(rows))))

    def _tuned_heat(self, name: str, title: str, grid: GridSettings, new: Newcomers) -> Judged:
        """Let the new products of the validation days choose a point, and judge it by those of the window."""
        floor, window, points = self._floor, self._floor.validation_window, list(grid.points())
        earlier = find_newcomers(floor.sources.purchases, Holdout(*window), floor.known(window[0]), seed=self._seed)
        began = cpu_seconds()
        values = [
            float(earlier.judge(self._scores(name, point, earlier, floor.validation_data))[NEW_BY].mean())
            for point in points
        ]
        best = int(np.argmax(values))
        tuned = Tuned({"new": points[best]}, {"new": values[best]}, len(points), cpu_seconds() - began, window)
        scores = self._scores(name, points[best], new, floor.data)
        return Judged(method_of(name, title, tuned=tuned), new.judge(scores))

    def _scores(self, name: str, point: Mapping[str, Any], new: Newcomers, data: PeerData) -> Floats:
        wanted = new.catalogue
        if name == KIN:
            scores = kin_popularity(self._products, data.training, wanted, data.cutoff, **point)
            return np.tile(scores, (len(new.customer_ids), 1))
        content = ContentNeighbours(self._products, data, wanted=wanted.product_ids, **point)
        return content.score(data.positions_of(new.customer_ids.tolist()))


def _tuned_peer(peer: Peer, tuned: Tuned, data: PeerData) -> Recommender:
    return TunedPeer(peer, data, tuned.chosen)


def _merged(methods: Iterable[Method]) -> tuple[Method, ...]:
    """Tell each method once, with what was chosen for it in every heat."""
    found: dict[str, Method] = {}
    for method in methods:
        found[method.name] = _both(found[method.name], method) if method.name in found else method
    return tuple(found.values())


def _both(one: Method, other: Method) -> Method:
    return one.model_copy(
        update={
            "chosen": one.chosen | other.chosen,
            "validated": one.validated | other.validated,
            "n_tried": one.n_tried + other.n_tried,
            "validated_from": one.validated_from or other.validated_from,
            "validated_until": one.validated_until or other.validated_until,
            "recorded": one.recorded or other.recorded,
        }
    )
