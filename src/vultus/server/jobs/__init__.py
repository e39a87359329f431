"""Long work, accepted now and done later."""
