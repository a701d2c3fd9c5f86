"""Records of tuning: of this data, from before the cut-off, the latest, and only where the grid holds what they say."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from configs.bench import BenchSettings, TuningRecord
from configs.loading import load_settings
from training.evaluation_results import TASKS
from training.peers.line_up import line_up, peer_names
from training.peers.records import recorded

BENCH = load_settings("test").bench


def record(until: str, days: int, **changes: Any) -> TuningRecord:
    facts = {
        "peer": "ease",
        "validated_from": f"2017-11-{20 - days:02d}" if until == "2017-11-20" else f"2017-12-{18 - days:02d}",
        "validated_until": until,
        "n_tried": 8,
        "cpu_s": 50.5,
        "chosen": {"all": {"regularization": days}, "novel": {"regularization": 300, "half_life_days": None}},
        "values": {"all": 0.3, "novel": 0.04},
    }
    return TuningRecord.model_validate({**facts, **changes})


def bench(*records: TuningRecord) -> BenchSettings:
    return BENCH.model_copy(update={"tuned": records, "tuned_source": "somewhere"})


EARLY, LATE = record("2017-11-20", 14), record("2017-12-18", 14, cpu_s=1.0)


def find(settings: BenchSettings, day: str, *, source: str = "somewhere", tasks: tuple[str, ...] = TASKS) -> Any:
    cutoff = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return recorded("ease", tasks, settings, source=source, cutoff=cutoff)


def test_the_latest_record_that_ends_by_the_cut_off_counts() -> None:
    settings = bench(LATE, EARLY)
    assert find(settings, "2017-11-19") is None  # it would know the days that judge
    assert find(settings, "2017-11-20").cpu_s == 50.5
    assert find(settings, "2017-12-17").cpu_s == 50.5
    assert find(settings, "2018-01-01").cpu_s == 1.0


def test_what_was_tried_on_which_days_is_told() -> None:
    found = find(bench(EARLY), "2017-12-04")
    assert found.validated == (datetime(2017, 11, 6, tzinfo=UTC), datetime(2017, 11, 20, tzinfo=UTC))
    assert (found.n_tried, found.is_recorded) == (8, True)
    assert found.chosen["novel"] == {"regularization": 300, "half_life_days": None}


def test_other_data_peers_tasks_or_windows_have_no_record() -> None:
    settings = bench(EARLY)
    assert find(settings, "2017-12-04", source="elsewhere") is None
    assert find(settings, "2017-12-04", tasks=("basket",)) is None
    assert find(bench(record("2017-11-20", 7)), "2017-12-04") is None
    assert recorded("up_cf", TASKS, settings, source="somewhere", cutoff=datetime(2018, 1, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    "changes", [{"validated_until": "2017-11-06"}, {"values": {"all": 0.3}}, {"chosen": {}}, {"n_tried": 0}]
)
def test_a_record_that_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        record("2017-11-20", 14, **changes)


def test_what_ships_was_found_within_the_grids_that_ship() -> None:
    grids = {peer.name: [dict(point) for point in peer.grid] for peer in line_up(None, BENCH)}
    baskets = ("popularity", "personal_frequency", "co_occurrence", "basket_cosine")
    of_baskets = {name: list(getattr(BENCH, name).points()) for name in baskets}
    for one in BENCH.tuned:
        known = of_baskets if "basket" in one.chosen else grids
        assert one.peer in known
        assert all(point in known[one.peer] for point in one.chosen.values())
        assert one.validation_days == BENCH.validation_days
    assert {one.peer for one in BENCH.tuned} - set(baskets) <= set(peer_names())
