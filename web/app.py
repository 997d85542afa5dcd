"""The Flask side of the panel: pages, REST API, probes."""

from datetime import timedelta
from typing import Any

from flask import Flask, redirect, url_for
from flask_openapi3.openapi import OpenAPI

from oobctl import __version__
from oobctl.access.cookie import is_https
from oobctl.config import settings
from oobctl.panel_secret import read_secret
from web import (
    api,
    audit,
    boot_scripts,
    consoles,
    fleet,
    guard,
    hardware,
    jobs,
    keys,
    limits,
    numbers,
    probes,
    problems,
    recordings,
    reinstall,
    servers,
    sessions,
    words,
)
from web.metrics import controller, pages
from web.security import MOST_BODY_BYTES


def create_app() -> Flask:
    """The application. Raises ConfigurationError where the installation's secret key is missing or wrong."""
    app = OpenAPI(
        "web",
        info=api.INFO,
        security_schemes=api.SECURITY_SCHEMES,
        validation_error_callback=api.refuse_invalid,
        doc_ui=False,
        static_folder="static",
        template_folder="templates",
    )
    app.config.from_mapping(_configuration())
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.url_map.strict_slashes = False
    app.json = numbers.Json(app)
    guard.register(app)
    limits.limiter.init_app(app)
    problems.register(app)
    words.register(app)
    app.register_api(api.blueprint)
    for blueprint in (
        servers.blueprint,
        hardware.blueprint,
        jobs.blueprint,
        reinstall.blueprint,
        keys.blueprint,
        boot_scripts.blueprint,
    ):
        limits.limiter.limit(limits.PANEL_WRITES, methods=["POST"])(blueprint)
    for blueprint in (
        sessions.blueprint,
        servers.blueprint,
        reinstall.blueprint,
        keys.blueprint,
        boot_scripts.blueprint,
        hardware.blueprint,
        jobs.blueprint,
        consoles.blueprint,
        recordings.blueprint,
        audit.blueprint,
        fleet.blueprint,
        probes.blueprint,
        pages.blueprint,
    ):
        app.register_blueprint(blueprint)
    controller.count_requests(app)

    app.add_url_rule("/", "home", lambda: redirect(url_for("servers.index")))
    return app


def _configuration() -> dict[str, Any]:
    """Flask's own cookie carries nothing but the CSRF token's other half; who is signed in stands in the database."""
    prefix = "__Host-" if is_https() else ""
    return {
        "SECRET_KEY": read_secret(settings().home),
        "SESSION_COOKIE_NAME": f"{prefix}oobctl_form",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": is_https(),
        "PERMANENT_SESSION_LIFETIME": timedelta(hours=settings().session_hours),
        "WTF_CSRF_TIME_LIMIT": None,  # as long as the session: a page left open must not fail when it is needed
        "WTF_CSRF_SSL_STRICT": True,
        "MAX_CONTENT_LENGTH": MOST_BODY_BYTES,
        "MAX_FORM_MEMORY_SIZE": MOST_BODY_BYTES,
        "SEND_FILE_MAX_AGE_DEFAULT": timedelta(days=7),  # addresses of static files carry a digest of the content
        "RATELIMIT_HEADERS_ENABLED": False,
        "OOBCTL_VERSION": __version__,
    }
