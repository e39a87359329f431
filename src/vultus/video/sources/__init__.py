"""Where videos come from, behind one contract."""
