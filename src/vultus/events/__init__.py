"""Visits on their way out: the outbox and the sinks."""
