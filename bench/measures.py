"""What is measured, each against the bars of the product: name, median, worst, bar."""

import random
import re
import statistics
import time
from dataclasses import asdict, dataclass

import requests

from tests.site import Site, csrf_in, messages, text_in
from tests.upstream import Upstream, events, hang_before_headers

FIRST_TOKEN_S = 0.15  # what the upstream takes itself: enough for a page to open its socket
WORDS = [f"word{number} " for number in range(200)]


@dataclass(frozen=True)
class Row:
    name: str
    median: str
    worst: str
    bar: str

    def as_dict(self) -> dict:
        return asdict(self)


class Bench:
    """One site and one upstream; alice presses Run as her browser would."""

    def __init__(self, site: Site, upstream: Upstream, repeat: int):
        self.site, self.upstream, self.repeat = site, upstream, repeat
        self.session = site.session()

    # Measures -------------------------------------------------------------------------------

    def first_token(self) -> list[Row]:
        """From pressing Run to text on the page's socket, less the same for a direct client."""
        url = self._serve("/ttft", events(WORDS[:20], delay_s=0.02, first_delay_s=FIRST_TOKEN_S))
        endpoint = self._endpoint("ttft", url)
        pairs = [(self._direct_ttft(url), self._page_ttft(endpoint)) for _ in range(self.repeat)]
        direct = statistics.median(direct for direct, _ in pairs)
        return [
            _ms_row("first token, direct client", [direct for direct, _ in pairs], ""),
            _ms_row(
                "first token, added by the site", [page - direct for _, page in pairs], "25 ms"
            ),
        ]

    def fan_out(self) -> list[Row]:
        """One run on six endpoints ends hardly later than its slowest, asked directly."""
        names, ratios, url = [], [], ""
        for number in range(6):
            behaviour = events(WORDS[:50], delay_s=(number + 1) / 6 / 49)
            url = self._serve(f"/fan{number}", behaviour)
            names.append(self._endpoint(f"fan{number}", url))
        for _ in range(max(3, self.repeat // 4)):
            direct_s = self._direct_s(url)
            run_id = self._press_run(names)
            with self._socket(run_id) as socket:
                for _message in messages(socket):
                    pass
            ratios.append((time.monotonic() - self.pressed_at) / direct_s)
        worst, median = max(ratios), statistics.median(ratios)
        return [
            Row("run on 6 endpoints, over its slowest", f"{median:.3f}", f"{worst:.3f}", "1.10")
        ]

    def stop(self) -> list[Row]:
        """From pressing Stop to the upstream seeing the connection close."""
        url = self._serve("/talk", events(WORDS * 10, delay_s=0.02))
        silent = self._serve("/silent", hang_before_headers)
        after = [self._stop_ms(self._endpoint("talk", url), True) for _ in range(self.repeat)]
        before = [self._stop_ms(self._endpoint("mute", silent), False) for _ in range(self.repeat)]
        return [
            _ms_row("stop to upstream closed, after the first token", after, "50 / 250 ms"),
            _ms_row("stop to upstream closed, before the first token", before, "50 / 250 ms"),
        ]

    def reloads(self, number: int) -> list[Row]:
        """Reload at random moments; what is shown must always be the beginning of the answer."""
        whole, wrong, done = "".join(WORDS * 3), 0, 0
        endpoint = self._endpoint("tale", self._serve("/tale", events(WORDS * 3, delay_s=0.01)))
        chance = random.Random(7)
        while done < number:
            path = self._press_run([endpoint])
            ended = False
            while not ended and done < number:
                shown, ended = self._reload(path, chance.uniform(0.02, 0.6))
                wrong += not whole.startswith(shown) or (ended and shown != whole)
                done += 1
            self._stop_all(path)
        name = f"{number} random reloads, with text lost or repeated"
        return [Row(name, str(wrong), str(wrong), "0")]

    def page(self) -> list[Row]:
        """The playground page on a cold cache."""
        html = self._get("/")
        links = re.findall(r'(?:src|href)="(/static/[^"]+)"', html.text)
        sizes = [_wire_bytes(html)] + [_wire_bytes(self._get(link)) for link in links]
        size = f"{sum(sizes) / 1024:.0f} KB"
        return [
            Row("playground page, cold, over the wire", size, size, "80 KB"),
            Row("playground page, cold, requests", str(len(sizes)), str(len(sizes)), "10"),
        ]

    def start(self) -> list[Row]:
        """From the command to the first page, on an instance that has been set up."""
        took = []
        for _ in range(3):
            self.site.stop()
            began = time.monotonic()
            self.site.start()
            took.append((time.monotonic() - began) * 1000)
        return [
            _ms_row("second start to a page that answers", took, "2000 ms"),
            _memory_row(self.site.process.pid),
        ]

    # As a browser ---------------------------------------------------------------------------

    def _press_run(self, endpoints: list[str]) -> str:
        """Post the form; the path of the run's socket."""
        page = self.session.get(f"{self.site.url}/", timeout=10)
        columns = [("column", f"{position}:{pk}") for position, pk in enumerate(endpoints)]
        form = [
            ("role-1", "user"),
            ("message-1", "How are you?"),
            ("idempotency_key", str(random.random())),
            *columns,
        ]
        self.pressed_at = time.monotonic()
        answer = self.session.post(
            f"{self.site.url}/runs/start/",
            form,
            headers={
                "X-CSRFToken": csrf_in(page.text),
                "HX-Request": "true",
                "Referer": f"{self.site.url}/",
            },
            timeout=10,
        )
        answer.raise_for_status()
        return re.search(r'data-socket="/ws/runs/([^/"]+)/"', answer.text)[1]

    def _page_ttft(self, endpoint: str) -> float:
        run_id = self._press_run([endpoint])
        with self._socket(run_id) as socket:
            for message in messages(socket):
                if message["type"] == "delta":
                    took = time.monotonic() - self.pressed_at
                    break
        self.site.wait_for_run(run_id)
        return took * 1000

    def _direct_ttft(self, url: str) -> float:
        began = time.monotonic()
        with requests.post(url, json={"prompt": "How are you?"}, stream=True, timeout=10) as answer:
            answer.raw.read1(1)
            return (time.monotonic() - began) * 1000

    def _direct_s(self, url: str) -> float:
        """How long the whole answer takes without the site."""
        began = time.monotonic()
        requests.post(url, json={"prompt": "How are you?"}, timeout=10).raise_for_status()
        return time.monotonic() - began

    def _stop_ms(self, endpoint: str, is_after_first: bool) -> float:
        seen = len(self.upstream.requests)
        run_id = self._press_run([endpoint])
        with self._socket(run_id) as socket:
            self.upstream.wait_for_requests(seen + 1)
            for message in messages(socket):
                if not is_after_first or message["type"] == "delta":
                    break
            began = time.monotonic()
            self._stop_all(run_id)
            return (self.upstream.requests[seen].wait_until_gone() - began) * 1000

    def _stop_all(self, run_id: str) -> None:
        self.site.api("POST", f"/runs/{run_id}/stop")

    def _reload(self, run_id: str, patience_s: float) -> tuple[str, bool]:
        """What a page shows after so long, and whether the run ended meanwhile."""
        shown, until = "", time.monotonic() + patience_s
        with self._socket(run_id) as socket:
            try:
                while (left := until - time.monotonic()) > 0:
                    for message in messages(socket, left):
                        if message["type"] == "call":
                            shown = text_in(message["html"])
                        elif message["type"] == "delta":
                            shown += message["text"]
                        else:
                            return shown, True
            except TimeoutError:
                pass
        return shown, False

    def _socket(self, run_id: str):
        return self.site.socket(run_id, self.session)

    def _get(self, path: str) -> requests.Response:
        headers = {"Accept-Encoding": "br, gzip"}
        return self.session.get(self.site.url + path, headers=headers, timeout=10, stream=True)

    def _serve(self, path: str, behaviour) -> str:
        return self.upstream.on(path, behaviour)

    def _endpoint(self, name: str, url: str) -> str:
        found = self.site.api("GET", "/endpoints?limit=200")["items"]
        for endpoint in found:
            if endpoint["name"] == name:
                return endpoint["id"]
        body = {"name": name, "kind": "driver", "url": url}
        return self.site.api("POST", "/endpoints", body)["id"]


def _ms_row(name: str, took_ms: list[float], bar: str) -> Row:
    return Row(name, f"{statistics.median(took_ms):.1f} ms", f"{max(took_ms):.1f} ms", bar)


def _memory_row(pid: int) -> Row:
    with open(f"/proc/{pid}/status") as status:
        kib = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    size = f"{kib / 1024:.0f} MB"
    return Row("resident memory of the site, after a page", size, size, "120 MB")


def _wire_bytes(response: requests.Response) -> int:
    head = sum(len(name) + len(value) + 4 for name, value in response.headers.items())
    return head + len(response.raw.read(decode_content=False))
