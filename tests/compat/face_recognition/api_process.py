"""Programs as people write them, each run by `test_api_processes` in a python of its own."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from skimage import data

import vultus.compat.face_recognition as face_recognition

BOX = (67, 277, 181, 163)
COUNT = 4


def encode(number: int) -> list[float]:
    image = np.ascontiguousarray(data.astronaut())
    location = (BOX[0] + number, *BOX[1:])
    return face_recognition.face_encodings(image, [location])[0].tolist()


def locate(_: int) -> list[tuple[int, int, int, int]]:
    return face_recognition.face_locations(data.astronaut())


def main(how: str) -> None:
    wanted = [encode(number) for number in range(COUNT)]
    places = locate(0)
    if how == "threads":
        with ThreadPoolExecutor(COUNT) as pool:
            answers = list(pool.map(encode, range(COUNT)))
            found = list(pool.map(locate, range(2)))
    else:
        busy = threading.Thread(target=lambda: [locate(0) for _ in range(3)])
        busy.start()  # the process is forked while another thread is at work
        with multiprocessing.get_context(how).Pool(2) as pool:
            answers = pool.map_async(encode, range(COUNT)).get(60)
            found = pool.map_async(locate, range(2)).get(60)
        busy.join()
    assert answers == wanted
    assert found == [places, places]
    print("same")


if __name__ == "__main__":
    main(sys.argv[1])
