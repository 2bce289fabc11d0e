"""Time, stopping and TLS, measured on real sockets."""

import contextlib
import gc
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
import unittest
import weakref
from pathlib import Path

from endpoints import Egress, EndpointError, Limits, Stopped, Stopper, Text, Token, client_for
from endpoints.line import Deadline, Line, NotConnected
from tests import upstream as scripts
from tests.certificates import certificate_file
from tests.upstream import DONE, Upstream, answer, chat_chunk, drip, event_bytes, events

ALICE = "dapi-alice-0123456789"
AT_ONCE_S = 3  # far below the 300 s of silence that would pass else; how fast is for bench/


class Watched:
    """A stream consumed in a thread of its own, its events and its end as they come."""

    def __init__(self, client, stopper):
        self.events = queue.Queue()
        self.error = None
        self.ended_at = None
        self._thread = threading.Thread(target=self._run, args=(client, stopper))
        self._thread.start()

    def _run(self, client, stopper):
        try:
            for event in client.stream("x", stopper=stopper):
                self.events.put(event)
        except Exception as error:
            self.error = error
        self.ended_at = time.monotonic()

    def wait_for_text(self):
        while not isinstance(self.events.get(timeout=5), Text):
            pass

    def join(self):
        self._thread.join(10)
        assert not self._thread.is_alive(), "the call did not end"


