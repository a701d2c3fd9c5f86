"""Time and memory of a peer are bounded, and nothing of it stays behind."""

import resource
import signal
import threading

import numpy as np
import pytest

from configs.loading import load_settings
from training.benchmarks import cpu_seconds
from training.peers.errors import PeerTooLarge, PeerUnfinished
from training.peers.limits import limited

BENCH = load_settings("test").bench
SHORT = BENCH.model_copy(update={"peer_max_cpu_s": 0.05})
SMALL = BENCH.model_copy(update={"peer_max_memory_gb": 0.01})


def burn(seconds: float) -> None:
    until = cpu_seconds() + seconds
    while cpu_seconds() < until:
        pass


def test_who_takes_too_long_is_stopped_with_the_setting_to_raise() -> None:
    with pytest.raises(PeerUnfinished, match=r"slow.*bench\.peer_max_cpu_s"), limited("slow", SHORT):
        burn(5)


def test_nothing_rings_once_it_is_over() -> None:
    before = signal.getsignal(signal.SIGPROF)
    with limited("quick", SHORT):
        pass
    assert signal.getitimer(signal.ITIMER_PROF) == (0, 0)
    assert signal.getsignal(signal.SIGPROF) is before
    burn(0.1)


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_DATA"), reason="no such bound here")
def test_who_asks_for_too_much_is_left_out_and_others_may_have_it() -> None:
    with pytest.raises(PeerTooLarge, match=r"greedy.*0\.01 GB.*bench\.peer_max_memory_gb"), limited("greedy", SMALL):
        np.ones(40_000_000)
    assert len(np.ones(40_000_000)) == 40_000_000


def test_elsewhere_than_in_the_main_thread_time_is_not_bounded() -> None:
    done: list[bool] = []

    def work() -> None:
        with limited("beside", SHORT):
            burn(0.1)
        done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done
