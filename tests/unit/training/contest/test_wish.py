"""What is asked of a contest."""

from dataclasses import replace

import pytest

from configs.loading import load_settings
from training.contest.errors import NobodyContends
from training.contest.wish import Wish

WISH = Wish(load_settings("test"), task="lists", train_until=None, peers=[], version=None, ours=True, tune=False)


def test_ours_is_called_by_its_version() -> None:
    assert WISH.our_title == "two-tower"
    assert replace(WISH, version="champion").our_title == "two-tower, champion"


def test_somebody_has_to_take_part() -> None:
    WISH.require_contenders(0)
    alone = replace(WISH, ours=False)
    alone.require_contenders(1)
    with pytest.raises(NobodyContends):
        alone.require_contenders(0)
