"""Which profile fits: judged by what the BMC says, and each that came near says what rejected it."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl import profiles
from oobctl.constants import Protocol
from oobctl.drivers.identity import told
from oobctl.drivers.interfaces import Identity
from oobctl.errors import ConfigurationError
from oobctl.profiles.criteria import WEIGHTS, WORDS, Criteria, Wanted
from oobctl.profiles.match import match

SHIPPED = list(profiles.load_all().values())
GENERIC = [profile for profile in SHIPPED if profile.generic]


def fitting(name: str, *any_of: dict[str, Wanted]) -> profiles.Profile:
    alternatives = tuple(Criteria(wanted) for wanted in any_of)
    return replace(GENERIC[0], name=name, protocols=(Protocol.REDFISH,), any_of=alternatives)


ACME = fitting("acme", {"manufacturer": "^acme"}, {"ipmi_manufacturer": (4711, 4712)})
ACME_2 = fitting("acme-2", {"manufacturer": "^acme", "bmc_model": "two"})
ALL = [*GENERIC, ACME, ACME_2]


def name(identity: Identity, *protocols: Protocol) -> str:
    return match(identity, protocols, ALL).profile.name


def test_the_profile_that_asks_for_most_wins() -> None:
    assert name(Identity(manufacturer="ACME Inc.", bmc_model="BMC Two"), Protocol.REDFISH) == "acme-2"
    assert name(Identity(manufacturer="ACME Inc.", bmc_model="BMC One"), Protocol.REDFISH) == "acme"


def test_any_one_of_the_alternatives_is_enough() -> None:
    assert name(Identity(ipmi_manufacturer=4712), Protocol.REDFISH) == "acme"
    assert name(Identity(ipmi_manufacturer=4713), Protocol.REDFISH) == "generic-redfish"


def test_the_name_of_a_product_tells_more_than_a_maker_and_a_version() -> None:
    by_name = fitting("z", {"bmc_model": "two"})
    by_maker = fitting("a", {"manufacturer": "acme"})
    by_version = fitting("b", {"bmc_firmware": "1"})
    said = Identity(manufacturer="ACME", bmc_model="Two", bmc_firmware="1")
    for order in ([by_name, by_maker, by_version], [by_version, by_maker, by_name]):
        assert match(said, [Protocol.REDFISH], [*GENERIC, *order]).profile is by_name
    assert match(said, [Protocol.REDFISH], [*GENERIC, by_version, by_maker]).profile is by_maker


def test_one_of_the_oem_parts_is_enough_and_only_that_is_named() -> None:
    found = match(Identity(oem=("Contoso", "Acme")), [Protocol.REDFISH], [*GENERIC, fitting("acme", {"oem": "^acme$"})])
    assert found.profile.name == "acme"
    assert found.reason == "The BMC says OEM part Acme."


def test_what_was_not_said_fits_nothing() -> None:
    anything = [fitting(f"asks-{key}", {key: (0,) if key.startswith("ipmi") else ""}) for key in WEIGHTS]
    found = match(Identity(), [Protocol.REDFISH], [*GENERIC, *anything])
    assert found.profile.name == "generic-redfish"


def test_an_unknown_bmc_gets_the_generic_profile_of_its_protocol_and_the_reason() -> None:
    found = match(Identity(manufacturer="Other"), [Protocol.IPMI], ALL)
    assert found.profile.name == "generic-ipmi"
    assert found.reason == (
        "No profile knows Other, so it has a generic one: generic-ipmi fits any BMC that speaks its protocol."
    )
    assert name(Identity(), Protocol.REDFISH) == "generic-redfish"
    assert name(Identity(), Protocol.IPMI, Protocol.REDFISH) == "generic-redfish"


def test_what_came_near_says_what_rejected_it_the_nearest_first() -> None:
    found = match(Identity(manufacturer="ACME Inc.", bmc_model="BMC One"), [Protocol.REDFISH], ALL)
    assert [(one.profile, one.because) for one in found.rejected] == [
        ("acme-2", "it asks for BMC model like two, and the BMC says BMC One")
    ]
    unknown = match(Identity(bmc_model="BMC Two"), [Protocol.REDFISH], ALL)
    assert [one.profile for one in unknown.rejected] == ["acme-2"]
    assert unknown.reason.endswith(
        "The nearest was acme-2: it asks for manufacturer like ^acme, and the BMC says none."
    )


def test_one_that_fits_and_asks_for_less_is_named_as_such() -> None:
    found = match(Identity(manufacturer="ACME", bmc_model="Two"), [Protocol.REDFISH], ALL)
    assert [(one.profile, one.because) for one in found.rejected] == [
        ("acme", "it fits by manufacturer ACME, and asks for less than acme-2 does")
    ]


def test_a_profile_of_another_protocol_does_not_fit() -> None:
    assert name(Identity(manufacturer="ACME Inc."), Protocol.IPMI) == "generic-ipmi"


def test_where_not_even_a_generic_profile_fits_it_is_said() -> None:
    with pytest.raises(ConfigurationError, match="generic-ipmi"):
        match(Identity(), [Protocol.IPMI], [ACME])


def test_each_thing_that_can_be_asked_for_has_a_weight_words_and_a_field() -> None:
    assert set(WEIGHTS) == set(WORDS) <= set(vars(Identity()))


@given(
    st.dictionaries(st.sampled_from([key for key in WEIGHTS if not key.startswith(("ipmi", "oem"))]), st.text()),
    st.lists(st.text(), max_size=40),
)
def test_whatever_a_bmc_says_some_profile_is_chosen_with_a_reason(said: dict[str, str], oem: list[str]) -> None:
    parts: dict[str, Any] = {**said, "oem": oem}
    found = match(told(**parts), tuple(Protocol))
    assert found.reason.isprintable()


# --- the shipped profiles, on what BMCs of each kind say; the words are typical, and no machine's own

DELL = {"manufacturer": "Dell Inc.", "root_vendor": "Dell", "oem": ("Dell",), "root_product": "Integrated Dell Remote"}
HPE = {"manufacturer": "HPE", "root_vendor": "HPE", "oem": ("Hpe",)}
SMC = {"manufacturer": "Supermicro", "oem": ("Supermicro",), "bmc_model": "ASPEED"}
LENOVO = {"manufacturer": "Lenovo", "root_vendor": "Lenovo", "oem": ("Lenovo",)}
AMI = {"root_vendor": "AMI", "root_product": "AMI Redfish Server", "oem": ("Ami",)}
OPENBMC = {"bmc_model": "OpenBmc", "oem": ("OpenBmc",)}
REDFISH: list[tuple[str, dict[str, Any]]] = [
    ("dell-idrac8", {**DELL, "model": "PowerEdge R730", "bmc_model": "13G Monolithic", "bmc_firmware": "2.86.86.86"}),
    ("dell-idrac8", {**DELL, "model": "PowerEdge R720", "bmc_model": "12G Monolithic", "bmc_firmware": "2.65.65.65"}),
    ("dell-idrac8", {"manufacturer": "Dell Inc.", "model": "PowerEdge R630", "bmc_firmware": "2.52.52.52"}),
    ("dell-idrac9", {**DELL, "model": "PowerEdge R640", "bmc_model": "14G Monolithic", "bmc_firmware": "3.36.36.36"}),
    ("dell-idrac9", {**DELL, "model": "PowerEdge R760", "bmc_model": "16G Monolithic", "bmc_firmware": "7.10.50.00"}),
    ("dell-idrac9", {**DELL, "model": "PowerEdge C6525", "bmc_model": "15G DCS", "bmc_firmware": "5.10.50.00"}),
    ("dell-idrac9", {"oem": ("Dell",), "bmc_firmware": "7.00.00.00"}),
    ("dell-idrac10", {**DELL, "model": "PowerEdge R770", "bmc_model": "17G Monolithic", "bmc_firmware": "1.20.55.10"}),
    ("dell-idrac10", {**DELL, "model": "PowerEdge R670", "bmc_firmware": "1.10.17.00"}),
    ("hpe-ilo4", {"manufacturer": "HP", "oem": ("Hp",), "bmc_model": "iLO 4", "bmc_firmware": "iLO 4 v2.82"}),
    ("hpe-ilo5", {**HPE, "model": "ProLiant DL360 Gen10", "bmc_model": "iLO 5", "bmc_firmware": "iLO 5 v3.05"}),
    ("hpe-ilo5", {"root_vendor": "HPE", "manufacturer": "HPE", "bmc_firmware": "iLO 5 v2.44"}),
    ("hpe-ilo5", {**HPE, "model": "ProLiant DL385 Gen10 Plus v2"}),
    ("hpe-ilo6", {**HPE, "model": "ProLiant DL380a Gen11", "bmc_model": "iLO 6", "bmc_firmware": "iLO 6 v1.56"}),
    ("hpe-ilo7", {**HPE, "model": "HPE ProLiant Compute DL325 Gen12", "bmc_model": "iLO 7", "bmc_firmware": "1.21.00"}),
    ("supermicro-x10", {**SMC, "model": "Super Server", "bmc_firmware": "3.94"}),
    ("supermicro-x10", {**SMC, "model": "SYS-6018R-MTR", "bmc_firmware": "1.29"}),
    ("supermicro-x11", {**SMC, "model": "Super Server", "board": "X11DPi-N", "bmc_firmware": "01.73.06"}),
    ("supermicro-x11", {**SMC, "model": "Super Server", "bmc_firmware": "1.52.19"}),
    ("supermicro-x11", {**SMC, "model": "AS -1013S-MTR", "bmc_firmware": "1.52.19"}),
    ("supermicro-x12", {**SMC, "model": "SYS-620P-TRT", "bmc_firmware": "01.04.08"}),
    ("supermicro-x12", {**SMC, "model": "Super Server", "board": "H12SSL-NT", "bmc_firmware": "01.01.06"}),
    ("supermicro-x12", {**SMC, "model": "Super Server", "bmc_firmware": "01.01.20"}),
    ("supermicro-x13", {**SMC, "model": "SYS-221H-TNR", "bmc_firmware": "01.03.18"}),
    ("supermicro-x13", {**SMC, "model": "Super Server", "board": "X14DBG-AP", "bmc_firmware": "01.00.31"}),
    ("supermicro-x13", {**SMC, "model": "AS -8125GS-TNHR", "bmc_firmware": "01.02.05"}),
    ("lenovo-xcc", {**LENOVO, "model": "ThinkSystem SR650", "bmc_model": "Lenovo XClarity Controller"}),
    ("lenovo-xcc", {**LENOVO, "model": "ThinkSystem SR675 V3", "bmc_firmware": "QGX330J 9.10 20240105"}),
    ("lenovo-xcc", {**LENOVO, "model": "ThinkSystem SR630 V3", "bmc_model": "Lenovo XClarity Controller 2"}),
    ("lenovo-xcc3", {**LENOVO, "model": "ThinkSystem SR650 V4", "bmc_model": "Lenovo Xclarity Controller 3"}),
    ("lenovo-tsm", {**LENOVO, "model": "ThinkSystem SR635", "oem": ("Ami", "Lenovo")}),
    ("lenovo-tsm", {**AMI, "manufacturer": "Lenovo", "model": "HS350X V3"}),
    ("ami-megarac", {**AMI, "manufacturer": "GIGABYTE", "model": "R182-Z91-00"}),
    ("ami-megarac", {"manufacturer": "ASRockRack", "oem": ("Ami",)}),
    ("ami-megarac", {"root_vendor": "AMI", "manufacturer": "NVIDIA", "model": "DGXH100"}),
    ("fujitsu-irmc", {"manufacturer": "FUJITSU", "oem": ("ts_fujitsu",), "bmc_model": "iRMC S5"}),
    ("fujitsu-irmc", {"manufacturer": "Fsas Technologies", "oem": ("Fsas",)}),
    ("cisco-cimc", {"manufacturer": "Cisco Systems Inc", "model": "UCSC-C240-M5SN", "bmc_firmware": "4.1(2f)"}),
    ("huawei-ibmc", {"manufacturer": "Huawei", "oem": ("Huawei",), "bmc_model": "iBMC"}),
    ("huawei-ibmc", {"manufacturer": "XFUSION", "oem": ("xFusion",)}),
    ("inspur", {"manufacturer": "Inspur", "model": "NF5280M6", "oem": ("Ami",), "root_product": "AMI Redfish Server"}),
    ("inspur", {"manufacturer": "Inspur", "oem": ("Public",)}),
    ("openbmc", OPENBMC),
    ("openbmc", {"root_vendor": "NVIDIA", "root_product": "GB200 NVL", "bmc_model": "OpenBmc", "oem": ("Nvidia",)}),
    ("openbmc", {**SMC, "model": "ARS-121GL-NB2B", "bmc_model": "OpenBmc", "root_product": "GB NVL"}),
    ("openbmc", {**OPENBMC, "manufacturer": "Wiwynn"}),
    ("intel-bmc", {**OPENBMC, "manufacturer": "Intel Corporation", "model": "M50CYP2UR312"}),
    ("intel-bmc", {**AMI, "manufacturer": "Intel Corporation", "model": "S2600WFT"}),
    ("generic-redfish", {"manufacturer": "ACME", "model": "Server 1", "bmc_model": "BMC", "bmc_firmware": "2.1"}),
    ("generic-redfish", {"manufacturer": "Delta Electronics"}),  # no maker's name may be found inside another one
    ("generic-redfish", {"manufacturer": "Dellmann", "oem": ("Dellmann",), "bmc_firmware": "3.1"}),
    ("generic-redfish", {**HPE, "model": "Synergy 480", "bmc_model": "iLO 9"}),
    ("generic-redfish", {**SMC, "model": "Super Server"}),
    ("generic-redfish", {}),
]
IPMI: list[tuple[str, dict[str, Any]]] = [
    ("dell-idrac8", {"ipmi_manufacturer": 674, "ipmi_product": 256, "bmc_firmware": "2.75"}),
    ("dell-idrac9", {"ipmi_manufacturer": 674, "ipmi_product": 256, "bmc_firmware": "7.00"}),
    ("dell-idrac10", {"ipmi_manufacturer": 674, "model": "PowerEdge R770", "bmc_firmware": "1.20"}),
    ("generic-ipmi", {"ipmi_manufacturer": 674, "model": "PowerEdge R710", "bmc_firmware": "1.85"}),  # iDRAC6
    ("hpe-ilo4", {"ipmi_manufacturer": 11, "ipmi_product": 8192, "model": "ProLiant DL360 Gen9"}),
    ("hpe-ilo5", {"ipmi_manufacturer": 47196, "model": "ProLiant DL360 Gen10"}),
    ("supermicro-x9", {"ipmi_manufacturer": 10876, "ipmi_product": 1636, "bmc_firmware": "3.48"}),
    ("supermicro-x9", {"ipmi_manufacturer": 47488, "board": "X9DRi-LN4F+"}),
    ("supermicro-x10", {"ipmi_manufacturer": 10876, "board": "X10DRT-P-G5-NI22", "bmc_firmware": "3.65"}),
    ("supermicro-x11", {"ipmi_manufacturer": 10876, "board": "X11DPi-N", "model": "Super Server"}),
    ("supermicro-x12", {"ipmi_manufacturer": 10876, "board": "H12SSW-NT"}),
    ("supermicro-x13", {"ipmi_manufacturer": 10876, "board": "X13SEM-F"}),
    ("lenovo-xcc", {"ipmi_manufacturer": 19046, "ipmi_product": 1680, "model": "ThinkSystem SR650"}),
    ("lenovo-xcc3", {"ipmi_manufacturer": 19046, "model": "ThinkSystem SR650 V4"}),
    ("lenovo-tsm", {"ipmi_manufacturer": 19046, "model": "ThinkSystem SR655 -[7Z01]-"}),
    ("lenovo-xcc", {"ipmi_manufacturer": 19046, "model": "ThinkSystem SR655 V3"}),
    ("ami-megarac", {"ipmi_manufacturer": 15370, "ipmi_product": 308, "bmc_firmware": "12.41"}),
    ("ami-megarac", {"ipmi_manufacturer": 49622}),
    ("fujitsu-irmc", {"ipmi_manufacturer": 10368, "ipmi_product": 790}),
    ("cisco-cimc", {"ipmi_manufacturer": 5771, "ipmi_product": 5}),
    ("huawei-ibmc", {"ipmi_manufacturer": 2011}),
    ("inspur", {"ipmi_manufacturer": 37945}),
    ("openbmc", {"ipmi_manufacturer": 42817, "ipmi_product": 16975}),
    ("intel-bmc", {"ipmi_manufacturer": 343, "ipmi_product": 125}),
    ("generic-ipmi", {"ipmi_manufacturer": 10876, "ipmi_product": 2327}),  # it does not say which generation
    ("generic-ipmi", {"manufacturer": "QEMU", "ipmi_manufacturer": 4753}),
]


@pytest.mark.parametrize(("expected", "said"), REDFISH)
def test_what_a_bmc_says_over_redfish_finds_its_profile(expected: str, said: dict[str, Any]) -> None:
    found = match(Identity(**said), [Protocol.REDFISH], SHIPPED)
    assert found.profile.name == expected, found


@pytest.mark.parametrize(("expected", "said"), IPMI)
def test_what_a_bmc_says_over_ipmi_finds_its_profile(expected: str, said: dict[str, Any]) -> None:
    found = match(Identity(**said), [Protocol.IPMI], SHIPPED)
    assert found.profile.name == expected, found


def test_no_two_shipped_profiles_fit_equally_well() -> None:
    """Where two fit and ask for as much, the choice would hang on their names alone."""
    for _, said in [*REDFISH, *IPMI]:
        found = match(Identity(**said), tuple(Protocol), SHIPPED)
        assert not [one for one in found.rejected if "no more than" in one.because], (said, found.rejected)


def test_every_shipped_profile_is_found_by_something() -> None:
    found = {expected for expected, _ in [*REDFISH, *IPMI]}
    assert {profile.name for profile in SHIPPED} == found
