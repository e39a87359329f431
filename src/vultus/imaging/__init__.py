"""Pictures: safe decoding, geometry, alignment, quality, drawing."""
