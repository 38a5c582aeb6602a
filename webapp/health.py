"""/livez (the process alone), /readyz (what it needs), /metrics (Prometheus)."""

from collections.abc import Callable, Mapping

from flask import Blueprint, Response, jsonify


def health_blueprint(
    checks: Mapping[str, Callable[[], bool]], exposition: Callable[[], tuple[bytes, str]]
) -> Blueprint:
    """Return the probes' blueprint; `checks` are quick and bounded, by name."""
    blueprint = Blueprint("health", __name__)

    @blueprint.get("/livez")
    def livez() -> Response:
        # Never a dependency: a database that is away must not restart every web process.
        return jsonify(alive=True)

    @blueprint.get("/readyz")
    def readyz() -> Response:
        results = {name: check() for name, check in checks.items()}
        response = jsonify(ready=all(results.values()), checks=results)
        response.status_code = 200 if all(results.values()) else 503
        return response

    @blueprint.get("/metrics")
    def metrics() -> Response:
        body, content_type = exposition()
        return Response(body, content_type=content_type)

    return blueprint
