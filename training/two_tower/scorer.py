"""Score and rank products for customers: the one code path that both backtests and live requests take."""

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from training.artifact import Bundle
from training.baselines import Task
from training.catalogue import Catalogue
from training.evaluation_results import TASKS
from training.histories import Histories, Ints, from_products, from_row, with_session
from training.ranker.bundling import load_ranker
from training.ranker.causes import why
from training.ranker.model import Judged, Ranker
from training.top_k import NO_PRODUCT, top_k
from training.two_tower.exposure import FRAME, SUPPLIER_CLASS, SupplierExposure
from training.two_tower.pairs import CandidatePairs, Mask, Pairs, Ranking, pairs_of
from training.two_tower.rebuilding import Head, Towers, rebuild
from training.two_tower.repeat_head import bought_features, new_features, pair_features
from training.two_tower.together import goes_with_all

N_NEW_CANDIDATES: Final = 200  # never-bought products per customer that the repeat head judges; part of the model
PRODUCT_TEXTS: Final = ("department", "category", "product_type", "brand", "manufacturer_id")
PRODUCT_NUMBERS: Final = ("price_usd", "popularity")
_NONE = -1


class Scorer:
    """A fitted model with everything it needs in memory.

    Args:
        model: The towers, in evaluation mode.
        head: The repeat head, in evaluation mode.
        catalogue: Product ids by position.
        content: (N, C) content codes.
        numeric: (N, F) numeric features at the time of fitting.
        products: Arrays of length N: `PRODUCT_TEXTS`, `price_usd`, `popularity`.
        together: (N, J) positions and scores of products often in the same basket, -1 where there are fewer.
        exposure: Room for suppliers; None, as in versions from before there was any, leaves lists as they are.
        ranker: Judges customers with purchases; None, as in private versions, leaves them to towers and head.
    """

    def __init__(
        self,
        model: Towers,
        head: Head,
        catalogue: Catalogue,
        *,
        content: Ints,
        numeric: npt.NDArray[np.float32],
        products: Mapping[str, npt.NDArray[Any]],
        together: tuple[Ints, npt.NDArray[np.float32]],
        exposure: SupplierExposure | None = None,
        ranker: Ranker | None = None,
    ) -> None:
        self.ranker = ranker
        self.model = model.eval()
        self.head = head.eval()
        self.catalogue = catalogue
        self.content = content
        self.products = dict(products)
        self.companions = together
        self._together_idx, self._together_scores = together
        with torch.inference_mode():
            self.history_vectors = model.products.history_vectors(torch.from_numpy(content))  # (N, D)
            self._directions = functional.normalize(self.history_vectors, dim=1)
        self.numeric, self.product_vectors = self._with_sales(numeric)
        self._make_room(exposure)

    @classmethod
    def load(cls, bundle: Bundle) -> "Scorer":
        """Rebuild a scorer from a bundle, private or not.

        Raises:
            BundleItemUnknown, BundleDamaged: If the bundle lacks a part or one cannot be read.
        """
        products = bundle.frame("products")
        content = bundle.array("content")
        model, head = rebuild(bundle.tensors(), content)
        texts = {name: np.array(products[name].to_pylist(), dtype=str) for name in PRODUCT_TEXTS}
        numbers = {name: products[name].to_numpy() for name in PRODUCT_NUMBERS}
        exposure = None
        if SUPPLIER_CLASS in products.column_names:
            classes = np.array(products[SUPPLIER_CLASS].to_pylist(), dtype=str)
            exposure = SupplierExposure.from_table(bundle.frame(FRAME), classes)
        catalogue = Catalogue(np.array(products["product_id"].to_pylist(), dtype=str))
        return cls(
            model,
            head,
            catalogue,
            content=content,
            numeric=bundle.array("numeric"),
            products=texts | numbers,
            together=(bundle.array("together_idx"), bundle.array("together_scores")),
            exposure=exposure,
            ranker=load_ranker(bundle, catalogue),
        )

    @property
    def exposure_strength(self) -> float:
        """Share of the suppliers' weights that lists are re-ranked with; 0 for none."""
        return 0.0 if self.exposure is None else self.exposure.strength

    def with_exposure(self, exposure: SupplierExposure | None) -> "Scorer":
        """Give the same model with other room for suppliers; weights and vectors are shared."""
        other = copy.copy(self)
        other._make_room(exposure)
        return other

    def with_ranker(self, ranker: Ranker) -> "Scorer":
        """Give the same towers with trees that judge customers with purchases."""
        other = copy.copy(self)
        other.ranker = ranker
        return other

    def refresh(self, numeric: npt.NDArray[np.float32]) -> None:
        """Give every product the sales figures of another moment; (N, F)."""
        self.numeric, self.product_vectors = self._with_sales(numeric)

    def rank(
        self,
        row: Mapping[str, Any],
        *,
        basket_idx: Ints,
        allowed: Mask | None,
        task: Task,
        k: int,
        explain: bool = False,
    ) -> Ranking:
        """Rank for one customer from his online features.

        Args:
            row: Fields of the customer feature service.
            basket_idx: Products in the basket now; never recommended.
            allowed: (N,) products that may be shown; None allows all.
            task: `all`, or `novel` to leave out everything in the history.
            k: Most products to return; fewer come back where fewer are allowed.
            explain: Name the cause of each product's place, where there is a ranker to tell.
        """
        histories = with_session(from_row(row, self.catalogue), basket_idx)
        allowed = self._without(allowed, basket_idx)
        if histories.is_blank.all():
            return self.rank_popular(allowed=allowed, k=k)
        if not len(histories.product_idx):
            return self._rank_companions(histories.session_idx, allowed=allowed, k=k)
        judged = self._by_trees(histories, 0, task, allowed)
        pairs = self.judged(histories, task=task, allowed=allowed) if judged is None else pairs_of(judged, 0)
        pairs = self.ordered(pairs, task=task)
        chosen = pairs.product_idx[:k]
        sources = tuple("repeat" if bought else "two_tower" for bought in pairs.bought[:k])
        known = np.concatenate([histories.product_idx, histories.session_idx])
        because = np.where(pairs.bought[:k], chosen, self._nearest(chosen, known))
        causes = self._causes(judged, task, chosen) if judged is not None and explain else ()
        return Ranking(chosen, pairs.scores[:k], sources, because, causes)

    def rank_basket(self, basket_idx: Ints, *, allowed: Mask | None, k: int) -> Ranking:
        """Rank for a basket alone: what goes with all of it first, then what its owner may like.

        Args:
            basket_idx: (b,) positions in the catalogue; unknown products are left out by the caller.
            allowed: (N,) products that may be shown; None allows all.
            k: Most products to return.
        """
        allowed = self._without(allowed, basket_idx)
        if not len(basket_idx):
            return self.rank_popular(allowed=allowed, k=k)
        return self._rank_companions(basket_idx, allowed=allowed, k=k)

    def _rank_companions(self, basket_idx: Ints, *, allowed: Mask | None, k: int) -> Ranking:
        """Rank by what goes with all of some products, as that is, then by the towers with room for suppliers."""
        together, strongest = goes_with_all(basket_idx, *self.companions)
        (goes_with,) = np.nonzero((together > 0) if allowed is None else (together > 0) & allowed)
        goes_with = goes_with[np.lexsort((goes_with, -together[goes_with]))][:k]
        if len(goes_with) == k:  # no place is left for the towers to fill
            scores = (1 + together[goes_with]).astype(np.float32)
            return Ranking(goes_with, scores, ("together",) * k, strongest[goes_with])
        others = self.score(from_products(basket_idx), task="novel", allowed=allowed)
        further = np.flatnonzero(~np.isin(others.product_idx, goes_with))[: k - len(goes_with)]
        liked = others.product_idx[further]
        return Ranking(
            np.concatenate([goes_with, liked]),
            np.concatenate([1 + together[goes_with], others.scores[further]]).astype(np.float32),
            ("together",) * len(goes_with) + ("two_tower",) * len(liked),
            np.concatenate([strongest[goes_with], self._nearest(liked, basket_idx)]),
        )

    def rank_popular(self, *, allowed: Mask | None, k: int) -> Ranking:
        """Rank by baskets of the recent window, with room for suppliers: the same list for everyone."""
        order = self._by_popularity if allowed is None else self._by_popularity[allowed[self._by_popularity]]
        chosen = order[:k]
        scores = self.popularity[chosen].astype(np.float32)
        return Ranking(chosen, scores, ("popular",) * len(chosen), np.full(len(chosen), _NONE))

    def similar(self, product_idx: int, *, allowed: Mask | None, k: int) -> Ranking:
        """Rank products by the cosine of their history vectors with one product's: who buys them, and what they are."""
        with torch.inference_mode():
            scores = (self._directions @ self._directions[product_idx]).numpy().copy()  # (N,)
        scores[product_idx] = -np.inf
        if allowed is not None:
            scores[~allowed] = -np.inf
        (chosen,), (best,) = top_k(scores[None], k)
        n = int((chosen != NO_PRODUCT).sum())
        return Ranking(chosen[:n], best[:n], ("similar",) * n, np.full(n, product_idx))

    def together(self, product_idx: int, *, allowed: Mask | None, k: int) -> Ranking:
        """Rank products by how often they share a basket with one product, relative to how often they sell."""
        found = self._together_idx[product_idx]
        keep = found != _NONE
        if allowed is not None:
            keep &= allowed[np.maximum(found, 0)]
        chosen, scores = found[keep][:k], self._together_scores[product_idx][keep][:k]
        return Ranking(chosen, scores, ("together",) * len(chosen), np.full(len(chosen), product_idx))

    def score(self, histories: Histories, *, task: Task, allowed: Mask | None = None) -> Pairs:
        """Score each customer's bought products (`all` only) and his best never-bought ones, with room for suppliers.

        Returns:
            Candidates of each customer, best first. Scores of a ranker are chances of a purchase within its target
            window. Without one they are, for `all`, the head's; for `novel`, the towers' probabilities of being the
            next first purchase, because the towers order new products better than the head (test cut-off, novel
            NDCG@20: .0462 against .0429). Re-ranking lowers them by class of supplier.
        """
        return self.ordered(self.judged(histories, task=task, allowed=allowed), task=task)

    def judged(self, histories: Histories, *, task: Task, allowed: Mask | None = None) -> Pairs:
        """Score as the model does, before re-ranking and in no order."""
        by_trees = (self._by_trees(histories, row, task, allowed) for row in range(len(histories)))
        found = {row: judged for row, judged in enumerate(by_trees) if judged is not None}
        parts = [pairs_of(judged, row) for row, judged in found.items()]
        others = np.setdiff1d(np.arange(len(histories)), np.fromiter(found, dtype=np.int64))
        if len(others):
            pairs = self._by_towers(histories.take(others), task, allowed)
            parts.append(replace(pairs, customer=others[pairs.customer]))
        columns = ("customer", "product_idx", "scores", "bought")
        return Pairs(*(np.concatenate([getattr(part, name) for part in parts]) for name in columns))

    def _by_trees(self, histories: Histories, row: int, task: Task, allowed: Mask | None) -> Judged | None:
        """Let the ranker judge for one customer; None where there is none, or no purchase for it to go by."""
        if self.ranker is None or histories.offsets[row] == histories.offsets[row + 1]:
            return None
        return self.ranker.judge(self.ranker.moment.shopper(histories, row), task=task, allowed=allowed)

    @torch.inference_mode()
    def _by_towers(self, histories: Histories, task: Task, allowed: Mask | None) -> Pairs:
        pairs = self.candidates(histories, task=task, allowed=allowed)
        scores = (torch.sigmoid(self.head(pairs.features)) if task == "all" else pairs.tower_p).numpy()
        return Pairs(pairs.customer, pairs.product_idx, scores, pairs.bought)

    def ordered(self, pairs: Pairs, *, task: Task) -> Pairs:
        """Re-rank judged pairs: the same ones, customer by customer, best first; the order within a class stays."""
        scores = pairs.scores if self._room is None else pairs.scores * self._room[task][pairs.product_idx]
        order = np.lexsort((pairs.product_idx, -pairs.scores, -scores, pairs.customer))
        return Pairs(pairs.customer[order], pairs.product_idx[order], scores[order], pairs.bought[order])

    def _causes(self, judged: Judged, task: Task, chosen: Ints) -> tuple[str | None, ...]:
        """Name what each product chosen owes its place to."""
        found = judged.candidates.product_idx
        by_product = np.argsort(found)
        shown = by_product[np.searchsorted(found, chosen, sorter=by_product)]
        factors = np.ones(len(found)) if self._room is None else self._room[task][found].astype(np.float64)
        return () if self.ranker is None else why(self.ranker.heads, judged, factors, shown)

    @torch.no_grad()
    def candidates(self, histories: Histories, *, task: Task, allowed: Mask | None = None) -> CandidatePairs:
        """Collect what the head judges: each customer's history (`all` only) and the towers' best new products."""
        tower = self.model.queries(self.history_vectors, histories) @ self.product_vectors  # (B, N)
        log_p = tower - tower.logsumexp(dim=1, keepdim=True)
        new_owners, new_products = self._best_new(log_p, histories, allowed)
        owners, products, own = new_owners, new_products, new_features(len(new_products))
        if task == "all":
            customer, bought = torch.from_numpy(histories.customer_of_pair), torch.from_numpy(histories.product_idx)
            shown = _shown(bought, allowed)
            own = torch.cat([bought_features(histories)[shown], own])
            owners = torch.cat([customer[shown], owners])
            products = torch.cat([bought[shown], products])
        profiles = torch.from_numpy(histories.profiles)[owners]
        pair_log_p = log_p[owners, products]
        features = pair_features(own, pair_log_p, self.numeric[products], profiles)
        is_bought = np.arange(len(products)) < len(products) - len(new_products)
        return CandidatePairs(owners.numpy(), products.numpy(), is_bought, pair_log_p.exp(), features)

    def _best_new(self, log_p: Tensor, histories: Histories, allowed: Mask | None) -> tuple[Tensor, Tensor]:
        """Pick each customer's best never-bought products: (n,) customers and (n,) positions.

        The model may reserve places for each class of supplier: re-ranking makes room for candidates alone.
        """
        open_to_new = log_p.clone()
        bought = (torch.from_numpy(histories.customer_of_pair), torch.from_numpy(histories.product_idx))
        open_to_new[bought] = -torch.inf
        if allowed is not None:
            open_to_new[:, torch.from_numpy(~allowed)] = -torch.inf
        best, new = open_to_new.topk(min(N_NEW_CANDIDATES, len(self.catalogue)), dim=1)  # (B, M)
        if self._reserved:
            open_to_new.scatter_(1, new, -torch.inf)  # once: classes share no product
        for positions in self._reserved:
            further, places = open_to_new[:, positions].topk(min(self.model.n_reserved, len(positions)), dim=1)
            best, new = torch.cat([best, further], dim=1), torch.cat([new, positions[places]], dim=1)
        kept = torch.isfinite(best)
        return torch.arange(len(histories)).unsqueeze(1).expand_as(new)[kept], new[kept]

    def _make_room(self, exposure: SupplierExposure | None) -> None:
        self.exposure = exposure
        self._room = None if exposure is None else {task: exposure.factors(task) for task in TASKS}
        popularity = np.asarray(self.products["popularity"], dtype=np.float64)
        self._reserved: tuple[Tensor, ...] = ()
        if exposure is not None:
            self.products = {**self.products, SUPPLIER_CLASS: exposure.classes}
            self._reserved = self._by_class(exposure.classes) if self.model.n_reserved else ()
        self.popularity = popularity if self._room is None else popularity * self._room["all"]  # (N,)
        self._by_popularity = np.lexsort((np.arange(len(popularity)), -self.popularity))

    @staticmethod
    def _by_class(classes: npt.NDArray[np.str_]) -> tuple[Tensor, ...]:
        """List the positions of each class of supplier."""
        return tuple(torch.from_numpy(np.flatnonzero(classes == name)) for name in np.unique(classes))

    @torch.inference_mode()
    def _with_sales(self, numeric: npt.NDArray[np.float32]) -> tuple[Tensor, Tensor]:
        """Give (N, F) sales figures and the (D + F + 1, N) product vectors they make."""
        figures = torch.from_numpy(numeric)
        vectors = self.model.products(self.history_vectors, figures).transpose(0, 1)  # sparse where private
        return figures, vectors.contiguous() if vectors.layout == torch.strided else vectors

    def _without(self, allowed: Mask | None, product_idx: Ints) -> Mask | None:
        if not len(product_idx):
            return allowed
        remaining = np.ones(len(self.catalogue), dtype=bool) if allowed is None else allowed.copy()
        remaining[product_idx] = False
        return remaining

    @torch.inference_mode()
    def _nearest(self, product_idx: Ints, known: Ints) -> Ints:
        """For each product, find the known one whose history vector points most nearly the same way."""
        if not len(known):
            return np.full(len(product_idx), _NONE)
        cosine = self._directions[torch.from_numpy(product_idx)] @ self._directions[torch.from_numpy(known)].T
        nearest: Ints = known[cosine.argmax(dim=1).numpy()]
        return nearest


def _shown(product_idx: Tensor, allowed: Mask | None) -> Tensor:
    """Mark which of (n,) products may be shown."""
    return torch.ones_like(product_idx, dtype=torch.bool) if allowed is None else torch.from_numpy(allowed)[product_idx]
