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
    # highest number of a stranger so far: the label of one who is gone is never another one's
    sa.Column("last_stranger", sa.Integer, nullable=False, server_default="0"),
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

strangers = sa.Table(
    "strangers",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column(
        "group_id", sa.ForeignKey("groups.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    sa.Column("number", sa.Integer, nullable=False),  # shown as unknown-0001
    sa.Column("ignored", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.Column("seen_at", sa.DateTime, nullable=False),
    sa.UniqueConstraint("group_id", "number", name="uq_strangers_group_number"),
)

stranger_faces = sa.Table(
    "stranger_faces",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column(
        "stranger_id", sa.ForeignKey("strangers.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    sa.Column("model", sa.String(100), nullable=False),
    sa.Column("embedding", sa.LargeBinary, nullable=False),  # little-endian float32
    sa.Column("quality", sa.Float, nullable=False),  # 0 to 1
    sa.Column("face_px", sa.Float, nullable=False),
    sa.Column("seen_at", sa.DateTime, nullable=False),
)

visits = sa.Table(
    "visits",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column(
        "group_id", sa.ForeignKey("groups.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    # names follow by these: a stranger who is named takes the past visits along
    sa.Column("person_id", sa.ForeignKey("persons.id", ondelete="CASCADE"), index=True),
    sa.Column("stranger_id", sa.ForeignKey("strangers.id", ondelete="CASCADE"), index=True),
    sa.Column("camera", sa.String(200), nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("type", sa.String(10), nullable=False),  # of the last event: enter, update, exit
    sa.Column("probability", sa.Float, nullable=False),
    sa.Column("start_at", sa.DateTime, nullable=False, index=True),
    sa.Column("end_at", sa.DateTime, nullable=False),
    sa.Column("zone", sa.String(200)),
    sa.Column("pictures", sa.Text, nullable=False),  # JSON list of paths, deleted with the person
)

# What the sink `sql` writes; `body` is the whole event, the columns are there to ask by.
events = sa.Table(
    "events",
    metadata,
    sa.Column("visit", sa.String(200), primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("type", sa.String(20), nullable=False),
    sa.Column("time", sa.DateTime, nullable=False, index=True),  # UTC, like the next two
    sa.Column("started_at", sa.DateTime, nullable=False),
    sa.Column("ended_at", sa.DateTime, nullable=False),
    sa.Column("camera", sa.String(200), nullable=False, index=True),
    sa.Column("group_name", sa.String(200)),
    sa.Column("person", sa.String(200), index=True),
    sa.Column("stranger", sa.String(200), index=True),
    sa.Column("probability", sa.Float, nullable=False),
    sa.Column("media_time", sa.Float, nullable=False),  # seconds
    sa.Column("box_x", sa.Float, nullable=False),
    sa.Column("box_y", sa.Float, nullable=False),
    sa.Column("box_width", sa.Float, nullable=False),
    sa.Column("box_height", sa.Float, nullable=False),
    sa.Column("zone", sa.String(200)),
    sa.Column("picture", sa.Text),
    sa.Column("body", sa.JSON, nullable=False),
)
