import pytest
from flask.testing import FlaskClient

from tests.unit.webapp.dashboard.site import Site


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def client(site: Site) -> FlaskClient:
    return site.app.test_client()
