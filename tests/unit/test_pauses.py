"""Pauses: who is told of them, and what ends them."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from okta_mi_provider.sync.errors import Stopped
from okta_mi_provider.sync.pauses import Pauses


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was wanted to be slept, step by step. It never is."""
    wanted: list[float] = []
    monkeypatch.setattr(time, "sleep", wanted.append)
    return wanted


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_pause_is_as_long_as_it_was_asked_for(naps: list[float]) -> None:
    Pauses().wait(61.3, "Okta is busy.")
    assert sum(naps) == pytest.approx(61.3)


@pytest.mark.parametrize("seconds", [0, -3])
def test_no_time_is_no_pause(naps: list[float], caplog: pytest.LogCaptureFixture, seconds: float) -> None:
    Pauses().wait(seconds, "Okta is busy.")
    assert naps == []
    assert caplog.records == []


def test_only_a_pause_that_lasts_is_told_to_everybody(naps: list[float], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    Pauses().wait(2, "MI is busy.")
    assert told(caplog) == []
    assert caplog.messages == ["MI is busy. Waiting 2 s."]
    Pauses().wait(20, "Okta is busy.")
    assert told(caplog) == ["Okta is busy. Waiting 20 s."]


def test_pauses_at_the_same_time_are_told_once_and_again_if_one_is_much_longer(
    naps: list[float], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)
    pauses = Pauses()
    for seconds in (20, 19, 21, 60):
        pauses.wait(seconds, "MI is busy.")
    assert told(caplog) == ["MI is busy. Waiting 20 s.", "MI is busy. Waiting 60 s."]


def test_a_wish_to_stop_ends_a_pause_that_another_thread_is_in() -> None:
    pauses, ended = Pauses(), []

    def wait() -> None:
        with pytest.raises(Stopped, match=r"Told to stop\. Okta is busy\."):
            pauses.wait(36_000, "Okta is busy.")
        ended.append(True)

    thread = threading.Thread(target=wait)
    thread.start()
    pauses.stop()
    thread.join()
    assert ended == [True]


def test_after_a_wish_to_stop_no_pause_begins(naps: list[float]) -> None:
    pauses = Pauses()
    pauses.stop()
    for seconds in (0, 1, 3600):
        with pytest.raises(Stopped) as caught:
            pauses.wait(seconds, "Okta is busy.")
        assert caught.value.passing
        assert not caught.value.fatal
    assert naps == []
