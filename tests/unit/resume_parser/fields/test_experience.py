import pytest

from resume_parser.fields.experience import find_experience
from tests.unit.resume_parser.pages import BOLD, lines


@pytest.mark.parametrize(
    "rows",
    [
        [("Data Engineer\tMay 2020 - Present", BOLD), "Example Ltd | Berlin, Germany"],
        [("Example Ltd\tMay 2020 - Present", BOLD), "Data Engineer"],
        [("Data Engineer, Example Ltd", BOLD), "May 2020 - Present"],
        [("Example Ltd - Data Engineer", BOLD), "Berlin, Germany", "May 2020 - Present"],
        ["May 2020 - Present", ("Data Engineer", BOLD), "Example Ltd, Berlin"],
        [("Data Engineer at Example Ltd\t05/2020 - now", BOLD)],
    ],
)
def test_title_and_company_are_told_apart_in_any_order(rows: list[object]) -> None:
    (job,) = find_experience(lines(*rows, "\u2022 Built pipelines"))  # type: ignore[arg-type]

    assert (job["title"], job["company"]) == ("Data Engineer", "Example Ltd")
    assert job["duration"] == "2020-05 - Present"
    assert job["responsibilities"] == ["Built pipelines"]


def test_the_order_of_clear_heads_decides_for_unclear_ones() -> None:
    jobs = find_experience(
        lines(
            ("Blue Door", BOLD),
            "Manager",
            "2019 - 2020",
            "\u2022 Ran it",
            ("Red Door", BOLD),
            "Head Gardener",
            "2017 - 2018",
            "\u2022 Ran that",
            ("Old Gate", BOLD),
            "Doorkeeping",
            "2015 - 2016",
            "\u2022 Held it",
        )
    )

    assert [job["company"] for job in jobs] == ["Blue Door", "Red Door", "Old Gate"]
    assert jobs[2]["title"] == "Doorkeeping"


def test_a_first_job_with_a_start_only_goes_on_when_the_others_have_ended() -> None:
    rows = [
        ("Engineer\tMay 2021", BOLD),
        "Example Ltd",
        "\u2022 Builds",
        ("Tester\tMay 2018 - Apr 2021", BOLD),
        "Sample Ltd",
        "\u2022 Tested",
    ]

    durations = [job["duration"] for job in find_experience(lines(*rows))]  # type: ignore[arg-type]

    assert durations == ["2021-05 - Present", "2018-05 - 2021-04"]


def test_lines_under_achievements_are_achievements() -> None:
    (job,) = find_experience(
        lines(
            ("Engineer, Example Ltd\t2020 - 2021", BOLD),
            "\u2022 Built",
            "Key achievements",
            "\u2022 Won",
            "Responsibilities",
            "\u2022 Ran",
        )
    )

    assert (job["responsibilities"], job["achievements"]) == (["Built", "Ran"], ["Won"])


def test_no_lines_make_no_jobs() -> None:
    assert find_experience([]) == []
