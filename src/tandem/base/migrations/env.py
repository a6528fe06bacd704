"""Alembic's entry: the connection comes from base/database, the steps stand in versions/."""

from alembic import context

from tandem.base.database import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
