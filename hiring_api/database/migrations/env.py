"""What Alembic runs: the revisions, on the connection that `hiring_api.database.revisions` hands over."""

from alembic import context

from hiring_api.database.bookkeeping import loads

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=loads.metadata, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
