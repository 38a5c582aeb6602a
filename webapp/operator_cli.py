"""`flask operator ...`: operators' accounts are made by whoever can read the settings."""

import sys
from datetime import timedelta
from typing import Protocol

import click
from flask import Blueprint

from resumes.accounts import NAME_RULE, Account, as_name, password_fault
from resumes.operating import Role
from webapp.operators import AccountReader
from webapp.operators_passwords import Passwords
from webapp.operators_sign_in import Audit
from webapp.operators_tokens import operator_token

#: Who did it, in the audit log.
_WHO = "command line"
_MAX_TTL_HOURS = 366 * 24


class AccountAdmin(AccountReader, Protocol):
    """Where accounts are made and changed; False means that there is none of that name."""

    def all(self) -> list[Account]:
        """Return every account by name."""

    def create(self, name: str, role: Role, password_hash: str) -> bool:
        """Make an account; False when the name is taken."""

    def set_password(self, name: str, password_hash: str) -> bool:
        """Give the account another password, enable it and end its sessions."""

    def set_role(self, name: str, role: Role) -> bool:
        """Give the account another role and end its sessions."""

    def disable(self, name: str) -> bool:
        """Let the account sign in no more and end its sessions."""


class _Name(click.ParamType[str]):
    name = "name"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return as_name(value) or self.fail(f"{value!r} is no name: {NAME_RULE}", param, ctx)


_NAME = click.argument("name", type=_Name())
_ROLE = click.option("--role", type=click.Choice([str(role) for role in Role]), required=True)
_PASSWORD_STDIN = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input's first line."
)


def operator_commands(accounts: AccountAdmin, passwords: Passwords, audit: Audit) -> Blueprint:
    """Return the blueprint that carries the `operator` command group."""
    blueprint = Blueprint("operator", __name__, cli_group="operator")
    _add_making(blueprint, accounts, passwords, audit)
    _add_changing(blueprint, accounts, audit)

    @blueprint.cli.command("ls")
    def ls() -> None:
        """List the accounts: name, role, and whether it is disabled."""
        for account in accounts.all():
            state = "disabled" if account.is_disabled else "enabled"
            click.echo(f"{account.name}\t{account.role}\t{state}")

    @blueprint.cli.command("token")
    @_NAME
    @click.option(
        "--ttl-hours",
        type=click.IntRange(1, _MAX_TTL_HOURS),
        default=12,
        show_default=True,
    )
    def token(name: str, ttl_hours: int) -> None:
        """Print a token for the API: `Authorization: Bearer <token>`."""
        account = accounts.find(name)
        if account is None or account.is_disabled:
            raise click.ClickException(f"no enabled account has the name {name!r}")
        audit.note(_WHO, "operator.token", name, ttl_hours=ttl_hours)
        click.echo(operator_token(account, timedelta(hours=ttl_hours)))

    return blueprint


def _add_making(
    blueprint: Blueprint, accounts: AccountAdmin, passwords: Passwords, audit: Audit
) -> None:
    @blueprint.cli.command("create")
    @_NAME
    @_ROLE
    @_PASSWORD_STDIN
    @click.option("--if-missing", is_flag=True, help="Leave an account of that name as it is.")
    def create(name: str, role: str, *, password_stdin: bool, if_missing: bool) -> None:
        """Make an account."""
        if if_missing and accounts.find(name) is not None:
            return
        password_hash = passwords.hash(_new_password(from_stdin=password_stdin))
        if not accounts.create(name, Role(role), password_hash):
            raise click.ClickException(
                f"there is an account {name!r} already; see set-password and set-role"
            )
        audit.note(_WHO, "operator.create", name, role=role)

    @blueprint.cli.command("set-password")
    @_NAME
    @_PASSWORD_STDIN
    def set_password(name: str, *, password_stdin: bool) -> None:
        """Change the password, enable a disabled account, end its sessions and tokens."""
        _require(accounts.find(name) is not None, name)
        password_hash = passwords.hash(_new_password(from_stdin=password_stdin))
        _require(accounts.set_password(name, password_hash), name)
        audit.note(_WHO, "operator.set_password", name)


def _add_changing(blueprint: Blueprint, accounts: AccountAdmin, audit: Audit) -> None:
    @blueprint.cli.command("set-role")
    @_NAME
    @_ROLE
    def set_role(name: str, role: str) -> None:
        """Change the role, end all sessions and tokens."""
        _require(accounts.set_role(name, Role(role)), name)
        audit.note(_WHO, "operator.set_role", name, role=role)

    @blueprint.cli.command("disable")
    @_NAME
    def disable(name: str) -> None:
        """Let nobody sign in, end all sessions and tokens; set-password enables it again."""
        _require(accounts.disable(name), name)
        audit.note(_WHO, "operator.disable", name)


def _require(found: bool, name: str) -> None:  # noqa: FBT001  # an assertion in words
    if not found:
        raise click.ClickException(f"no account has the name {name!r}")


def _new_password(*, from_stdin: bool) -> str:
    """Read a password, which is right as it is: spaces count."""
    if from_stdin:
        password = sys.stdin.readline().removesuffix("\n").removesuffix("\r")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    if fault := password_fault(password):
        raise click.ClickException(fault)
    return password
