"""Measuring Vultus and, beside it, `face_recognition`; run by `make bench`."""
