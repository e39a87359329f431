"""The Azure Face API on the wire."""
