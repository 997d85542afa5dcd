"""The gateway's own pages at a label: the way in, and why there is none. Nothing of a BMC's stands in them."""

from html import escape

from aiohttp import web

from oobctl.config import settings
from oobctl.consoles.launch import headers

_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">{more}
<title>{title}</title>
<style>
body {{ margin: 0; font: 16px/1.5 system-ui, sans-serif; background: #f6f7f9; color: #1b2430 }}
main {{ max-width: 34rem; margin: 12vh auto 0; padding: 0 1.25rem }}
h1 {{ font-size: 1.35rem; margin: 0 0 .5rem }}
a {{ color: #0b57a4 }}
@media (prefers-color-scheme: dark) {{ body {{ background: #12161c; color: #dfe5ec }} a {{ color: #8ab8ee }} }}
</style></head>
<body><main><h1>{title}</h1><p>{says}</p>{link}</main></body>
</html>
"""


def opening(origin: str, page: str, server: str, *, token_in_browser: bool) -> web.Response:
    """The browser goes on from here by itself: as a page of the label's own, so that its cookie comes with it."""
    says = "It opens now. If it does not, "
    if token_in_browser:
        says = f"A short-lived BMC token reaches this browser. {says}"
    go = f'<meta http-equiv="refresh" content="0;url={escape(page)}">'
    text = _PAGE.format(
        more=go, title=f"The console of {escape(server)}", link="",
        says=f'{escape(says)}<a href="{escape(page)}">go on to it</a>.',
    )  # fmt: skip
    return _response(text, 200, origin)


def refused(origin: str, status: int, title: str, says: str, console_id: str | None = None) -> web.Response:
    """Why nothing is shown, and the way back."""
    path = f"/consoles/{console_id}" if console_id else "/"
    link = f'<p><a href="{escape(settings().url + path)}">Back to the panel</a></p>'
    return _response(_PAGE.format(more="", title=escape(title), says=escape(says), link=link), status, origin)


def _response(text: str, status: int, origin: str) -> web.Response:
    response = web.Response(text=text, status=status, content_type="text/html", headers=headers.confining(origin))
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return response
