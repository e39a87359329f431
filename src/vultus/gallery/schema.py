"""The tables of a gallery. Migrations in `migrations/` bring older files to this shape."""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData()


def new_guid() -> str:
    """An id for the world outside; numbers count rows and are given again."""
    return str(uuid.uuid4())


def _trained_columns() -> list[sa.Column[Any]]:
    """How the last training went; identification for Azure's clients answers from it."""
    return [
        sa.Column("training_status", sa.String(20)),  # notstarted, running, succeeded, failed
        sa.Column("training_created_at", sa.DateTime),
        sa.Column("training_action_at", sa.DateTime),
        sa.Column("training_success_at", sa.DateTime),
        sa.Column("training_message", sa.Text),
    ]


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
    # A group that came over the wire belongs to a kind of container and has an id there; one
    # made here has neither, and is seen under its name as either kind.
    sa.Column("kind", sa.String(20)),
    sa.Column("wire_id", sa.String(64)),
    sa.Column("title", sa.String(200)),  # what the wire calls its name
    sa.Column("user_data", sa.Text),
    sa.Column("recognition_model", sa.String(20)),
    *_trained_columns(),
    # what `vultus calibrate` measured, see `thresholds`
    sa.Column("threshold", sa.Float),
    sa.Column("threshold_model", sa.String(100)),
    sa.Column("threshold_far", sa.Float),
    sa.Column("threshold_people", sa.Integer),
    sa.Column("threshold_at", sa.DateTime),
    sa.Index("ux_groups_kind_wire_id", "kind", "wire_id", unique=True),
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
    sa.Column("guid", sa.String(36), default=new_guid),
    sa.Column("title", sa.String(200)),  # the wire's name, where two people there share one
    sa.Column("user_data", sa.Text),
    sa.UniqueConstraint("group_id", "name", name="uq_persons_group_name"),
    sa.Index("ux_persons_guid", "guid", unique=True),
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
    sa.Column("guid", sa.String(36), default=new_guid),
    sa.Column("user_data", sa.Text),
    # whether it was there at the group's last training
    sa.Column("trained", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("ux_faces_guid", "guid", unique=True),
)

# Faces without people, to find similar ones among.
face_lists = sa.Table(
    "face_lists",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("wire_id", sa.String(64), nullable=False),
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("user_data", sa.Text),
    sa.Column("recognition_model", sa.String(20)),
    sa.Column("revision", sa.Integer, nullable=False, server_default="0"),
    sa.Column("created_at", sa.DateTime, nullable=False),
    *_trained_columns(),
    sa.UniqueConstraint("kind", "wire_id", name="uq_face_lists_kind_wire_id"),
)

listed_faces = sa.Table(
    "listed_faces",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column(
        "list_id", sa.ForeignKey("face_lists.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    sa.Column("guid", sa.String(36), nullable=False, unique=True, default=new_guid),
    sa.Column("model", sa.String(100), nullable=False),
    sa.Column("embedding", sa.LargeBinary, nullable=False),  # little-endian float32
    sa.Column("user_data", sa.Text),
    sa.Column("quality", sa.Float, nullable=False),  # 0 to 1
    sa.Column("trained", sa.Boolean, nullable=False, server_default=sa.false()),
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

# Who changed what about whom, without names: what was forgotten stays forgotten.
audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", sa.DateTime, nullable=False, index=True),
    sa.Column("actor", sa.String(200), nullable=False),
    sa.Column("action", sa.String(50), nullable=False),
    sa.Column("subject", sa.String(200)),  # the guid of a person, face or list
    sa.Column("detail", sa.Text),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(200), nullable=False, unique=True),
    sa.Column("role", sa.String(20), nullable=False),  # admin, operator, viewer
    sa.Column("digest", sa.String(64), nullable=False, unique=True),  # SHA-256 of the key
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.Column("revoked_at", sa.DateTime),
)

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("kind", sa.String(50), nullable=False),
    sa.Column("state", sa.String(20), nullable=False, index=True),
    sa.Column("owner", sa.String(200), nullable=False),  # the key's name
    sa.Column("created_at", sa.DateTime, nullable=False, index=True),
    sa.Column("started_at", sa.DateTime),
    sa.Column("ended_at", sa.DateTime),
    sa.Column("done", sa.Integer, nullable=False, server_default="0"),
    sa.Column("total", sa.Integer),
    sa.Column("request", sa.JSON, nullable=False),
    sa.Column("result", sa.JSON),
    sa.Column("error", sa.JSON),
)

cameras = sa.Table(
    "cameras",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(200), nullable=False, unique=True),
    sa.Column("options", sa.JSON, nullable=False),  # a camera as in cameras.toml
    sa.Column("created_at", sa.DateTime, nullable=False),
)
