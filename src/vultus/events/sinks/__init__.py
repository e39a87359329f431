"""Where events go, a file a kind of sink."""
