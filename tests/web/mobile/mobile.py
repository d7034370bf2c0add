"""The mobile shell's bundle as a browser gets it, and what a test does with it."""

from __future__ import annotations

import mimetypes
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Locator, LocatorAssertions, Page, Route, expect

from tests.running.paths import REPOSITORY

WWW = REPOSITORY / "clients" / "mobile" / "www"

APP = "http://localhost"
"""Where the app's own files are, on Android and for the server's list of allowed origins."""


PARTS = """(scanned) => {
  const kept = (key) => ({ value: localStorage.getItem(key), data: localStorage.getItem(key) });
  const parts = {
    Preferences: {
      get: ({ key }) => kept(key),
      set: ({ key, value }) => localStorage.setItem(key, value),
      remove: ({ key }) => localStorage.removeItem(key),
    },
    SecureStorage: {
      internalGetItem: ({ prefixedKey }) => kept(prefixedKey),
      internalSetItem: ({ prefixedKey, data }) => localStorage.setItem(prefixedKey, data),
      internalRemoveItem: ({ prefixedKey }) => ({ success: !localStorage.removeItem(prefixedKey) }),
    },
    CapacitorBarcodeScanner: { scanBarcode: () => ({ ScanResult: scanned }) },
    ZeroConf: { watch: "callback", unwatch: () => {} },
    Filesystem: { rmdir: () => {}, writeFile: ({ path }) => ({ uri: `file:///cache/${path}` }) },
    Share: { share: () => ({}) },
    Media: {
      createAlbum: () => {},
      getAlbumsPath: () => ({ path: "/media" }),
      savePhoto: () => ({}),
    },
    LocalNotifications: {
      addListener: "callback",
      requestPermissions: () => ({}),
      schedule: () => ({}),
    },
    App: { addListener: "callback", minimizeApp: () => {} },
  };
  window.asked = {};
  window.told = {};
  window.androidBridge = {};
  window.Capacitor = {
    PluginHeaders: Object.entries(parts).map(([name, methods]) => ({
      name,
      methods: Object.entries(methods).map(([name, does]) => ({
        name, rtype: does === "callback" ? "callback" : "promise",
      })),
    })),
    nativePromise: async (part, method, options) => {
      window.asked[`${part}.${method}`] = options ?? {};
      return parts[part][method](options);
    },
    nativeCallback: (part, method, options, callback) => {
      window.told[options.eventName ?? part] = callback;
      return "1";
    },
  };
}"""
"""The phone's side of Capacitor's bridge, where no phone is: what it was asked, what it tells."""


def serve(route: Route) -> None:
    """The app's files, as a phone's WebView gets them from the app itself."""
    path = WWW / (urlsplit(route.request.url).path.lstrip("/") or "index.html")
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    route.fulfill(body=path.read_bytes(), content_type=kind)


def pair(page: Page, address: str, code: str = "") -> None:
    """Types an address and a code, and taps."""
    form = page.get_by_role("form", name="Address and code")
    form.get_by_label("Address of the server").fill(address)
    form.get_by_label("Code", exact=True).fill(code)
    form.get_by_label("What to call this device").fill("Anna's phone")
    form.get_by_role("button", name="Pair").tap()


def problem(page: Page) -> LocatorAssertions:
    return expect(page.get_by_role("form", name="Address and code").get_by_role("alert"))


def prompt(page: Page) -> Locator:
    """What is there once the phone is in."""
    return page.get_by_label("What should the picture show?")


def servers(page: Page) -> None:
    """Goes to the sheet where one chooses among servers."""
    page.get_by_role("link", name="Server").tap()
    page.get_by_role("button", name="Servers").tap()


def asked(page: Page, what: str) -> dict[str, Any]:
    """What the app asked of one of the phone's parts, as soon as it has."""
    page.wait_for_function("(what) => asked[what]", arg=what)
    return page.evaluate("(what) => asked[what]", what)


def sight(page: Page, state: str) -> None:
    """Another application comes before the app, or the app comes back."""
    page.evaluate(
        "(value) => Object.defineProperty(document, 'visibilityState',"
        " { value, configurable: true })",
        state,
    )
