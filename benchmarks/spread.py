"""Medians, spreads and ratios of times measured in turn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Summary = dict[str, float]


def summarise(seconds: Sequence[float]) -> Summary:
    """Median and the range of the middle 80 %, in milliseconds."""
    low, middle, high = np.percentile(seconds, (10, 50, 90)) * 1000
    return {"median": float(middle), "low": float(low), "high": float(high), "n": len(seconds)}


def compare(ours: Sequence[float], peer: Sequence[float]) -> dict[str, Summary]:
    """Both summaries, and how many times longer the peer takes.

    The ratio is that of the medians; its range is that of the middle 80 % of the ratios of two
    measurements made directly after each other.
    """
    low, high = np.percentile(np.asarray(peer) / np.asarray(ours), (10, 90))
    ratio = float(np.median(peer) / np.median(ours))
    return {
        "ours": summarise(ours),
        "peer": summarise(peer),
        "ratio": {"median": ratio, "low": float(low), "high": float(high), "n": len(ours)},
    }


def in_words(summary: Summary, unit: str = "") -> str:
    """`12.3 ms (11.9 to 14.0)`."""
    return f"{summary['median']:.1f}{unit} ({summary['low']:.1f} to {summary['high']:.1f})"
