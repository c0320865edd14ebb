"""The schema's revisions, kept by Alembic."""
