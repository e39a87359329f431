"""The HTTP server: faces and people for programs elsewhere."""
