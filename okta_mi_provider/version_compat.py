"""Every difference between the versions of Airflow that we support, in one place.

| | 3.2 | 3.3 |
|---|---|---|
| `RetryPolicy` | - | yes |
"""

from __future__ import annotations

from typing import Final

from airflow import __version__ as AIRFLOW_VERSION  # noqa: N812

_MAJOR_MINOR = tuple(int(part) for part in AIRFLOW_VERSION.split(".")[:2])

#: A task's exception may decide when the task is tried again.
HAS_RETRY_POLICY: Final = _MAJOR_MINOR >= (3, 3)

__all__ = ["AIRFLOW_VERSION", "HAS_RETRY_POLICY"]
