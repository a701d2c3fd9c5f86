"""The loaded champion: none, the first, the next, a bad one."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

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


def made(version: str) -> Champion:
    any_: Any = None
    return Champion("two-tower", version, f"digest-{version}", any_, any_, {}, {})


def point(path: Path, content: str) -> None:
    """Write the pointer as promotion does: in one step."""
    staged = path.with_suffix(".new")
    staged.write_text(content)
    staged.replace(path)


def holder(pointer: Path, load: Loader, retry_after_s: int = 30) -> BundleHolder[Any]:
    return BundleHolder(name="two-tower", pointer=pointer, load=load, retry_after_s=retry_after_s)


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
