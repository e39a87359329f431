"""Recipes that made the attribute networks inside the package; see training/README.md."""
