"""What the server keeps: ids for the world outside, training, face lists, keys, jobs, audit."""

import uuid
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_BATCH = 1000


def upgrade() -> None:
    for column in _wire_columns():
        op.add_column("groups", column)
    op.create_index("ux_groups_kind_wire_id", "groups", ["kind", "wire_id"], unique=True)
    op.add_column("persons", sa.Column("guid", sa.String(36)))
    op.add_column("persons", sa.Column("title", sa.String(200)))
    op.add_column("persons", sa.Column("user_data", sa.Text))
    op.add_column("faces", sa.Column("guid", sa.String(36)))
    op.add_column("faces", sa.Column("user_data", sa.Text))
    op.add_column(
        "faces", sa.Column("trained", sa.Boolean, nullable=False, server_default=sa.false())
    )
    for table in ("persons", "faces"):
        _give_guids(table)
        op.create_index(f"ux_{table}_guid", table, ["guid"], unique=True)
    _create_face_lists()
    _create_server_tables()


def _wire_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("kind", sa.String(20)),
        sa.Column("wire_id", sa.String(64)),
        sa.Column("title", sa.String(200)),
        sa.Column("user_data", sa.Text),
        sa.Column("recognition_model", sa.String(20)),
        *_trained_columns(),
    ]


def _trained_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("training_status", sa.String(20)),
        sa.Column("training_created_at", sa.DateTime),
        sa.Column("training_action_at", sa.DateTime),
        sa.Column("training_success_at", sa.DateTime),
        sa.Column("training_message", sa.Text),
    ]


def _give_guids(name: str) -> None:
    table = sa.table(name, sa.column("id", sa.Integer), sa.column("guid", sa.String))
    connection = op.get_bind()
    keys = list(connection.execute(sa.select(table.c.id)).scalars())
    change = table.update().where(table.c.id == sa.bindparam("key")).values(guid=sa.bindparam("to"))
    for start in range(0, len(keys), _BATCH):
        rows = [{"key": key, "to": str(uuid.uuid4())} for key in keys[start : start + _BATCH]]
        connection.execute(change, rows)


def _create_face_lists() -> None:
    op.create_table(
        "face_lists",
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
    op.create_table(
        "listed_faces",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "list_id",
            sa.Integer,
            sa.ForeignKey("face_lists.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("guid", sa.String(36), nullable=False, unique=True),
        sa.Column("model", sa.String(100), nullable=False),
        sa.Column("embedding", sa.LargeBinary, nullable=False),
        sa.Column("user_data", sa.Text),
        sa.Column("quality", sa.Float, nullable=False),
        sa.Column("trained", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("enrolled_at", sa.DateTime, nullable=False),
    )


def _create_server_tables() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.DateTime, nullable=False, index=True),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("action", sa.String(50), nullable=False),
        sa.Column("subject", sa.String(200)),
        sa.Column("detail", sa.Text),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(200), nullable=False, unique=True),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("revoked_at", sa.DateTime),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("kind", sa.String(50), nullable=False),
        sa.Column("state", sa.String(20), nullable=False, index=True),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False, index=True),
        sa.Column("started_at", sa.DateTime),
        sa.Column("ended_at", sa.DateTime),
        sa.Column("done", sa.Integer, nullable=False, server_default="0"),
        sa.Column("total", sa.Integer),
        sa.Column("request", sa.JSON, nullable=False),
        sa.Column("result", sa.JSON),
        sa.Column("error", sa.JSON),
    )
    op.create_table(
        "cameras",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(200), nullable=False, unique=True),
        sa.Column("options", sa.JSON, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
    )


def downgrade() -> None:
    for table in ("cameras", "jobs", "api_keys", "audit", "listed_faces", "face_lists"):
        op.drop_table(table)
    for table, columns in (
        ("faces", ("trained", "user_data", "guid")),
        ("persons", ("user_data", "title", "guid")),
        ("groups", tuple(column.name for column in reversed(_wire_columns()))),
    ):
        index = "ux_groups_kind_wire_id" if table == "groups" else f"ux_{table}_guid"
        op.drop_index(index, table)
        for column in columns:
            op.drop_column(table, column)
