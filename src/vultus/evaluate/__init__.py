"""Measuring: verification now, more reports to come."""
