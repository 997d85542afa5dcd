"""From an error's code comes the word for how a BMC keeps its readings from us."""

import pytest

from oobctl.constants import Contact
from oobctl.errors import BmcAuthFailed, BmcBusy, BmcError, BmcUnreachable, ConfigurationError, OobctlError, contact


def family(error: type[OobctlError]) -> list[type[OobctlError]]:
    return [error, *(one for child in error.__subclasses__() for one in family(child))]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (BmcUnreachable, Contact.SILENT),
        (BmcAuthFailed, Contact.REFUSES_US),
        (BmcBusy, Contact.BUSY),
        (ConfigurationError, Contact.CANNOT_BE_ASKED),
    ],
)
def test_each_error_of_a_family_has_its_word_and_no_other_has_it(error: type[OobctlError], expected: Contact) -> None:
    codes = {one.code for one in family(error)}
    assert {contact(code) for code in codes} == {expected}
    others = {one.code for one in family(BmcError)} - codes - {"not_supported"}
    assert expected not in {contact(code) for code in others}


def test_whatever_else_a_bmc_answers_is_wrong() -> None:
    assert {contact(code) for code in ("bmc_bad_answer", "bmc_refused", "bmc_identity_changed", "new")} == {
        Contact.ANSWERS_WRONGLY
    }
