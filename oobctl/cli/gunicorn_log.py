"""gunicorn's own log lines, and those of the panel in its process, in the form of every other process's."""

from typing import Any

from gunicorn.glogging import Logger

from oobctl.cli import logs


class PanelLog(Logger):  # type: ignore[misc]
    """Named to gunicorn on its command line: what was set up before it replaced our process is lost."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        logs.set_up()
        for log in (self.error_log, self.access_log):
            log.handlers.clear()
            log.propagate = True
