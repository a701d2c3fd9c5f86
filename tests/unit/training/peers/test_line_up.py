"""The peers by name, and the grids that the settings give them."""

import math

import pytest

from configs.loading import load_settings
from training.peers.data import PeerData
from training.peers.errors import PeerEnvironmentMissing, PeerUnknown
from training.peers.line_up import line_up, peer_names

BENCH = load_settings("test").bench
IN_PROCESS = [name for name in peer_names() if name not in ("sasrec", "implicit_als")]


def test_all_take_part_unless_some_are_named() -> None:
    assert [peer.name for peer in line_up(None, BENCH)] == peer_names()
    assert [peer.name for peer in line_up(["ease", "up_cf", "ease"], BENCH)] == ["ease", "up_cf"]
    assert line_up([], BENCH) == []


def test_an_unknown_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(PeerUnknown, match=r"'bm25'.*tifu_knn"):
        line_up(["bm25"], BENCH)


@pytest.mark.parametrize("name", peer_names())
def test_the_grid_holds_every_combination_once(name: str) -> None:
    (peer,) = line_up([name], BENCH)
    values = getattr(BENCH, name).model_dump()
    assert len(peer.grid) == math.prod(len(tried) for tried in values.values())
    assert len({tuple(point.items()) for point in peer.grid}) == len(peer.grid)
    assert all(set(point) == set(values) for point in peer.grid)


@pytest.mark.parametrize("name", IN_PROCESS)
def test_every_point_fits_and_ranks_under_its_name(name: str, shopped: PeerData) -> None:
    (peer,) = line_up([name], BENCH)
    for point in peer.grid:
        recommender = peer.fit(shopped, point)
        assert recommender.name in (name, "ease")
        positions, scores = recommender.rank(["p3", "stranger"], task="all", k=5)
        assert sorted(positions[0].tolist())[-1] == 4
        assert scores.shape == (2, 5)


def test_sasrec_is_left_out_where_its_environment_is_not(shopped: PeerData) -> None:
    (peer,) = line_up(["sasrec"], BENCH.model_copy(update={"sasrec_python": BENCH.sasrec_python / "absent"}))
    with pytest.raises(PeerEnvironmentMissing, match=r"bench\.sasrec_python"):
        peer.fit(shopped, peer.grid[0])
