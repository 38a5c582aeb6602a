"""`flask operator`: accounts are made, changed and ended at the terminal."""

import pytest
from click.testing import Result

from resumes.operating import Role
from tests.unit.webapp.operators_site import ME, Site

PASSWORD = "correct horse battery"


@pytest.fixture
def site() -> Site:
    return Site()


def run(site: Site, *arguments: str, stdin: str = "") -> Result:
    return site.app.test_cli_runner().invoke(args=["operator", *arguments], input=stdin)


def create(site: Site, name: str = "ann", role: str = "operator", *more: str) -> Result:
    return run(site, "create", name, "--role", role, "--password-stdin", *more, stdin=PASSWORD)


def can_sign_in(site: Site, name: str, password: str) -> bool:
    from tests.services.operators import Credentials

    return site.browser().sign_in(Credentials(name, password)).status_code == 303


def test_an_account_is_made_with_a_password_from_a_pipe(site: Site) -> None:
    done = run(
        site, "create", "Ann", "--role", "viewer", "--password-stdin", stdin=f"{PASSWORD}\r\nmore\n"
    )
    assert (done.exit_code, done.output) == (0, "")
    account = site.accounts.find("ann")
    assert account
    assert account.role is Role.VIEWER
    assert can_sign_in(site, "ann", PASSWORD)
    assert site.audit.entries[0] == ("command line", "operator.create", "ann")


def test_a_password_is_asked_for_twice_and_not_shown(site: Site) -> None:
    done = run(site, "create", "ann", "--role", "viewer", stdin=f"{PASSWORD}\n{PASSWORD}\n")
    assert done.exit_code == 0
    assert PASSWORD not in done.output
    assert can_sign_in(site, "ann", PASSWORD)


def test_a_typing_error_makes_no_account(site: Site) -> None:
    assert run(site, "create", "ann", "--role", "viewer", stdin=f"{PASSWORD}\nother\n").exit_code
    assert site.accounts.all() == []


def test_spaces_in_a_password_count(site: Site) -> None:
    run(site, "create", "ann", "--role", "viewer", "--password-stdin", stdin=f"  {PASSWORD}  \n")
    assert not can_sign_in(site, "ann", PASSWORD)
    assert can_sign_in(site, "ann", f"  {PASSWORD}  ")


@pytest.mark.parametrize(
    ("arguments", "stdin", "says"),
    [
        (("create", "ann", "--role", "viewer", "--password-stdin"), "short", "at least 12"),
        (("create", "ann", "--role", "viewer", "--password-stdin"), "", "at least 12"),
        (("create", "ann", "--role", "viewer", "--password-stdin"), "x" * 1025, "at most 1024"),
        (("create", "a b", "--role", "viewer", "--password-stdin"), PASSWORD, "1 to 64 of a-z"),
        (("create", "ann", "--role", "admin", "--password-stdin"), PASSWORD, "'admin' is not one"),
        (("create", "ann", "--password-stdin"), PASSWORD, "--role"),
        (("set-password", "bob", "--password-stdin"), PASSWORD, "no account has the name 'bob'"),
        (("set-role", "bob", "--role", "viewer"), "", "no account has the name 'bob'"),
        (("disable", "bob"), "", "no account has the name 'bob'"),
        (("token", "bob"), "", "no enabled account has the name 'bob'"),
        (("token", "ann", "--ttl-hours", "0"), "", "0"),
        (("token", "ann", "--ttl-hours", "nan"), "", "nan"),
        (("token", "ann", "--ttl-hours", "1000000"), "", "1000000"),
    ],
)
def test_what_can_not_be_done_is_said(
    site: Site, arguments: tuple[str, ...], stdin: str, says: str
) -> None:
    done = run(site, *arguments, stdin=stdin)
    assert done.exit_code in {1, 2}
    assert says in done.output
    assert "Traceback" not in done.output
    assert site.accounts.all() == []
    assert site.audit.entries == []


def test_a_name_that_is_taken_is_not_taken_over(site: Site) -> None:
    create(site)
    again = create(site, "ann", "viewer")
    assert again.exit_code == 1
    assert "already" in again.output
    assert create(site, "ann", "viewer", "--if-missing").exit_code == 0
    account = site.accounts.find("ann")
    assert account
    assert account.role is Role.OPERATOR


def test_accounts_are_listed(site: Site) -> None:
    create(site, "bob", "viewer")
    create(site)
    run(site, "disable", "bob")
    assert run(site, "ls").output == "ann\toperator\tenabled\nbob\tviewer\tdisabled\n"


@pytest.mark.parametrize(
    ("arguments", "action"),
    [
        (("set-password", "ann", "--password-stdin"), "operator.set_password"),
        (("set-role", "ann", "--role", "viewer"), "operator.set_role"),
        (("disable", "ann"), "operator.disable"),
    ],
)
def test_a_change_ends_tokens_and_is_noted(
    site: Site, arguments: tuple[str, ...], action: str
) -> None:
    create(site)
    header = {"Authorization": f"Bearer {run(site, 'token', 'ann').output.strip()}"}
    assert site.browser().get(ME, **header).status_code == 200
    assert run(site, *arguments, stdin="another password").exit_code == 0
    assert site.browser().get(ME, **header).status_code == 401
    assert site.audit.entries[-1] == ("command line", action, "ann")


def test_a_new_password_enables_an_account_again(site: Site) -> None:
    create(site)
    run(site, "disable", "ann")
    assert not can_sign_in(site, "ann", PASSWORD)
    assert run(site, "token", "ann").exit_code == 1
    run(site, "set-password", "ann", "--password-stdin", stdin="another password")
    assert not can_sign_in(site, "ann", PASSWORD)
    assert can_sign_in(site, "ann", "another password")
