"""The pages' arithmetic and words: paging, charts, times, tables for spreadsheets."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okta_mi_provider.page import charts, spreadsheet, words
from okta_mi_provider.page.charts import Doing, Moment
from okta_mi_provider.page.figures import Figures, figures
from okta_mi_provider.page.paging import Page
from okta_mi_provider.page.render import breakable, link
from okta_mi_provider.page.sight import owner
from okta_mi_provider.store.runs import RunKey

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


class TestPaging:
    @given(size=st.integers(1, 100), total=st.integers(0, 10_000))
    def test_the_pages_have_every_row_once(self, size: int, total: int) -> None:
        pages = [Page(number, size, total) for number in range(1, Page(1, size, total).last + 1)]

        rows = [row for page in pages for row in range(page.offset + 1, page.last_row + 1)]
        assert rows == list(range(1, total + 1))
        assert pages[0].first_row == min(1, total)

    @given(st.integers(-5, 500))
    def test_no_number_leads_nowhere(self, asked: int) -> None:
        page = Page(asked, 10, 95)
        assert 1 <= page.number <= page.last == 10
        assert 0 <= page.offset < 95


class TestCharts:
    @given(st.lists(st.integers(0, 10**9) | st.none(), max_size=30))
    def test_bars_stay_inside_and_zero_has_none(self, values: list[int | None]) -> None:
        chart = charts.bars("Added", [Moment("at", value) for value in values], "added", runs=30)

        assert len(chart.bars) == sum(bool(value) for value in values)
        assert all(bar.x >= 0 and bar.x + bar.width <= chart.width for bar in chart.bars)
        assert all(bar.y >= -0.01 and bar.y + bar.height <= chart.height + 0.01 for bar in chart.bars)
        assert all(bar.height >= 1 for bar in chart.bars)

    @given(st.lists(st.tuples(*[st.integers(0, 10_000)] * 4), max_size=30))
    def test_doings_stay_inside(self, values: list[tuple[int, int, int, int]]) -> None:
        chart = charts.doings([Doing("at", *each) for each in values], runs=30)

        assert all(bar.y >= 0 and bar.y + bar.height <= chart.height + 2 for bar in chart.bars), chart
        assert {bar.kind for bar in chart.bars} <= {"added", "changed", "removed", "trouble"}

    def test_what_is_drawn_is_also_said(self) -> None:
        doings = charts.doings([Doing("a", 3, 1, 0, 0), Doing("b", 0, 0, 2, 1)], runs=30)
        members = charts.line("Members", [Moment("a", 10), Moment("b", None), Moment("c", 12)], runs=30)

        assert not any(bar.height == doings.height for bar in doings.bars)
        assert doings.text == "In the last 2 runs: 3 added, 1 changed, 2 removed, 1 conflicts and failures"
        assert members.text == "Members: 10 at first, 12 now, 10 to 12"
        assert members.latest == 12
        assert charts.doings([], runs=30).text == "No run yet"
        assert charts.bars("Added", [], "added", runs=30).text == "Added: no run yet"
        assert charts.line("Members", [Moment("a", 5)], runs=30).line

    def test_a_run_that_did_not_get_through_is_seen_although_it_has_done_nothing(self) -> None:
        runs = [Doing("a", 3, 0, 0, 0), Doing("b", 0, 0, 0, 0, "failed"), Doing("c", 1, 0, 0, 2, "refused")]
        doings = charts.doings(runs, runs=30)

        lost = [bar for bar in doings.bars if bar.kind == "trouble"]
        assert [(bar.y, bar.height, bar.label) for bar in lost] == [(0, 36, "b: failed"), (0, 36, "c: refused")]
        # What it has done all the same is drawn over it.
        assert [bar.kind for bar in doings.bars] == ["added", "trouble", "trouble", "added"]
        assert doings.text.endswith("; runs that did not get through: 1 failed, 1 refused")

    def test_runs_that_did_not_get_through_stand_among_the_failures(self) -> None:
        moments = [Moment("a", 1), Moment("b", None, "failed"), Moment("c", 2, "failed"), Moment("d", 0)]
        chart = charts.bars("Failures", moments, "trouble", runs=30)

        assert [bar.label for bar in chart.bars] == ["a: 1", "b: failed", "c: 2"]
        assert chart.bars[1].height == chart.height
        assert chart.text == "Failures: 3 in the last 4 runs, 2 at most; runs that did not get through: 2 failed"


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("ana.li@acme.example", "ana.|li@|acme.|example"),
        ("manual__2026-11-28T17:06:22.1+00:00_x", "manual__|2026-11-28T17:|06:|22.|1+|00:|00_|x"),
        ("ends. (with) it.", "ends. (with) it."),
        ("<b>@x", "&lt;b&gt;@|x"),
        ("a\u202e@b", "a\\u202e@|b"),
    ],
)
def test_names_break_behind_what_they_are_made_of(text: str, broken: str) -> None:
    assert str(breakable(text)).replace("<wbr>", "|") == broken


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "just now"), (59, "59 seconds ago"), (61, "1 minute ago"), (7200, "2 hours ago"), (200_000, "2 days ago"),
     (-300, "in 5 minutes")],
)  # fmt: skip
def test_distances_are_said_in_the_larger_unit(seconds: int, said: str) -> None:
    assert words.distance(NOW - timedelta(seconds=seconds), NOW) == said


def test_numbers_of_a_run() -> None:
    counts = {"users": {"created": 1, "updated": 2, "disabled": 3, "conflicts": 4, "failed": 5}}

    assert figures({**counts, "memberships": {"added": 6, "removed": 7}}, 8) == Figures(8, 6, 1, 2, 7, 3, 4, 5)
    assert figures({}, None) == Figures()


class TestOwner:
    def test_a_sync_belongs_to_its_dag(self) -> None:
        assert owner("okta_mi__Sales") == "okta_mi__Sales"
        assert owner(RunKey.of_task("nightly", "provision", "r").dag_id) == "nightly"
        assert owner(RunKey.of_task("nightly", "x" * 249, "r").dag_id) == "nightly"

    def test_the_command_line_belongs_to_none(self) -> None:
        assert owner(RunKey.of_command("Sales").dag_id) is None
        assert owner(RunKey.of_command("S" * 400).dag_id) is None

    def test_half_an_id_is_nobody_s(self) -> None:
        """A DAG of that very name would otherwise be taken for the owner."""
        assert owner(RunKey.of_task("d" * 240, "provision_", "r").dag_id) is None
        assert owner(RunKey.of_task("d" * 230, "task", "r").dag_id) == "d" * 230


class TestSpreadsheet:
    @given(st.text())
    def test_no_cell_is_a_formula(self, text: str) -> None:
        _, (cell,) = csv.reader(io.StringIO("".join(spreadsheet.pieces(["name"], [[text]]))))
        assert cell[:1] not in {"=", "+", "-", "@", "\t", "\r", "\n"}

    def test_what_was_there_is_still_there(self) -> None:
        text = "".join(spreadsheet.pieces(["a", "b", "c"], [['x, "y"', 1, NOW], [None, "=1", ""]]))
        assert list(csv.reader(io.StringIO(text))) == [
            ["a", "b", "c"],
            ['x, "y"', "1", NOW.isoformat()],
            ["", "'=1", ""],
        ]

    def test_a_long_table_comes_in_few_pieces(self) -> None:
        """A piece for each line took 7 s for 10,000: the server changes threads twice for each piece that it sends."""
        made = list(spreadsheet.pieces(["number"], ([number] for number in range(10_000))))

        assert len(made) <= 11
        assert "".join(made).split("\r\n") == ["number", *map(str, range(10_000)), ""]


@given(st.text())
def test_names_stay_behind_the_question_mark(text: str) -> None:
    found = link("/okta-mi", "user", {"id": text, "page": ""})
    assert found.startswith("/okta-mi/user")
    assert not set(found) & set("<>\"' \n")
