"""Run by Alembic; the open connection comes from `gallery.database`."""

from alembic import context

from vultus.gallery.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
