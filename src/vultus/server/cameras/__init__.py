"""Cameras that the server watches."""
