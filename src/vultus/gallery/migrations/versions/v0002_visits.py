"""Strangers, visits, and the events of visits."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column(
        "groups", sa.Column("last_stranger", sa.Integer, nullable=False, server_default="0")
    )
    op.create_table(
        "strangers",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "group_id",
            sa.Integer,
            sa.ForeignKey("groups.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("ignored", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("seen_at", sa.DateTime, nullable=False),
        sa.UniqueConstraint("group_id", "number", name="uq_strangers_group_number"),
    )
    op.create_table(
        "stranger_faces",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "stranger_id",
            sa.Integer,
            sa.ForeignKey("strangers.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("model", sa.String(100), nullable=False),
        sa.Column("embedding", sa.LargeBinary, nullable=False),
        sa.Column("quality", sa.Float, nullable=False),
        sa.Column("face_px", sa.Float, nullable=False),
        sa.Column("seen_at", sa.DateTime, nullable=False),
    )
    op.create_table(
        "visits",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column(
            "group_id",
            sa.Integer,
            sa.ForeignKey("groups.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column(
            "person_id", sa.Integer, sa.ForeignKey("persons.id", ondelete="CASCADE"), index=True
        ),
        sa.Column(
            "stranger_id", sa.Integer, sa.ForeignKey("strangers.id", ondelete="CASCADE"), index=True
        ),
        sa.Column("camera", sa.String(200), nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("type", sa.String(10), nullable=False),
        sa.Column("probability", sa.Float, nullable=False),
        sa.Column("start_at", sa.DateTime, nullable=False, index=True),
        sa.Column("end_at", sa.DateTime, nullable=False),
        sa.Column("zone", sa.String(200)),
        sa.Column("pictures", sa.Text, nullable=False),
    )
    _create_events()


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("visit", sa.String(200), primary_key=True),
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("type", sa.String(20), nullable=False),
        sa.Column("time", sa.DateTime, nullable=False, index=True),
        sa.Column("started_at", sa.DateTime, nullable=False),
        sa.Column("ended_at", sa.DateTime, nullable=False),
        sa.Column("camera", sa.String(200), nullable=False, index=True),
        sa.Column("group_name", sa.String(200)),
        sa.Column("person", sa.String(200), index=True),
        sa.Column("stranger", sa.String(200), index=True),
        sa.Column("probability", sa.Float, nullable=False),
        sa.Column("media_time", sa.Float, nullable=False),
        sa.Column("box_x", sa.Float, nullable=False),
        sa.Column("box_y", sa.Float, nullable=False),
        sa.Column("box_width", sa.Float, nullable=False),
        sa.Column("box_height", sa.Float, nullable=False),
        sa.Column("zone", sa.String(200)),
        sa.Column("picture", sa.Text),
        sa.Column("body", sa.JSON, nullable=False),
    )


def downgrade() -> None:
    for table in ("events", "visits", "stranger_faces", "strangers"):
        op.drop_table(table)
    op.drop_column("groups", "last_stranger")
