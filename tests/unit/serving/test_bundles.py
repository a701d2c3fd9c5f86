"""The loaded champion: none, the first, the next, a bad one."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fairness.clearance import Clearance
from fairness.errors import ClearanceLapsed, ClearanceRefused, CommitteeLogBroken
from serving.bundles import BundleHolder
from serving.champion import Champion
from serving.errors import NotReady


class Loader:
    """Gives champions in turn; an exception in the list is raised."""

    def __init__(self, *results: Champion | Exception) -> None:
        self.results = list(results)
        self.n_calls = 0

    def __call__(self) -> Champion:
        """Give the next."""
        self.n_calls += 1
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result


NOW = datetime(2026, 3, 2, tzinfo=UTC)


class Time:
    """A clock that stands still until it is moved on."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.now


def made(version: str, until: datetime = NOW + timedelta(days=30)) -> Champion:
    any_: Any = None
    clearance = Clearance("two-tower", version, f"digest-{version}", "fr_1", "0" * 64, until)
    return Champion("two-tower", version, f"digest-{version}", clearance, any_, any_, {}, {})


def over(version: str) -> ClearanceLapsed:
    reasons = ["the waiver expired"]
    return ClearanceLapsed(name="two-tower", version=version, bundle_digest=f"digest-{version}", reasons=reasons)


def edited(version: str) -> ClearanceRefused:
    reasons = ["the report was edited"]
    return ClearanceRefused(name="two-tower", version=version, bundle_digest=f"digest-{version}", reasons=reasons)


def point(path: Path, content: str) -> None:
    """Write the pointer as promotion does: in one step."""
    staged = path.with_suffix(".new")
    staged.write_text(content)
    staged.replace(path)


def holder(pointer: Path, load: Loader, retry_after_s: int = 30, **more: Any) -> BundleHolder[Any]:
    more = {"now": lambda: NOW, **more}
    return BundleHolder(name="two-tower", pointer=pointer, load=load, retry_after_s=retry_after_s, **more)


def test_without_a_pointer_nothing_is_loaded(tmp_path: Path) -> None:
    load = Loader()
    held = holder(tmp_path / "champion.json", load)
    assert held.refresh() is False
    assert load.n_calls == 0
    with pytest.raises(NotReady, match=r"fairshelf train two-tower.*fairshelf promote two-tower"):
        held.champion()


def test_a_new_pointer_brings_a_new_champion(tmp_path: Path) -> None:
    pointer, load = tmp_path / "champion.json", Loader(made("1"), made("2"))
    held = holder(pointer, load)
    point(pointer, "one")
    assert held.refresh()
    assert held.champion().version == "1"
    assert not held.refresh()
    assert load.n_calls == 1
    point(pointer, "two")
    assert held.refresh()
    assert held.champion().version == "2"


def test_a_bad_bundle_keeps_the_last_good_one(tmp_path: Path) -> None:
    pointer, load = tmp_path / "champion.json", Loader(made("1"), ValueError("weights were changed"), made("3"))
    held = holder(pointer, load)
    point(pointer, "one")
    held.refresh()
    point(pointer, "bad")
    assert held.refresh() is False
    assert held.champion().version == "1"
    assert held.problem == "weights were changed"
    assert held.refresh() is False
    assert load.n_calls == 2, "a refused bundle is left alone for a while"
    point(pointer, "three")
    assert held.refresh()
    assert held.champion().version == "3"
    assert not held.problem


def test_a_refused_bundle_is_tried_again_later(tmp_path: Path) -> None:
    pointer, load = tmp_path / "champion.json", Loader(OSError("disk hiccup"), made("1"))
    held = holder(pointer, load, retry_after_s=0)
    point(pointer, "one")
    assert held.refresh() is False
    assert held.refresh()
    assert held.champion().version == "1"


def test_the_watch_notices_by_itself(tmp_path: Path) -> None:
    pointer, load = tmp_path / "champion.json", Loader(made("1"))
    held = holder(pointer, load)

    async def scene() -> None:
        watching = asyncio.create_task(held.watch(0.01))
        point(pointer, "one")
        for _ in range(500):
            if held.current:
                break
            await asyncio.sleep(0.01)
        watching.cancel()

    asyncio.run(scene())
    assert held.champion().version == "1"


def test_a_removed_pointer_keeps_the_model(tmp_path: Path) -> None:
    pointer = tmp_path / "champion.json"
    held = holder(pointer, Loader(made("1")))
    point(pointer, "one")
    held.refresh()
    pointer.unlink()
    held.refresh()
    assert held.champion().version == "1"


def test_a_clearance_that_ends_takes_the_model_out_at_the_next_look(tmp_path: Path) -> None:
    pointer, clock = tmp_path / "champion.json", Time()
    load = Loader(made("1", until=NOW + timedelta(days=1)), over("1"), made("1", until=NOW + timedelta(days=99)))
    held = holder(pointer, load, retry_after_s=0, now=clock)
    point(pointer, "one")
    held.refresh()
    clock.now = NOW + timedelta(days=1, seconds=-1)
    assert not held.refresh()
    assert held.champion().version == "1"
    clock.now = NOW + timedelta(days=1)
    assert not held.refresh()
    with pytest.raises(NotReady, match="was refused"):
        held.champion()
    assert "the waiver expired" in str(held.problem)
    assert held.refresh(), "once it is cleared anew it serves again"
    assert held.champion().cleared_until == NOW + timedelta(days=99)
    assert held.problem is None


