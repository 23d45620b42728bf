"""What a paper date may not precede, in whose name something was written, and dates that sort last without being infinite."""

from alembic import op

revision = "20261126_1200"
down_revision = "20261126_1100"
branch_labels = None
depends_on = None

DELEGATES = ("submission", "measure", "criterion")
UP = (
    "ALTER TABLE item ADD COLUMN effective_at TIMESTAMP WITH TIME ZONE, ADD COLUMN entered_seq INTEGER DEFAULT '1' NOT NULL",
    *(f"ALTER TABLE {table} ADD COLUMN on_behalf_of UUID" for table in DELEGATES),
    *(
        f"ALTER TABLE {table} ADD CONSTRAINT fk_{table}_on_behalf_of_person FOREIGN KEY (on_behalf_of) REFERENCES person (id)"
        for table in DELEGATES
    ),
    # The driver writes the last day it knows as infinity in one kind of statement and as a date in another.
    "ALTER TABLE item DISABLE TRIGGER item_version_step",
    "UPDATE item SET due_sort = '9999-12-30' WHERE due_sort > '9999-12-30'",
    "ALTER TABLE item ENABLE ALWAYS TRIGGER item_version_step",
    "ALTER TABLE item_version DISABLE TRIGGER item_version_no_change",
    "UPDATE item_version SET due_sort = '9999-12-30' WHERE due_sort > '9999-12-30'",
    "ALTER TABLE item_version ENABLE ALWAYS TRIGGER item_version_no_change",
)
DOWN = (
    *(f"ALTER TABLE {table} DROP COLUMN on_behalf_of" for table in DELEGATES),
    "ALTER TABLE item DROP COLUMN effective_at, DROP COLUMN entered_seq",
)
GROWING = ("objection", "progress_report")
IF_SEPARATED = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rectify_app') THEN {statement}; END IF;
END $$
"""


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)
    for table in GROWING:
        op.execute(IF_SEPARATED.format(statement=f"REVOKE DELETE ON {table} FROM rectify_app"))


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
    for table in GROWING:
        op.execute(IF_SEPARATED.format(statement=f"GRANT DELETE ON {table} TO rectify_app"))
