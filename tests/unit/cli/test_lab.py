"""`oobctl lab up`: how big a rack is asked for, before anything is started."""

import pytest

from tests.unit.cli.test_messages import oobctl


@pytest.mark.parametrize("count", ["0", "-1", "100", "many"])
def test_a_rack_of_a_size_that_there_is_not_is_refused_naming_the_option(home: object, count: str) -> None:
    done = oobctl("lab", "up", "--servers", count)
    assert done.returncode == 2
    assert "--servers" in done.stderr


def test_how_many_servers_and_which_are_not_asked_for_together(home: object) -> None:
    done = oobctl("lab", "up", "--servers", "4", "--server", "web01")
    assert done.returncode == 2
    assert "leave one of them out" in done.stderr


def test_a_server_that_no_rack_has_is_refused_with_those_that_it_has(home: object) -> None:
    done = oobctl("lab", "up", "--server", "mail01")
    assert done.returncode != 0
    assert "web01, db01, app01" in done.stderr
