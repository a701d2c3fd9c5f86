"""The job behind `fairshelf bench recommend`: which contest is held, and the one of lists."""

from training.baselines import Recommender
from training.contest.basket_job import run_baskets
from training.contest.cold_job import run_cold
from training.contest.contenders import Contender, peer_contender
from training.contest.floor import Floor
from training.contest.lists import hold
from training.contest.ours import fitted, recommender_of
from training.contest.result import Contest
from training.contest.wish import Progress, Wish
from training.peers.line_up import line_up
from training.peers.tuning import Tuned
from training.two_tower.recommender import MODEL_NAME

_JOBS = {"basket": run_baskets, "cold": run_cold}


def run_contest(wish: Wish, progress: Progress) -> Contest:
    """Hold a contest of lists, of baskets or on cold ground; the latter two have peers of their own."""
    if wish.task == "lists":
        return run_lists(wish, progress)
    return _JOBS[wish.task](wish, progress)


def run_lists(wish: Wish, progress: Progress) -> Contest:
    """Compare ours with the peers by their lists, all fitted on the same lines before a cut-off.

    Args:
        wish: What is asked for.
        progress: Told each step in words.

    Raises:
        PeerUnknown: If there is no peer of a name.
        NoChampion, BundleMissing, RecipeUnrecorded, RecipeOutdated: If there is no such recipe.
        NobodyContends: If neither ours nor any peer is to take part.
        TestWindowUnavailable, LakeMissing, CatalogueEmpty, NobodyToJudge: If the data does not suffice.
    """
    chosen = line_up(wish.peers, wish.settings.bench)
    wish.require_contenders(len(chosen))
    floor = Floor.prepare(wish, progress)
    progress("baskets: counting for the peers")
    contenders = [_ours(floor, progress)] if wish.ours else []
    contenders += [peer_contender(peer, floor.data, floor.choose, floor.settings.bench) for peer in chosen]
    return hold(contenders, floor.ground(), floor.settings.evaluation, progress=progress)


def _ours(floor: Floor, progress: Progress) -> Contender:
    def fit(_: Tuned) -> Recommender:
        scorer = fitted(floor.settings, floor.sources, floor.wish.version, progress)
        return recommender_of(scorer, floor.sources, floor.catalogue)

    return Contender(MODEL_NAME, floor.wish.our_title, fit, ours=True)
