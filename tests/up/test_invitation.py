"""What a terminal shows to a phone: the QR code is read back from the very characters printed."""

from __future__ import annotations

import io

import pytest

from darkroom.network import invitation, qr
from jobs.settings import Settings
from tests.up.scan import scan

URL = "http://192.168.178.20:7860/pair#K7QX92MD"
LONG = f"https://192.168.178.120:7860/pair#K7QX92MD&ca={'x' * 43}"


@pytest.mark.parametrize("text", [URL, LONG])
@pytest.mark.parametrize("blocks", [True, False], ids=["blocks", "ascii"])
@pytest.mark.parametrize("colours", [True, False], ids=["colours", "plain"])
def test_the_printed_code_says_the_url(text: str, blocks: bool, colours: bool):
    assert scan(qr.draw(text, blocks=blocks, colours=colours)) == text


class Output(io.TextIOWrapper):
    """A stream of some encoding, like a log or an old terminal."""

    def __init__(self, encoding: str) -> None:
        super().__init__(io.BytesIO(), encoding=encoding)


@pytest.mark.parametrize(("encoding", "ascii"), [("utf-8", False), ("latin-1", True)])
def test_an_output_gets_only_characters_that_it_has(encoding: str, ascii: bool):
    stream = Output(encoding)
    drawn = qr.draw_for(stream, URL, columns=80)
    drawn.encode(encoding)
    assert drawn.isascii() == ascii
    assert scan(drawn) == URL


def test_a_code_that_would_be_broken_into_lines_is_left_out():
    assert qr.draw_for(Output("ascii"), URL, columns=40) == ""
    assert qr.draw_for(Output("utf-8"), URL, columns=40) != ""


def test_the_address_of_the_network_is_offered_and_loopback_never():
    assert invitation.addresses(Settings(host="127.0.0.1")) == []
    assert invitation.addresses(Settings(host="::1")) == []
    assert invitation.addresses(Settings(host="10.1.2.3", port=80)) == ["http://10.1.2.3"]
    assert invitation.addresses(Settings(host="fd00::7", port=8443, tls=True)) == [
        "https://[fd00::7]:8443"
    ]
    assert not [each for each in invitation.addresses(Settings(host="0.0.0.0")) if "127." in each]


def test_a_server_behind_a_proxy_is_offered_at_its_public_address():
    chosen = Settings(host="127.0.0.1", public_url="https://pictures.example/")
    assert invitation.addresses(chosen) == ["https://pictures.example"]
