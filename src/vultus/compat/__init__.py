"""Programs written for other libraries run on Vultus: their names, its networks."""
