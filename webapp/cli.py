"""`flask user create` and `flask user token`: users for development and tests.

The customer's other services make real users and sign their tokens.
"""

from datetime import timedelta
from typing import Protocol

import click
from flask import Blueprint
from flask_jwt_extended import create_access_token

from resumes.identity import UserRecord


class UserAdmin(Protocol):
    """Where users are made."""

    def create(self, email: str, *, role: str, tier: str) -> str:
        """Create a user and return the id; an e-mail that exists gives that user's id."""

    def find(self, user_id: object) -> UserRecord | None:
        """Return the user; None for an id that is malformed or of nobody."""


def user_commands(users: UserAdmin) -> Blueprint:
    """Return the blueprint that carries the `user` command group."""
    blueprint = Blueprint("user", __name__, cli_group="user")

    @blueprint.cli.command("create")
    @click.option("--email", required=True)
    @click.option("--role", type=click.Choice(["user", "recruiter", "operator"]), default="user")
    @click.option("--tier", type=click.Choice(["standard", "vip"]), default="standard")
    def create(email: str, role: str, tier: str) -> None:
        """Create a user (or find it by e-mail) and print its id."""
        click.echo(users.create(email, role=role, tier=tier))

    @blueprint.cli.command("token")
    @click.argument("user_id")
    @click.option("--ttl-hours", type=click.FloatRange(min=0, min_open=True), default=12)
    def token(user_id: str, ttl_hours: float) -> None:
        """Print an access token for USER_ID."""
        if users.find(user_id) is None:
            raise click.ClickException(f"no user has the id {user_id!r}")
        click.echo(create_access_token(user_id, expires_delta=timedelta(hours=ttl_hours)))

    return blueprint
