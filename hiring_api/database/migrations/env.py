"""What Alembic runs: the revisions, on the connection that `hiring_api.database.revisions` hands over."""

from alembic import context

from hiring_api.rejects.packs import reject_packs

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=reject_packs.metadata, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
