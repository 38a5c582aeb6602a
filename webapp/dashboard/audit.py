"""/dashboard/audit: who did what, the newest first."""

from flask import Blueprint, render_template, request

from webapp.dashboard.ports import Ports

_PAGE_SIZE = 100


def add_audit(blueprint: Blueprint, ports: Ports) -> None:
    """Add the page."""

    @blueprint.get("/audit")
    def audit() -> str:
        cursor = request.args.get("cursor")
        entries, next_cursor = ports.audit.entries(cursor=cursor, limit=_PAGE_SIZE)
        return render_template(
            "dashboard/audit.html", entries=entries, cursor=cursor, next_cursor=next_cursor
        )
