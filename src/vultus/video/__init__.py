"""Video: sources, tracks, visits."""
