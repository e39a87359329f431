"""face_recognition's functions on Vultus' networks: change the import, keep stored encodings.

    import vultus.compat.face_recognition as face_recognition

Signatures, defaults, answers and their order are those of face_recognition 1.3.0; encodings and
landmarks are dlib's for the same boxes. What differs stands in `docs/face_recognition.md`.
Importing it loads no network; the first call of a function does.
"""

from vultus.compat.face_recognition.api import (
    batch_face_locations,
    compare_faces,
    face_distance,
    face_encodings,
    face_landmarks,
    face_locations,
    load_image_file,
)

__author__ = "The Vultus authors"
# of the API, for programs that ask
__version__ = "1.3.0"

__all__ = [
    "batch_face_locations",
    "compare_faces",
    "face_distance",
    "face_encodings",
    "face_landmarks",
    "face_locations",
    "load_image_file",
]
