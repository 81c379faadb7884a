"""Airflows that fail in the middle of the writes."""

import pytest

# So that what is wrong is shown, and not only that something is.
pytest.register_assert_rewrite("tests.machines.checks")
