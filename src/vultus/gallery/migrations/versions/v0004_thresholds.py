"""A threshold of a group's own, as it was measured."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    for column in _columns():
        op.add_column("groups", column)


def _columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("threshold", sa.Float),
        sa.Column("threshold_model", sa.String(100)),
        sa.Column("threshold_far", sa.Float),
        sa.Column("threshold_people", sa.Integer),
        sa.Column("threshold_at", sa.DateTime),
    ]


def downgrade() -> None:
    for column in reversed(_columns()):
        op.drop_column("groups", column.name)
