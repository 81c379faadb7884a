"""Requests of a server that wants to be asked slowly."""

from __future__ import annotations

import time

import pytest

from okta_mi_provider.clients.spacing import Spacing
from okta_mi_provider.sync.pauses import Pauses


def test_requests_start_no_closer_together_than_said(monkeypatch: pytest.MonkeyPatch) -> None:
    naps: list[float] = []
    monkeypatch.setattr(Pauses, "sleep", lambda _, seconds: naps.append(seconds))
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    spacing = Spacing(0.5, Pauses())
    for _ in range(4):
        spacing.wait()
    assert naps == [0.5, 1.0, 1.5]


def test_without_a_least_interval_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    naps: list[float] = []
    monkeypatch.setattr(Pauses, "sleep", lambda _, seconds: naps.append(seconds))
    spacing = Spacing(0.0, Pauses())
    for _ in range(4):
        spacing.wait()
    assert naps == []