@pytest.mark.parametrize("failure", [edited("1"), OSError("disk hiccup")], ids=["edited", "disk"])
def test_what_is_over_does_not_stay_because_the_evidence_cannot_be_read(tmp_path: Path, failure: Exception) -> None:
    pointer, clock = tmp_path / "champion.json", Time()
    held = holder(pointer, Loader(made("1", until=NOW + timedelta(days=1)), failure), now=clock)
    point(pointer, "one")
    held.refresh()
    clock.now = NOW + timedelta(days=1)
    held.refresh()
    assert held.current is None
    assert held.problem == str(failure)


def test_a_removed_pointer_keeps_no_model_beyond_its_clearance(tmp_path: Path) -> None:
    pointer, clock = tmp_path / "champion.json", Time()
    held = holder(pointer, Loader(made("1", until=NOW + timedelta(days=1))), now=clock)
    point(pointer, "one")
    held.refresh()
    pointer.unlink()
    held.refresh()
    assert held.champion().version == "1"
    clock.now = NOW + timedelta(days=2)
    held.refresh()
    assert held.current is None
    assert held.problem == "the clearance ended at 2026-03-03 00:00 UTC"


def test_a_decision_against_what_serves_takes_it_out(tmp_path: Path) -> None:
    pointer, log = tmp_path / "champion.json", tmp_path / "committee.jsonl"
    held = holder(pointer, Loader(made("1"), over("1")), watched=lambda: (log,))
    point(pointer, "one")
    held.refresh()
    assert not held.refresh()
    log.write_text("anna refused")
    assert not held.refresh()
    assert held.current is None
    with pytest.raises(NotReady):
        held.champion()


def test_a_decision_against_another_version_keeps_what_serves(tmp_path: Path) -> None:
    pointer = tmp_path / "champion.json"
    held = holder(pointer, Loader(made("1"), over("2")))
    point(pointer, "one")
    held.refresh()
    point(pointer, "two")
    held.refresh()
    assert held.champion().version == "1"
    assert "version 2" in str(held.problem)


def test_an_edited_report_keeps_the_last_good_model(tmp_path: Path) -> None:
    pointer, report = tmp_path / "champion.json", tmp_path / "report.json"
    held = holder(pointer, Loader(made("1"), edited("1"), made("1")), watched=lambda: (report,))
    point(pointer, "one")
    held.refresh()
    report.write_text("edited")
    assert not held.refresh()
    assert held.champion().version == "1"
    assert "the report was edited" in str(held.problem)
    report.write_text("restored!")
    assert held.refresh()
    assert held.problem is None


def test_what_serves_is_looked_at_even_when_the_pointer_names_another(tmp_path: Path) -> None:
    """Version 2 is refused, so version 1 stays; then the waiver of version 1 is revoked."""
    pointer, log, verdicts = tmp_path / "champion.json", tmp_path / "log", [None, over("1")]

    def recheck(current: Champion) -> None:
        assert current.version == "1"
        verdict = verdicts.pop(0)
        if verdict:
            raise verdict

    load = Loader(made("1"), edited("2"), edited("2"))
    held = holder(pointer, load, watched=lambda: (log,), recheck=recheck)
    point(pointer, "one")
    held.refresh()
    point(pointer, "two")
    held.refresh()
    assert held.champion().version == "1"
    log.write_text("revoked")
    held.refresh()
    assert held.current is None


def test_what_serves_is_looked_at_now_and_then_though_no_file_changed(tmp_path: Path) -> None:
    pointer, looks = tmp_path / "champion.json", []

    def recheck(current: Champion) -> None:
        looks.append(current.version)
        if len(looks) == 2:
            raise over(current.version)

    point(pointer, "1")
    seldom = holder(pointer, Loader(made("1")), retry_after_s=3600, recheck=recheck)
    for _ in range(4):
        seldom.refresh()
    assert looks == ["1"], "the second look is an hour off"
    always = holder(pointer, Loader(made("1")), retry_after_s=0, recheck=recheck)
    assert always.refresh()
    assert not always.refresh()
    assert (always.current, looks) == (None, ["1", "1"])


def test_a_log_that_cannot_be_trusted_takes_nothing_out(tmp_path: Path) -> None:
    pointer, log = tmp_path / "champion.json", tmp_path / "log"
    broken = CommitteeLogBroken(path=log, problem="line 1 was edited.")

    def recheck(_: Champion) -> None:
        raise broken

    held = holder(pointer, Loader(made("1"), edited("1")), watched=lambda: (log,), recheck=recheck)
    point(pointer, "one")
    held.refresh()
    log.write_text("edited")
    held.refresh()
    assert held.champion().version == "1"


def test_no_champion_is_503_everywhere_it_is_needed(shop: Any) -> None:
    shop.services.bundles.current = None
    for method, path, sent in (
        ("POST", "/v1/recommendations", {"json": {}}),
        ("POST", "/v1/similar-products", {"json": {"product_id": "11"}}),
        ("GET", "/readyz", {}),
    ):
        answer = shop.call(method, path, **sent)
        assert (answer.status_code, answer.json()["code"]) == (503, "NO_CHAMPION")
        assert answer.headers["retry-after"] == "30"
        assert "fairshelf promote two-tower" in answer.json()["detail"]
    assert shop.call("GET", "/livez").json() == {"status": "ok", "model_version": None}


def test_ready_names_the_version(shop: Any) -> None:
    assert shop.call("GET", "/readyz").json() == {"status": "ok", "model_version": "3"}
