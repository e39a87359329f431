"""The tables of a gallery. Migrations in `migrations/` bring older files to this shape."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

groups = sa.Table(
    "groups",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(200), nullable=False, unique=True),
    # raised with every change of the group's people, so that indexes know when they are stale
    sa.Column("revision", sa.Integer, nullable=False, server_default="0"),
    sa.Column("created_at", sa.DateTime, nullable=False),
)

persons = sa.Table(
    "persons",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column(
        "group_id", sa.ForeignKey("groups.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.UniqueConstraint("group_id", "name", name="uq_persons_group_name"),
)

faces = sa.Table(
    "faces",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column(
        "person_id", sa.ForeignKey("persons.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    sa.Column("model", sa.String(100), nullable=False),
    sa.Column("embedding", sa.LargeBinary, nullable=False),  # little-endian float32
    sa.Column("source", sa.Text, nullable=False),  # the picture's name, not its content
    sa.Column("digest", sa.String(64), nullable=False, index=True),  # SHA-256 of its pixels
    sa.Column("box_x", sa.Float, nullable=False),
    sa.Column("box_y", sa.Float, nullable=False),
    sa.Column("box_width", sa.Float, nullable=False),
    sa.Column("box_height", sa.Float, nullable=False),
    sa.Column("quality", sa.Float, nullable=False),  # 0 to 1
    sa.Column("crop", sa.LargeBinary),  # the aligned face as PNG, when it is kept
    sa.Column("enrolled_at", sa.DateTime, nullable=False),
)
