"""Measuring Vultus, and beside it `face_recognition`. `make bench` runs it; see docs/benchmarks.md."""
