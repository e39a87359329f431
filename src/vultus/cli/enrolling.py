"""Writing prepared faces one by one, answering for each, and summing up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from vultus.cli.output import Output
from vultus.errors import FaceExists, UsageError, VultusError

if TYPE_CHECKING:
    from vultus.gallery.enrolment import Enrolment, PreparedFace
    from vultus.gallery.gallery import Gallery
    from vultus.migrate.encodings import Entry

OUTCOMES = ("new", "known", "failed")


class Enrolling:
    """What became of each face; `counts` has new, known and failed, `people` the same by name.

    dry: nothing is written, and the answers are what they would be.
    """

    def __init__(self, out: Output, gallery: Gallery, group: str, *, dry: bool = False) -> None:
        self._out = out
        self._gallery = gallery
        self._group = group
        self._dry = dry
        self._would: dict[str, str] = {}  # of a dry run: who would have which picture
        self.counts: Counter[str] = Counter()
        self.people: dict[str, Counter[str]] = {}

    def answer(
        self,
        source: str,
        person: str,
        face: PreparedFace | None,
        error: VultusError | None,
    ) -> None:
        """Write one face and answer for it."""
        if face is None:
            self._tell(source, person, error or VultusError("nothing was found"))
            return
        try:
            done = self._foresee(face) if self._dry else self._gallery.add(face, group=self._group)
        except (FaceExists, UsageError) as refused:
            self._tell(source, person, refused)
        else:
            self._tell(source, person, done)

    def answer_all(self, entries: Sequence[Entry]) -> None:
        """The same for many that were made without work, in one go."""
        if self._dry:
            for entry in entries:
                self.answer(entry.source, entry.person, entry.face, entry.error)
            return
        faces = [entry.face for entry in entries if entry.face is not None]
        written = iter(self._gallery.add_each(faces, group=self._group) if faces else [])
        for entry in entries:
            self._tell(entry.source, entry.person, entry.error or next(written))

    def _tell(self, source: str, person: str, done: Enrolment | VultusError) -> None:
        if isinstance(done, VultusError):
            outcome = "failed"
            self._out.error(done, source)
        else:
            outcome, person = "new" if done.new else "known", done.person.strip()
            self._out.data(self._record(done), self._line(done))
        self.counts[outcome] += 1
        self.people.setdefault(person, Counter())[outcome] += 1

    def _foresee(self, face: PreparedFace) -> Enrolment:
        """What `add` would answer, after those that were answered before."""
        from vultus.gallery.store import face_taken

        done = self._gallery.check(face, group=self._group)
        first = self._would.get(face.record.digest)
        if first not in (None, done.person):
            raise face_taken(face.record, str(first), self._group)
        self._would[face.record.digest] = done.person
        return replace(done, new=done.new and first is None)

    def _record(self, done: Enrolment) -> dict[str, Any]:
        from vultus.cli.records import rounded

        record: dict[str, Any] = rounded(asdict(done))
        return {**record, "dry_run": True} if self._dry else record

    def _line(self, done: Enrolment) -> str:
        if not done.new:
            return f"{done.person}: {done.source} was enrolled before"
        warnings = f" (poor: {'; '.join(done.warnings)})" if done.warnings else ""
        # what comes without a picture has no quality
        quality = f", quality {done.quality:.2f}" if done.quality else ""
        return f"{done.person}: {done.source}{quality}{warnings}"

    def sum_up(self, skipped: int) -> None:
        """One line for the person at the terminal."""
        done = "would be enrolled" if self._dry else "enrolled"
        parts = [f"{self.counts['new']} faces {done} into {self._group!r}"]
        parts += [f"{self.counts['known']} were there before"] if self.counts["known"] else []
        parts += [f"{self.counts['failed']} failed"] if self.counts["failed"] else []
        parts += [f"{skipped} other files skipped"] if skipped else []
        self._out.note(", ".join(parts))
