"""Alembic migrations of the gallery's schema."""
