"""`make chaos-short`: a few scenarios of the matrix, with a small load; docs/reliability.md."""

from collections.abc import Iterator

import pytest

from tests.chaos import report
from tests.chaos.environment import Environment
from tests.chaos.matrix import SHORT
from tests.chaos.scenario import Scenario, run
from tests.chaos.site import Size

SIZE = Size(jobs=300, seconds=15)


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    environment = Environment(tmp_path_factory.mktemp("chaos"))
    yield environment
    environment.close()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("scenario", SHORT, ids=[scenario.name for scenario in SHORT])
def test_nothing_is_lost_or_done_twice(scenario: Scenario, environment: Environment) -> None:
    result = run(scenario, environment, SIZE, seed=1)
    assert result.is_good, f"{report.line(result)}\n{result.error}"
