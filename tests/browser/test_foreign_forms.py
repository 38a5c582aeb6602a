"""A page elsewhere sends the dashboard's form with the right token, in an operator's browser."""

import jwt
import pytest
from flask import Flask
from markupsafe import Markup
from selenium.webdriver.common.by import By

from tests.browser.chromium import Browser
from tests.browser.dashboard_pages import DashboardPages
from tests.browser.serving import served
from tests.eventually import eventually
from tests.unit.webapp.dashboard.site import Site
from tests.unit.webapp.dashboard.test_csrf import Accounts

_FORM = Markup("""<!doctype html><form method="post" action="{url}/dashboard/lanes">
<input name="csrf_token" value="{token}"><input name="name" value="default">
<button name="way" value="pause">Win a prize</button></form>""")


def sign_in(browser: Browser, url: str) -> str:
    """Return the session's CSRF token, which no other site gets to know."""
    browser.get(f"{url}/dashboard")
    browser.find_element(By.NAME, "name").send_keys("ann")
    browser.find_element(By.NAME, "password").send_keys("the password of ann")
    browser.find_element(By.CSS_SELECTOR, "main button").click()
    eventually(lambda: "Overview" in browser.title)
    cookie = browser.get_cookie("operator")
    assert cookie
    claims = jwt.decode(cookie["value"], options={"verify_signature": False})
    return str(claims["csrf"])


# Another port of the host is another origin but the same site, to which the cookie is sent.
@pytest.mark.parametrize(
    ("host", "shown"), [("127.0.0.1", "Forbidden"), ("localhost", "Sign in")], ids=["port", "site"]
)
def test_a_form_of_another_origin_changes_nothing(browser: Browser, host: str, shown: str) -> None:
    accounts = Accounts()
    site, elsewhere = Site(guard=accounts.guard), Flask("elsewhere")
    accounts.let_in(site.app)
    with served(site.app) as url, served(elsewhere) as other:
        token = sign_in(browser, url)
        elsewhere.add_url_rule("/", "form", lambda: _FORM.format(url=url, token=token))
        browser.get(other.replace("127.0.0.1", host))
        browser.find_element(By.TAG_NAME, "button").click()

        DashboardPages(browser, url).wait_for_page(shown)
        assert not site.lanes.known["default"].is_paused

        browser.get(f"{url}/dashboard/lanes")
        browser.find_element(By.CSS_SELECTOR, "#lane-1 button").click()
        eventually(lambda: site.lanes.known["default"].is_paused)
