"""How often somebody may ask: sign-ins by address and by name, writes by actor. One process, so memory holds it."""

from flask import request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from oobctl.access import known_address
from web.identity import signed_in

WRITES = "100 per second"
PANEL_WRITES = "10 per second"
SIGN_INS_BY_ADDRESS = "30 per minute"
WRONG_SIGN_INS_BY_NAME = "10 per 5 minutes"
"""Of one name from one address: nobody locks out anybody who is somewhere else."""
WRONG_SIGN_INS_FROM_ANYWHERE = "100 per 5 minutes"
"""Of one name from all addresses at which that user has not signed in before."""


def _who() -> str:
    visitor = signed_in()
    return visitor.actor.id if visitor else get_remote_address()


def typed_name() -> str:
    """The name in the sign-in form; the same person whatever the case."""
    return f"name:{request.form.get('name', '').strip().lower()[:128]}"


def typed_name_and_address() -> str:
    return f"{typed_name()} from {get_remote_address()}"


def signed_in_from_here_before() -> bool:
    return known_address(request.form.get("name", "").strip(), get_remote_address())


limiter = Limiter(key_func=_who, storage_uri="memory://", strategy="moving-window")
