"""Runs migrations on the connection `app.core.migrate` opened, locked and gave the owner's role to."""

from alembic import context

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("migrations run through `rectify migrate`")
# One transaction a migration: what failed leaves nothing, what went before stays.
context.configure(connection=connection, transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
