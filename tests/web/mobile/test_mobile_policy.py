"""What the committed projects say: where the app may speak plain http, and nothing twice."""

from __future__ import annotations

import ipaddress
import plistlib
from xml.etree import ElementTree

import pytest

from tests.running.paths import REPOSITORY

MOBILE = REPOSITORY / "clients" / "mobile"


def android_permits(host: str) -> bool:
    """Whether the system lets the app speak plain http there, as Android compares names."""
    path = MOBILE / "android/app/src/main/res/xml/network_security_config.xml"
    root = ElementTree.parse(path).getroot()
    [base] = root.findall("base-config")
    assert base.get("cleartextTrafficPermitted") == "false"
    [local] = root.findall("domain-config")
    ends = [each.text for each in local.findall("domain")]
    return any(host == end or host.endswith(f".{end}") for end in ends)


@pytest.mark.parametrize(
    ("host", "permitted"),
    [
        ("192.168.1.5", True),
        ("10.0.0.255", True),
        ("nas.local", True),
        ("nas.home.arpa", True),
        ("pictures.example", False),
        ("192.168.1.5.example", False),
        ("notlocal", False),
        ("5a", False),
    ],
)
def test_android_permits_plain_http_to_no_name_of_the_internet(host: str, permitted: bool):
    assert android_permits(host) is permitted


def test_ios_permits_plain_http_to_local_networks_alone():
    policy = plistlib.loads((MOBILE / "ios/App/App/Info.plist").read_bytes())
    transport = policy["NSAppTransportSecurity"]
    assert set(transport) == {"NSAllowsLocalNetworking", "NSExceptionDomains"}
    ranges = [each for each in transport["NSExceptionDomains"] if "/" in each]
    assert ranges
    for each in ranges:
        assert ipaddress.ip_network(each).is_private
    names = set(transport["NSExceptionDomains"]) - set(ranges)
    assert names == {"lan", "home.arpa", "internal"}


@pytest.mark.parametrize(
    ("source", "project"),
    [("android/res", "android/app/src/main/res"), ("ios/App", "ios/App/App")],
)
def test_what_is_copied_into_a_project_is_not_committed_there(source: str, project: str):
    own = MOBILE / "native" / source
    files = [path.relative_to(own).as_posix() for path in own.rglob("*") if path.is_file()]
    assert files
    ignored = (MOBILE / ".gitignore").read_text().splitlines()
    assert {f"{project}/{file}" for file in files} <= set(ignored)
