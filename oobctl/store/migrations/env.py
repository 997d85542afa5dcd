"""What Alembic runs in: the connection that store.migrate hands over."""

from alembic import context

from oobctl.store import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
