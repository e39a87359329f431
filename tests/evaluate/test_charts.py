"""What charts hold, and that they can be drawn."""

from __future__ import annotations

import io
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image

from vultus.errors import ExtraMissing, StorageError
from vultus.evaluate import charts, metrics, plots
from vultus.evaluate.detection import Curve, by_height

pytest.importorskip("matplotlib", reason="matplotlib is not installed")


def pairs(count=400, seed=0):
    rng = np.random.default_rng(seed)
    same = np.arange(count) % 2 == 0
    distances = np.where(same, rng.normal(0.4, 0.12, count), rng.normal(0.75, 0.12, count))
    distances[:3] = np.inf
    return distances, same


GALLERIES = [
    {
        "size": size,
        "cmc": np.linspace(0.9, 1, 20).tolist(),
        "probes": 80.5,
        "stranger_probes": 900.0,
        "trade_off": {"fpir": [0.001, 0.01, 0.1], "fnir": [0.4, 0.2, 0.1]},
    }
    for size in (100, 500)
]
CLUSTERS = {
    "people": 10,
    "clusters": 12,
    "clusters_of_person": {"1": 8, "2": 2, "3": 0, "4+": 0},
    "people_in_cluster": {"1": 11, "2": 1, "3": 0, "4+": 0},
}


def every_chart():
    distances, same = pairs()
    probabilities = 1 / (1 + np.exp(20 * (distances - 0.55)))
    heights = np.array([5.0, 20, 30, 60, 60, 200])
    curve = Curve(np.array([1.0, 0.9, 0.95]), np.array([0.3, 0.5, 0.8]))
    return [
        charts.roc_chart(distances, same),
        charts.det_chart(distances, same),
        charts.distance_chart(distances, same, 0.53),
        charts.reliability_chart(probabilities, same, "a pair is of one person"),
        charts.precision_recall_chart(-distances, same, "genuine pairs"),
        charts.detection_precision_recall({0.5: curve, 0.75: curve}),
        charts.recall_by_height_chart(by_height(heights, heights > 25)),
        charts.cmc_chart(GALLERIES),
        charts.open_set_chart(GALLERIES),
        charts.named_chart(same, -distances, -distances[~same]),
        charts.cluster_chart(CLUSTERS),
    ]


@pytest.mark.parametrize("chart", every_chart(), ids=lambda chart: f"{chart.name} {chart.title}")
def test_every_chart_is_drawn(chart):
    image = Image.open(io.BytesIO(plots.draw_png(chart)))
    assert image.size == (1024, 704)
    svg = plots.draw_svg(chart)
    tag = ElementTree.fromstring(svg).tag  # noqa: S314  made here
    assert tag == "{http://www.w3.org/2000/svg}svg"
    assert "nan" not in svg.lower()


def test_the_same_chart_is_the_same_bytes_on_paper_or_without():
    chart = charts.cluster_chart(CLUSTERS)
    svg = plots.draw_svg(chart)
    assert svg == plots.draw_svg(chart)
    assert plots.draw_svg(chart, clear=True).count(plots.PAPER) < svg.count(plots.PAPER)


def test_the_roc_is_the_rates():
    distances, same = pairs()
    (line,) = charts.roc_chart(distances, same).series
    for far, tar in list(zip(line.xs, line.ys, strict=True))[1:]:
        assert tar == pytest.approx(metrics.true_accept_rate(distances, same, far + 1e-9))
    assert line.xs[0] == 0.5 / (~same).sum()
    assert line.ys[0] == metrics.true_accept_rate(distances, same, 0)


def test_the_det_is_the_roc_upside_down():
    distances, same = pairs()
    (line,) = charts.det_chart(distances, same).series
    assert min(line.xs) > 0
    for far, frr in zip(line.xs, line.ys, strict=True):
        assert 1 - frr == pytest.approx(metrics.true_accept_rate(distances, same, far + 1e-9))


def test_histograms_share_out_what_was_found():
    distances, same = pairs()
    genuine, impostors = charts.distance_chart(distances, same, 0.5).series
    assert sum(genuine.ys) == pytest.approx(1)
    assert sum(impostors.ys) == pytest.approx(1)
    assert genuine.xs == impostors.xs
    assert genuine.label.endswith(f"({int(np.isfinite(distances[same]).sum())})")


def test_a_line_of_very_many_points_keeps_its_low_end():
    rng = np.random.default_rng(1)
    same = np.arange(60_000) % 2 == 0
    distances = rng.random(60_000) + ~same
    distances[1] = 0.0
    (line,) = charts.roc_chart(distances, same).series
    assert len(line.xs) < 1100
    assert line.xs[1] == pytest.approx(1 / 30_000)
    assert line.ys[-1] == 1


TWO = np.array([0.2, 0.9]), np.array([True, False])
LITTLE = [
    charts.roc_chart(*TWO),
    charts.det_chart(*TWO),
    charts.distance_chart(np.full(2, np.inf), TWO[1], 0.5),
    charts.precision_recall_chart(-TWO[0], TWO[1], "pairs"),
    charts.detection_precision_recall({0.5: Curve(np.zeros(0), np.zeros(0))}),
    charts.named_chart(TWO[1], TWO[0], TWO[0][:1]),
    charts.open_set_chart(
        [
            {
                "size": 1,
                "stranger_probes": 1.0,
                "trade_off": {"fpir": [0.5, 1.0], "fnir": [0.5, 0.0]},
            }
        ]
    ),
]


@pytest.mark.parametrize("chart", LITTLE, ids=lambda chart: chart.title)
def test_charts_of_almost_nothing(chart):
    assert plots.draw_png(chart)


def test_plots_are_written_under_their_names(tmp_path):
    distances, same = pairs()
    folder = tmp_path / "new" / "plots"
    written = plots.save_plots([charts.roc_chart(distances, same)], folder)
    assert sorted(path.name for path in written) == ["roc.png", "roc.svg"]
    assert all(path.stat().st_size > 1000 for path in written)


def test_a_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written to"):
        plots.save_plots([charts.cluster_chart(CLUSTERS)], tmp_path / "file" / "plots")


def test_without_matplotlib(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ExtraMissing) as raised:
        plots.save_plots([charts.cluster_chart(CLUSTERS)], tmp_path)
    assert "vultus[plots]" in raised.value.hint


def test_importing_the_charts_imports_no_matplotlib():
    import subprocess

    code = (
        "import sys, vultus.evaluate.charts, vultus.evaluate.plots, vultus.evaluate.report\n"
        "sys.exit('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
