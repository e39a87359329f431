"""The catalogue of models, where each comes from, conversion to ONNX, and sessions."""
