"""The page: complete, safe, and on its own."""

from __future__ import annotations

import datetime
import re
from html.parser import HTMLParser

import pytest

from tests.evaluate.test_charts import every_chart
from vultus._version import __version__
from vultus.errors import StorageError
from vultus.evaluate.report import Headline, Report, Table, render, write_report

pytest.importorskip("matplotlib", reason="matplotlib is not installed")

NASTY = "<script>alert('x')</script> & \"Äh\" \udcff\x1b[31m"
VOID = {"meta", "link", "br", "img", "input", "hr"}


def report(**changed):
    told = {
        "title": "A title",
        "lead": "A lead.",
        "headlines": [Headline("Accuracy", "98.1 %", "of 1,682 pairs")],
        "charts": [],
        "tables": [Table("A table", ["name", "value"], [["one", "1"], ["two", "2"]], "A note.")],
        "settings": {"images": "photos"},
        "limits": ["A limit."],
        "made_at": datetime.datetime(
            2026, 3, 1, 1, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=2))
        ),
    }
    return Report(**{**told, **changed})


class Page(HTMLParser):
    """What a browser would see; fails where tags do not match."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words = [], [], ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.words += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def test_the_page_tells_everything():
    page = Page(render(report()))
    for text in ("A title", "A lead.", "98.1 %", "of 1,682 pairs", "A note.", "A limit.", "photos"):
        assert text in page.words
    assert "2026-02-28 23:30 UTC" in page.words  # not the local time
    assert __version__ in page.words
    assert "onnxruntime" in page.words
    assert page.all("time")[0]["datetime"] == "2026-02-28T23:30:00Z"
    assert page.all("html")[0]["lang"] == "en"


def test_the_page_needs_nothing_else():
    text = render(report(charts=every_chart()[:4]))
    page = Page(text)
    assert not {"script", "link", "iframe", "img", "image", "object"} & {
        tag for tag, _ in page.tags
    }
    for _, attributes in page.tags:
        assert not {"src", "srcset", "data", "onclick", "onload"} & set(attributes)
        for name in ("href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#")
    assert not re.search(r"@import|url\((?!#)", text)
    policy = [one["content"] for one in page.all("meta") if "http-equiv" in one]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_drawings_are_described_take_the_pages_colours_and_share_no_id():
    drawn = every_chart()[:4]
    page = Page(render(report(charts=drawn)))
    labels = [one["aria-label"] for one in page.all("svg")]
    assert labels == [f"{chart.title}. {chart.caption}" for chart in drawn]
    ids = [attributes["id"] for _, attributes in page.tags if attributes.get("id")]
    assert len(ids) == len(set(ids)) > 100
    used = {a["xlink:href"][1:] for _, a in page.tags if "xlink:href" in a}
    assert used <= set(ids)
    styles = " ".join(a.get("style") or "" for tag, a in page.tags)
    assert "var(--ink)" in styles
    assert "var(--c0)" in styles
    assert not re.search(r"#[0-9a-f]{6}", styles)


def test_the_page_is_light_and_dark_and_prints_light():
    text = render(report())
    assert "@media screen and (prefers-color-scheme:dark)" in text
    assert "color-scheme:light dark" in text
    assert "@media print" in text


def test_names_cannot_break_the_page():
    text = render(
        report(
            title=NASTY,
            lead=NASTY,
            headlines=[Headline(NASTY, NASTY, NASTY)],
            tables=[Table(NASTY, [NASTY, "b"], [[NASTY, NASTY]], NASTY)],
            settings={NASTY: NASTY},
            limits=[NASTY],
        )
    )
    page = Page(text)
    assert not page.all("script")
    assert "<script>alert('x')</script> & \"Äh\" \\udcff [31m" in page.words
    text.encode("utf-8")


def test_written_whole_and_over_the_one_before(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("before")
    write_report(report(), path)
    assert path.read_text("utf-8") == render(report())
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]


def test_a_place_that_cannot_be_written_to(tmp_path):
    with pytest.raises(StorageError):
        write_report(report(), tmp_path / "nothing" / "report.html")
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(StorageError):
        write_report(report(), tmp_path / "folder.html")
    assert [one.name for one in tmp_path.iterdir()] == ["folder.html"]