class WireTestCase(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(Upstream())
        self.egress = Egress(driver_origins=(self.upstream.origin,))

    def scripted(self, behaviour, **limits):
        url = self.upstream.on("/scripted", behaviour)
        return client_for("driver", url=url, egress=self.egress, limits=Limits(**limits))

    def failure(self, client, stopper=None):
        seen = []
        with self.assertRaises((EndpointError, Stopped)) as caught:
            seen.extend(client.stream("x", stopper=stopper))
        return caught.exception, seen


class StopTests(WireTestCase):
    def assert_stops(self, behaviour, *, after_text, client=None):
        stopper = Stopper()
        call = Watched(client or self.scripted(behaviour), stopper)
        request = self.upstream.wait_for_requests(1)[-1]
        if after_text:
            call.wait_for_text()
        stopped_at = time.monotonic()
        stopper.stop()
        self.assertLess(time.monotonic() - stopped_at, AT_ONCE_S)
        call.join()
        self.assertIsInstance(call.error, Stopped)
        self.assertLess(call.ended_at - stopped_at, AT_ONCE_S)
        self.assertLess(request.wait_until_gone() - stopped_at, AT_ONCE_S)

    def test_before_headers(self):
        self.assert_stops(scripts.hang_before_headers, after_text=False)

    def test_between_headers_and_first_token(self):
        self.assert_stops(events(["a"], first_delay_s=60), after_text=False)

    def test_mid_stream_while_nothing_comes(self):
        self.assert_stops(events(["a", "b"], ending="hang"), after_text=True)

    def test_mid_stream_while_nothing_comes_close_delimited(self):
        self.assert_stops(events(["a"], ending="hang", is_chunked=False), after_text=True)

    def test_mid_stream_while_much_comes(self):
        self.assert_stops(events(["a"] * 100_000, delay_s=0.001), after_text=True)

    def test_in_the_middle_of_a_plain_answer(self):
        self.assert_stops(drip(), after_text=False)

    def test_before_the_call_nothing_is_sent(self):
        stopper = Stopper()
        stopper.stop()
        error, seen = self.failure(self.scripted(answer("x")), stopper)
        self.assertIsInstance(error, Stopped)
        self.assertEqual((seen, self.upstream.requests), ([], []))

    def test_while_connecting(self):
        with full_listener() as port:
            origin = f"http://127.0.0.1:{port}"
            client = client_for("driver", url=origin, egress=Egress(driver_origins=(origin,)))
            stopper = Stopper()
            call = Watched(client, stopper)
            with self.assertRaises(queue.Empty):
                call.events.get(timeout=0.1)
            stopped_at = time.monotonic()
            stopper.stop()
            call.join()
        self.assertIsInstance(call.error, Stopped)
        self.assertLess(call.ended_at - stopped_at, AT_ONCE_S)

    def test_stopping_counts_the_tokens_seen(self):
        chunk = chat_chunk("a", usage={"prompt_tokens": 1, "completion_tokens": 1})
        stopper = Stopper()
        call = Watched(self.scripted(events([chunk], ending="hang")), stopper)
        call.wait_for_text()
        stopper.stop()
        call.join()
        self.assertEqual(call.events.get(timeout=1).output_tokens, 1)

    def test_after_the_end_it_changes_nothing(self):
        stopper = Stopper()
        found = list(self.scripted(answer("x")).stream("x", stopper=stopper))
        stopper.stop()
        self.assertEqual(len(found), 3)

    def test_leaving_the_stream_closes_the_connection(self):
        stream = self.scripted(events(["a"], ending="hang")).stream("x")
        next(stream)
        next(stream)
        stream.close()
        self.upstream.requests[-1].wait_until_gone(1)

    def test_one_stopper_ends_several_calls(self):
        stopper = Stopper()
        client = self.scripted(events(["a"], ending="hang"))
        calls = [Watched(client, stopper) for _ in range(5)]
        for call in calls:
            call.wait_for_text()
        stopper.stop()
        for call in calls:
            call.join()
            self.assertIsInstance(call.error, Stopped)


class SlowRoute:
    """A route whose name takes long to look up."""

    needs_look_up = True

    def __init__(self):
        self.release = threading.Event()

    def find(self):
        self.release.wait(10)
        return []


class LineTests(unittest.TestCase):
    def test_a_line_cut_before_does_not_connect(self):
        with Upstream() as upstream:
            line = Line()
            line.cut()
            with self.assertRaises(NotConnected):
                egress = Egress(driver_origins=(upstream.origin,))
                line.connect(egress.policy("driver", upstream.origin), 5)
            line.close()

    def test_a_slow_look_up_can_be_cut_and_times_out(self):
        slow = SlowRoute()
        line = Line()
        threading.Timer(0.05, line.cut).start()
        begun_at = time.monotonic()
        with self.assertRaises(NotConnected):
            line.connect(slow, 5)
        self.assertLess(time.monotonic() - begun_at, 0.05 + AT_ONCE_S)
        with self.assertRaises(NotConnected) as caught:
            Line().connect(slow, 0.05)
        self.assertIsInstance(caught.exception.__cause__, TimeoutError)
        slow.release.set()


class LatencyTests(WireTestCase):
    def test_pieces_arrive_when_they_are_sent_however_they_are_framed(self):
        """A piece is sent only once the one before was read: one held back would never come."""
        for is_chunked in (True, False):
            was_read, sent_in_time = threading.Semaphore(1), []

            def behave(exchange, is_chunked=is_chunked, gate=was_read, in_time=sent_in_time):
                framing = {"transfer_encoding": "chunked"} if is_chunked else {}
                exchange.send_head(content_type="text/event-stream", **framing)
                send = exchange.send_chunk if is_chunked else exchange.send
                for _ in range(4):
                    in_time.append(gate.acquire(timeout=5))
                    send(event_bytes("a"))
                send(event_bytes(DONE))
                if is_chunked:
                    exchange.end_chunks()

            with self.subTest(is_chunked=is_chunked):
                for event in self.scripted(behave).stream("x"):
                    if isinstance(event, Text):
                        was_read.release()
                self.assertEqual(sent_in_time, [True] * 4)

    def test_an_unfinished_chunk_is_no_reason_to_wait(self):
        def behave(exchange):
            exchange.send_head(content_type="text/event-stream", transfer_encoding="chunked")
            exchange.send(b'1000\r\ndata: "a"\n\n')
            exchange.hang()

        stream = self.scripted(behave).stream("x")
        next(stream)
        self.assertEqual(next(stream), Text("a"))
        stream.close()


class TimeTests(WireTestCase):
    def assert_times_out(self, client, within_s):
        begun_at = time.monotonic()
        error, _ = self.failure(client)
        self.assertEqual(error.kind, "timeout")
        self.assertLess(time.monotonic() - begun_at, within_s + AT_ONCE_S)
        return error

    def test_silence_before_headers_ends_after_idle_s(self):
        client = self.scripted(scripts.hang_before_headers, idle_s=0.2)
        self.assertIn("0.2 s", self.assert_times_out(client, 0.2).message)

    def test_silence_mid_stream_ends_after_idle_s(self):
        client = self.scripted(events(["a"], ending="hang"), idle_s=0.2)
        self.assertIn("0.2 s", self.assert_times_out(client, 0.2).message)

    def test_a_trickle_ends_after_total_s(self):
        for behaviour in (
            drip(every_s=0.05),
            events(["a"] * 1000, delay_s=0.05),
            events(["a"] * 1000, delay_s=0.05, is_chunked=False),
        ):
            client = self.scripted(behaviour, idle_s=0.2, total_s=0.4)
            self.assertIn("0.4 s", self.assert_times_out(client, 0.4).message)

    def test_a_trickle_of_headers_ends_after_total_s(self):
        def behave(exchange):
            exchange.send(b"HTTP/1.1 200 OK\r\n")
            while True:
                exchange.send(b"X-A: b\r\n")
                exchange.wait(0.05)

        self.assert_times_out(self.scripted(behave, idle_s=0.2, total_s=0.4), 0.4)

    def test_a_connection_that_is_not_taken_ends_after_connect_s(self):
        with full_listener() as port:
            origin = f"http://127.0.0.1:{port}"
            egress = Egress(driver_origins=(origin,))
            client = client_for("driver", url=origin, egress=egress, limits=Limits(connect_s=0.2))
            self.assertIn("0.2 s", self.assert_times_out(client, 0.2).message)

    def test_an_error_whose_body_never_ends_is_told_at_the_deadline(self):
        def behave(exchange):
            exchange.send_head(400, content_length="100")
            exchange.hang()

        self.assert_times_out(self.scripted(behave, total_s=0.3), 0.3)


class TlsTests(unittest.TestCase):
    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.certificate = certificate_file(folder)
        self.wrong_certificate = certificate_file(folder, "127.0.0.2")

    def client(self, upstream, *, ca_bundle=None, **limits):
        egress = Egress(workspace_origins=(upstream.origin,), ca_bundle=ca_bundle)
        return client_for(
            "serving",
            host=upstream.origin,
            credential=Token(ALICE),
            serving_endpoint="chat",
            egress=egress,
            limits=Limits(**limits),
        )

    def kind_of_failure(self, client):
        with self.assertRaises(EndpointError) as caught:
            list(client.stream("x"))
        return caught.exception.kind

    def test_a_trusted_certificate_is_enough(self):
        with Upstream(certificate=self.certificate) as upstream:
            found = list(self.client(upstream, ca_bundle=self.certificate).stream("x"))
        self.assertEqual(found[-1].finish_reason, "stop")

    def test_an_unknown_or_wrong_certificate_gets_no_token(self):
        with Upstream(certificate=self.certificate) as upstream:
            self.assertEqual(self.kind_of_failure(self.client(upstream)), "tls")
            self.assertEqual(upstream.requests, [])
        with Upstream(certificate=self.wrong_certificate) as upstream:
            client = self.client(upstream, ca_bundle=self.wrong_certificate)
            self.assertEqual(self.kind_of_failure(client), "tls")
            self.assertEqual(upstream.requests, [])

    def test_a_server_without_tls_is_a_tls_failure(self):
        with Upstream() as upstream:
            origin = upstream.origin.replace("http:", "https:")
            client = client_for(
                "serving",
                host=origin,
                credential=Token(ALICE),
                serving_endpoint="chat",
                egress=Egress(workspace_origins=(origin,)),
            )
            self.assertEqual(self.kind_of_failure(client), "tls")

    def test_stopping_works_before_headers_and_mid_stream(self):
        for behaviour, after_text in (
            (scripts.hang_before_headers, False),
            (events([chat_chunk("a")], ending="hang"), True),
        ):
            with Upstream(certificate=self.certificate) as upstream:
                upstream.serve("chat", behaviour)
                stopper = Stopper()
                call = Watched(self.client(upstream, ca_bundle=self.certificate), stopper)
                request = upstream.wait_for_requests(1)[0]
                if after_text:
                    call.wait_for_text()
                stopped_at = time.monotonic()
                stopper.stop()
                call.join()
                self.assertIsInstance(call.error, Stopped)
                self.assertLess(request.wait_until_gone() - stopped_at, AT_ONCE_S)

    def test_stopping_works_during_the_handshake(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            origin = f"https://127.0.0.1:{silent.getsockname()[1]}"
            client = client_for(
                "serving",
                host=origin,
                credential=Token(ALICE),
                serving_endpoint="chat",
                egress=Egress(workspace_origins=(origin,)),
            )
            stopper = Stopper()
            call = Watched(client, stopper)
            connection, _ = silent.accept()
            with connection:
                connection.recv(1)
                stopped_at = time.monotonic()
                stopper.stop()
                call.join()
        self.assertIsInstance(call.error, Stopped)
        self.assertLess(call.ended_at - stopped_at, AT_ONCE_S)

    def test_an_end_inside_the_headers_is_truncated_over_tls_too(self):
        with Upstream(certificate=self.certificate) as upstream:
            upstream.serve("chat", scripts.raw(b"HTTP/1.1 200 OK\r\nContent-Ty"))
            client = self.client(upstream, ca_bundle=self.certificate)
            self.assertEqual(self.kind_of_failure(client), "truncated")


@contextlib.contextmanager
def full_listener():
    """The port of a listener whose queue is full: a connection is neither taken nor refused."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


class DeadlineTests(unittest.TestCase):
    def test_deadlines_come_in_the_order_of_their_time_and_not_when_cancelled(self):
        arrived = queue.Queue()

        class Noting(Line):
            def run_out_of_time(self):
                arrived.put(self)

        late, early, cancelled = Noting(), Noting(), Noting()
        Deadline(late, 0.2)
        Deadline(early, 0.1)
        Deadline(cancelled, 0.05).cancel()
        self.assertEqual([arrived.get(timeout=5) for _ in range(2)], [early, late])
        self.assertTrue(arrived.empty())

    def test_one_thread_watches_them_all_and_forgets_the_cancelled(self):
        def watchers():
            return [each for each in threading.enumerate() if each.name == "deadlines"]

        lines = [weakref.ref(line) for line in self.cancelled_lines(500)]
        self.assertEqual(len(watchers()), 1)
        gc.collect()
        self.assertEqual([ref for ref in lines if ref() is not None], [])

    def cancelled_lines(self, number):
        lines = [Line() for _ in range(number)]
        for deadline in [Deadline(line, 600) for line in lines]:
            deadline.cancel()
        return lines


class SizeTests(WireTestCase):
    """What a large answer takes; the whole of a 4 MiB one is asked for, as in the limits."""

    SIZE = 4 * 1024 * 1024 - 1000
    MEGABYTE = 1024 * 1024

    def peak_bytes(self, behaviour, **options):
        """The most memory that reading takes at one time, and the text that was read."""
        url = self.upstream.on("/scripted", behaviour)
        client = client_for("driver", url=url, egress=self.egress, **options)
        tracemalloc.start()
        try:
            text = "".join(e.text for e in client.stream("x") if isinstance(e, Text))
            return tracemalloc.get_traced_memory()[1], text
        finally:
            tracemalloc.stop()

    def test_a_large_answer_takes_at_most_20_mb_above_itself(self):
        letters = "x" * self.SIZE
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
        head += b"Content-Length: %d\r\n\r\n" % len(letters)
        for name, behaviour in (
            ("json", answer(letters)),
            ("one wide letter", answer(letters[:-20] + "😀")),
            ("text", scripts.raw(head + letters.encode())),
            ("events", events(["w " * 100] * (self.SIZE // 230))),
        ):
            with self.subTest(name=name):
                peak, text = self.peak_bytes(behaviour)
                self.assertGreater(len(text), self.SIZE * 0.8)
                above = peak - sys.getsizeof(text)
                # The upstream lives in this process too and holds the answer twice at most.
                self.assertLess(above, 20 * self.MEGABYTE)


@unittest.skipUnless(Path("/proc/self/status").exists(), "only Linux tells the memory of a process")
class ImportTests(unittest.TestCase):
    def test_importing_is_light(self):
        code = (
            "import sys, time; begun = time.process_time(); import endpoints;"
            "took = time.process_time() - begun;"
            "heavy = [m for m in sys.modules if m.split('.')[0] in ('mlflow', 'django')];"
            "print(took, open('/proc/self/status').read().split('VmHWM:')[1].split()[0], heavy)"
        )
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        took_s, peak_kib, heavy = said.stdout.split(" ", 2)
        self.assertEqual(heavy.strip(), "[]")
        self.assertLess(float(took_s), 0.6)  # alone it takes 0.2, and the machine is busy
        self.assertLess(int(peak_kib), 40 * 1024)
