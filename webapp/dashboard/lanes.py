"""/dashboard/lanes: stop workers from taking from a lane, and let them go on."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from resumes.operating import Role
from webapp.dashboard.ports import Ports

_REFRESH_S = 5


def add_lanes(blueprint: Blueprint, ports: Ports) -> None:
    """Add the page and its switch."""

    @blueprint.get("/lanes")
    def lanes() -> str:
        return render_template("dashboard/lanes.html", lanes=ports.lanes.all(), every_s=_REFRESH_S)

    @blueprint.post("/lanes")
    def switch_lane() -> AnyResponse:
        operator = ports.guard.require(Role.OPERATOR)
        name = request.form.get("name", "")
        if name not in {lane.name for lane in ports.lanes.all()}:
            raise NotFound("There is no such lane.")
        pauses = request.form.get("way") == "pause"
        change = ports.lanes.pause if pauses else ports.lanes.unpause
        reason = request.form.get("reason", "").strip()
        if change(name, operator.name, reason):
            action = "lane.pause" if pauses else "lane.unpause"
            ports.audit.note(operator.name, action, name, reason)
        return redirect(url_for(".lanes"), 303)
