"""Image to Faces: detectors, landmarks, embedders, and the Analyzer that joins them."""
