"""`python -m tests.benchmarks`: what `make bench` runs."""

from __future__ import annotations

import sys

from tests.benchmarks.bench_sync import main

sys.exit(main())
