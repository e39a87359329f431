"""People known: the database, the vector index, matching and calibration."""
