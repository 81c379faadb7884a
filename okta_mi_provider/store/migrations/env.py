"""What Alembic runs to migrate: on the connection that it is given, in the transaction that is under way there."""

from __future__ import annotations

from alembic import context

from okta_mi_provider.store.schema import METADATA
from okta_mi_provider.store.upgrade import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"], target_metadata=METADATA, version_table=VERSION_TABLE
)
context.run_migrations()
