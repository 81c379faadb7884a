"""What is read of a store, for tests that ask for no more than is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from okta_mi_provider.store import ArtifactKind, Store


@contextmanager
def told_of_statements(store: Store, tell: Callable[[str, list[Any]], object]) -> Iterator[None]:
    """Each statement is told meanwhile, with its values."""

    def note(_: object, __: object, statement: str, values: Any, *rest: object) -> None:
        tell(statement, list(values.values() if isinstance(values, dict) else values))

    with store.reading() as connection:
        engine = connection.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", note)


@contextmanager
def artifacts_read(store: Store) -> Iterator[list[str]]:
    """Which artifacts are asked for meanwhile, one by one or of many runs at once."""
    seen: list[str] = []

    def note(statement: str, values: list[Any]) -> None:
        if "okta_mi_artifacts.body" in statement:
            kinds = tuple(each.value for each in ArtifactKind)
            seen.extend(each for each in values if isinstance(each, str) and each.partition(":")[0] in kinds)

    with told_of_statements(store, note):
        yield seen


@contextmanager
def statements_sent(store: Store) -> Iterator[list[str]]:
    """What the database is asked meanwhile."""
    seen: list[str] = []
    with told_of_statements(store, lambda statement, _: seen.append(statement)):
        yield seen
