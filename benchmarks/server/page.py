"""How soon the page is there: what Lighthouse measures, on its slow phone, in a real Chromium.

The figures are those of web.dev/vitals: first and largest contentful paint, layout shift, and the
time for which long tasks block the page. The phone is Lighthouse's: 1.6 Mbit/s with 150 ms there
and back, a processor four times as slow as this one. Medians of some visits, each in a new profile.

    python -m benchmarks.server.page
"""

from __future__ import annotations

import argparse
import platform
import statistics
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser

from benchmarks import RESULTS, save
from benchmarks.server.callers import server
from server.pages.page import FOLDER
from tests.web.browser import DESK, PHONE, chromium

SLOW_NETWORK = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1.6e6 / 8,
    "uploadThroughput": 750e3 / 8,
}
SLOWER = 4

WATCH = """
window.seen = { lcp: 0, cls: 0, tbt: 0 };
const watch = (type, take) => new PerformanceObserver((list) => list.getEntries().forEach(take))
  .observe({ type, buffered: true });
watch("largest-contentful-paint", (entry) => { seen.lcp = entry.startTime; });
watch("layout-shift", (entry) => { if (!entry.hadRecentInput) seen.cls += entry.value; });
// What a task takes above 50 ms blocks the page (web.dev/tbt).
watch("longtask", (entry) => { seen.tbt += Math.max(0, entry.duration - 50); });
"""

FRAMES = """(seconds) => new Promise((resolve) => {
  const times = [];
  const frame = (now) => {
    times.push(now);
    if (now - times[0] < seconds * 1000) requestAnimationFrame(frame);
    else resolve(times.slice(1).map((time, index) => time - times[index]));
  };
  requestAnimationFrame(frame);
})"""
"""Milliseconds between the frames of some seconds."""

READ = """() => ({
  ...seen,
  fcp: performance.getEntriesByName("first-contentful-paint")[0].startTime,
  bytes: performance.getEntriesByType("resource").filter((each) => !each.name.includes("/api/"))
    .reduce((sum, each) => sum + each.transferSize, 0)
    + performance.getEntriesByType("navigation")[0].transferSize,
})"""


def visit(browser: Browser, url: str, *, slow: bool) -> dict[str, float]:
    """One first visit, until the page can be used: milliseconds, bytes, the shift's own unit."""
    context = browser.new_context(
        viewport=PHONE, device_scale_factor=2, is_mobile=True, has_touch=True, locale="en-US"
    )
    page = context.new_page()
    page.add_init_script(WATCH)
    if slow:
        tools = context.new_cdp_session(page)
        tools.send("Network.enable")
        tools.send("Network.emulateNetworkConditions", SLOW_NETWORK)
        tools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    page.goto(url)
    page.get_by_role("button", name="Make it").wait_for()
    page.wait_for_timeout(2000)
    measured: dict[str, float] = page.evaluate(READ)
    context.close()
    return measured


def frames(browser: Browser, client: httpx.Client) -> dict[str, float]:
    """Frames while the previews of four jobs stream into the page."""
    page = browser.new_page(viewport=DESK, locale="en-US")
    page.goto(str(client.base_url))
    for seed in range(4):
        request = {"prompt": "red apple, 3d", "steps": 150, "seed": seed, "preview_interval": 0.1}
        client.post("/api/v1/jobs", json=request).raise_for_status()
    page.locator(".card img").first.wait_for()
    gaps: list[float] = page.evaluate(FRAMES, 5)
    page.close()
    return {
        "per_second": round(1000 / statistics.mean(gaps), 1),
        "worst_gap_ms": round(max(gaps), 1),
    }


def measure(visits: int) -> dict[str, Any]:
    """Medians over visits on the slow phone, and on this machine as it is."""
    result: dict[str, Any] = {
        "machine": platform.processor() or platform.machine(),
        "visits": visits,
        "compressed_bytes": sum(file.stat().st_size for file in FOLDER.glob("assets/*.gz")),
    }
    with (
        server() as there,
        httpx.Client(base_url=there.url, timeout=90) as client,
        chromium() as browser,
    ):
        for name, slow in (("slow_phone", True), ("this_machine", False)):
            seen = [visit(browser, str(client.base_url), slow=slow) for _ in range(visits)]
            result[name] = {
                key: round(statistics.median(each[key] for each in seen), 3) for key in seen[0]
            }
        result["frames_while_previews_stream"] = frames(browser, client)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visits", type=int, default=5)
    parser.add_argument("--output", type=Path, default=RESULTS / "page.json")
    options = parser.parse_args()
    result = measure(options.visits)
    save(result, options.output)
    for name, value in result.items():
        print(f"{name:18} {value}")


if __name__ == "__main__":
    main()
