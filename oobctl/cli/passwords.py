"""Asking for a password: never an argument, because other users of this computer could read it there."""

import getpass
import sys

import typer

from oobctl.administer import LEAST_PASSWORD


def new_password(name: str) -> str:
    """A password that is chosen now, so it is asked for twice; or a line of standard input."""
    first = existing_password(f"New password for {name} (at least {LEAST_PASSWORD} characters)")
    if sys.stdin.isatty() and getpass.getpass("Once more: ") != first:
        raise typer.BadParameter("The two passwords differ.")
    return first


def existing_password(what: str) -> str:
    """A password that is in use somewhere, asked for once; or a line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    return getpass.getpass(f"{what}: ")
