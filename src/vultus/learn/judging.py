"""How right a classifier's answers are, of people it knows and of strangers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from vultus.gallery.matcher import Decision

_WORST_PAIRS = 10


@dataclass(frozen=True)
class Judgement:
    """Shares are between 0 and 1, and None where there is nothing that they could be of.

    known: faces of people it knows; accuracy: the right one of these people is the most probable;
    named_rightly, named_wrongly: named at the threshold, the others are unknown to it.
    strangers: faces of others; strangers_named: named all the same. confused: whom it takes for
    whom most often, (shown, answered, how often).
    """

    known: int
    accuracy: float | None
    named_rightly: float | None
    named_wrongly: float | None
    strangers: int
    strangers_named: float | None
    confused: list[tuple[str, str, int]]

    def to_dict(self) -> dict[str, object]:
        """As the JSON of the documentation."""
        pairs = [
            {"shown": one, "answered": two, "count": count} for one, two, count in self.confused
        ]
        return {**self.__dict__, "confused": pairs}


def judge(
    labels: Collection[str], shown: Sequence[str], decisions: Sequence[Decision]
) -> Judgement:
    """Judge answers by whom the pictures show: one of the labels, or a stranger."""
    names = frozenset(labels)
    pairs = list(zip(shown, decisions, strict=True))
    known = [(who, decision) for who, decision in pairs if who in names]
    others = [decision for who, decision in pairs if who not in names]
    best = [(who, decision.candidates[0].person) for who, decision in known]
    wrong = Counter(pair for pair in best if pair[0] != pair[1])
    worst = sorted(wrong.items(), key=lambda item: (-item[1], item[0]))[:_WORST_PAIRS]
    rightly = [decision.person == who for who, decision in known]
    wrongly = [decision.person not in (None, who) for who, decision in known]
    return Judgement(
        known=len(known),
        accuracy=_share([who == answer for who, answer in best]),
        named_rightly=_share(rightly),
        named_wrongly=_share(wrongly),
        strangers=len(others),
        strangers_named=_share([decision.person is not None for decision in others]),
        confused=[(who, answer, count) for (who, answer), count in worst],
    )


def _share(outcomes: Sequence[bool]) -> float | None:
    return sum(outcomes) / len(outcomes) if outcomes else None
