"""The sandbox: what people write as transforms runs in it, and nothing of it runs out here."""

import ast
import base64
import os
import subprocess
import sys
import textwrap
import threading
import time
import unittest
from pathlib import Path
from unittest import mock

from playground import sandbox as module
from playground.sandbox import MAX_RESULT, MAX_SOURCE, Sandbox, SandboxError, sandbox

ROOT = Path(__file__).resolve().parents[2]

# LangChain's page on Databricks has these two, and they run as they stand there.
SEED = '''def transform_input(**request):
    full_prompt = f"""{request["prompt"]}
    Be Concise.
    """
    request["prompt"] = full_prompt
    return request


def transform_output(response):
    return response.upper()
'''
IDENTITY = "def transform_input(**request):\n    return request"
SPIN = "def transform_input(**request):\n    while True: pass"


class SandboxTestCase(unittest.TestCase):
    def given(self, source, whose="alice", **request):
        """What `transform_input(**request)` gives."""
        return sandbox.call(source, "transform_input", request, whose=whose, spread=True).value

    def returned(self, expression, **request):
        return self.given(f"def transform_input(**r):\n    return {expression}", **request)

    def failure(self, source, **request):
        with self.assertRaises(SandboxError) as caught:
            self.given(source, **request)
        return caught.exception


class WrittenTests(SandboxTestCase):
    """As LangChain's users write them."""

    def test_the_seeds_two_functions_run_as_they_are(self):
        self.assertEqual(
            self.given(SEED, prompt="How are you?", stop=["."]),
            {"prompt": "How are you?\n    Be Concise.\n    ", "stop": ["."]},
        )
        made = sandbox.call(SEED, "transform_output", "Good.", whose="alice", spread=False)
        self.assertEqual(made.value, "GOOD.")

    def test_hints_defaults_helpers_and_imports(self):
        source = textwrap.dedent('''
            """What a module says of itself."""
            from __future__ import annotations
            import json, re, math
            from datetime import date
            from typing import Any

            LIMIT: int = 3

            def shortened(text: str, *, most: int = LIMIT) -> str:
                """The first words."""
                return " ".join(re.split(r"\\s+", text)[:most])

            def transform_input(
                prompt: str, stop: list[str] | None = None, **params: Any
            ) -> dict[str, Any]:
                params.setdefault("max_tokens", math.ceil(2.5))
                return {"prompt": shortened(prompt), "stop": stop or [], **params}
        ''')
        self.assertEqual(
            self.given(source, prompt="a b c d e", temperature=0.1),
            {"prompt": "a b c", "stop": [], "temperature": 0.1, "max_tokens": 3},
        )

    def test_the_python_that_transforms_are_made_of(self):
        source = textwrap.dedent("""
            from collections import Counter
            from dataclasses import dataclass
            import base64, functools, hashlib, itertools

            @dataclass
            class Turn:
                role: str
                text: str

            def transform_input(**request):
                turns = [Turn(m["role"], m["content"]) for m in request["messages"]]
                out = []
                for turn in turns:
                    match turn.role:
                        case "system": out.append(f"<<{turn.text:>8}>>")
                        case "user" if (n := len(turn.text)) > 2: out.append(f"{n}:{turn.text!r}")
                        case _: pass
                try:
                    request["nope"]
                except KeyError as error:
                    out.append("caught")
                finally:
                    out.append(str(sum(itertools.chain([1], [2]))))
                out.append(functools.reduce(lambda a, b: a + b, "ab"))
                out.append(base64.b64encode(b"x").decode())
                out.append(hashlib.sha256(b"").hexdigest()[:4])
                out.append("%s-{}".format(Counter("aab").most_common(1)[0][0]) % 1)
                return {"prompt": "\\n".join(out)}
        """)
        messages = [{"role": "system", "content": "brief"}, {"role": "user", "content": "Hey"}]
        self.assertEqual(
            self.given(source, messages=messages)["prompt"],
            "<<   brief>>\n3:'Hey'\ncaught\n3\nab\neA==\ne3b0\n1-a",
        )

    def test_windows_line_ends_count_as_lines(self):
        error = self.failure("def transform_input(**r):\r\n    a = 1\r\n    return r['x']\r\n")
        self.assertEqual((error.kind, error.line), ("error", 3))

    def test_values_come_and_go_unchanged(self):
        value = {
            "text": "é 你好 😀 \u2028 \x00 \" \\ \n", "int": 2**53, "float": 0.1, "none": None,
            "yes": True, "list": [1, [2, {"a": []}]], "": {}, "not a name": 1,
        }  # fmt: skip
        self.assertEqual(self.given(IDENTITY, **value), value)

    def test_nothing_is_returned_as_null(self):
        self.assertIsNone(self.given("def transform_input(**r):\n    pass"))

    def test_what_it_prints_is_kept_for_its_author(self):
        source = "print('top')\ndef transform_input(**r):\n    print('in', r)\n    return 1"
        made = sandbox.call(source, "transform_input", {"a": 1}, whose="alice", spread=True)
        self.assertEqual(made.printed, "top\nin {'a': 1}\n")
        error = self.failure("def transform_input(**r):\n    print('here')\n    r['x']")
        self.assertEqual(error.printed, "here\n")

    def test_a_check_reads_the_source_and_calls_nothing(self):
        source = "def transform_input(**r):\n    raise ValueError('called')"
        sandbox.check(source, "transform_input", whose="alice")
        with self.assertRaises(SandboxError) as caught:
            sandbox.check("x = (1,", "transform_input", whose="alice")
        self.assertEqual((caught.exception.kind, caught.exception.line), ("syntax", 1))

    def test_a_missing_function_is_named(self):
        for source in (
            "x = 1",
            "def transform_inputs(**r):\n    return r",
            SEED.partition("\n\n")[2],
        ):
            for call in (
                lambda source=source: self.given(source),
                lambda source=source: sandbox.check(source, "transform_input", whose="a"),
            ):
                with self.assertRaises(SandboxError) as caught:
                    call()
                self.assertEqual(caught.exception.kind, "error")
                self.assertIn("no function transform_input", caught.exception.message)


class ErrorTests(SandboxTestCase):
    def test_each_has_its_kind_and_its_line_in_the_users_source(self):
        head = "import json\n\n\ndef helper(x):\n    return x['nope']\n\n\n"
        for kind, line, source in (
            ("syntax", 1, "def transform_input(**r)\n    return r"),
            ("syntax", 2, "def transform_input(**r):\n    return r +"),
            ("syntax", 3, "a = 1\nb = 2\nx = 'open"),
            ("syntax", 1, "x = (1,"),
            ("syntax", 1, 'x = """open\nand on'),
            ("syntax", 1, "if True:\n\n\n"),
            ("syntax", 2, "def transform_input(**r):\n    yield 1"),
            ("syntax", 1, "class A(dict): pass"),
            ("error", 5, head + "def transform_input(**r):\n    return helper(r)"),
            ("error", 2, "def transform_input(**r):\n    return undefined"),
            ("error", 1, "import requests\n" + IDENTITY),
            ("error", 3, "x = 1\n\ndef transform_input(prompt):\n    return {}"),
            ("error", 2, "x = 1\ndef transform_input(**r):\n    return {1, 2}"),
            ("error", 1, "transform_input = 5"),
            ("limit", 2, "def transform_input(**r):\n    return [0] * 10**9"),
        ):
            with self.subTest(source=source):
                error = self.failure(source, prompt="Hi", n=1)
                self.assertEqual((error.kind, error.line), (kind, line), error.message)

    def test_words_say_what_happened(self):
        for words, source in (
            ("KeyError: nope", "def transform_input(**r):\n    return r['nope']"),
            ("returned is no JSON", "def transform_input(**r):\n    return {1, 2}"),
            ("No module named 'requests'", "import requests\n" + IDENTITY),
            ("A transform cannot use yield", "def transform_input(**r):\n    yield 1"),
            ("longer than 0.5 s", SPIN),
            ("more than 64 MB", "def transform_input(**r):\n    return 'x' * 10**9"),
            ("printed more than", "def transform_input(**r):\n    print('x' * 20000)"),
            ("unexpected keyword argument 'n'", "def transform_input(prompt):\n    return {}"),
        ):
            with self.subTest(source=source):
                self.assertIn(words, self.failure(source, prompt="Hi", n=1).message)

    def test_sizes_are_limited(self):
        long = "#" * (MAX_SOURCE - len(IDENTITY) - 1) + "\n" + IDENTITY
        self.assertEqual(self.given(long, a=1), {"a": 1})
        for source, request in (
            ("#" + long, {}),
            ("#" + "é" * (MAX_SOURCE // 2), {}),
            (IDENTITY, {"prompt": "x" * 1_000_000}),
            (f"def transform_input(**r):\n    return 'x' * {MAX_RESULT - 1}", {}),
        ):
            self.assertEqual(self.failure(source, **request).kind, "too_large")
        self.assertEqual(len(self.returned(f"'x' * {MAX_RESULT - 2}")), MAX_RESULT - 2)

    def test_what_json_cannot_say_is_refused_both_ways(self):
        for expression in ("float('nan')", "float('inf')", "b'x'", "{1}", "1j", "r.keys()"):
            self.assertEqual(
                self.failure(f"transform_input = lambda **r: {expression}").kind, "error"
            )
        for value in (float("nan"), float("-inf"), b"x", {1}, "\ud800"):
            with self.subTest(value=value), self.assertRaises(SandboxError):
                self.given(IDENTITY, value=value)

    def test_a_source_with_half_a_letter_or_a_nul_is_an_error(self):
        self.assertEqual(self.failure(IDENTITY + " # \ud800").kind, "syntax")
        self.assertIn(self.failure("x = '\0").kind, ("syntax", "error"))

    def test_without_monty_transforms_are_off_and_nothing_else_runs_them(self):
        module._monty.cache_clear()
        self.addCleanup(module._monty.cache_clear)
        with mock.patch.dict(sys.modules, {"pydantic_monty": None}):
            self.assertIn("pydantic-monty is not installed", module.why_off())
            self.assertEqual(self.failure(IDENTITY).kind, "off")
        self.assertIsNone(module.why_off())

    def test_without_its_program_transforms_are_off(self):
        module._monty.cache_clear()
        self.addCleanup(module._monty.cache_clear)
        with mock.patch("pydantic_monty._binary.find_monty_binary", side_effect=FileNotFoundError):
            self.assertEqual(self.failure(IDENTITY).kind, "off")

    def test_a_program_that_does_not_start_is_told_and_logged(self):
        with (
            mock.patch.dict(os.environ, {"MONTY_BIN": "/bin/false"}),
            self.assertLogs("playground.sandbox", "ERROR"),
            self.assertRaises(SandboxError) as caught,
        ):
            Sandbox().call(IDENTITY, "transform_input", {}, whose="a", spread=True)
        self.assertEqual(caught.exception.kind, "off")


class TrapTests(SandboxTestCase):
    """What was found to go wrong when this was tried first."""

    def test_a_value_of_shared_parts_cannot_blow_up_out_here(self):
        bomb = "a = ['lol'] * 10\nfor _ in range(9): a = [a] * 10\n"
        began = time.monotonic()
        for source in (
            bomb + "def transform_input(**r):\n    return a",
            bomb + "transform_input = lambda **r: {'a': a}",
            bomb + "class F:\n    dumps = lambda *x, **k: a\n    loads = lambda *x: {}\n"
            "def transform_input(**r):\n    global _pg_json\n    _pg_json = F\n    return a",
            bomb
            + "class S:\n    def __format__(self, s): return a\n    def __str__(self): return a\n"
            "    def __getitem__(self, i): return a\ntransform_input = S()",
        ):
            self.assertIn(self.failure(source).kind, ("limit", "error"))
        self.assertLess(time.monotonic() - began, 4)

    def test_only_text_crosses_whatever_the_source_puts_in_our_places(self):
        for line in (
            "_pg_json = _pg_fn = _pg_out = 5",
            "len = str = type = callable = None",
            "__import__ = lambda *a: 5",
            "import math as json",
        ):
            with self.subTest(line=line):
                self.assertEqual(self.given(f"{line}\n{IDENTITY}", a=1), {"a": 1})
        for line in ("_pg_arg = 5", "_pg_arg = '[]'", "_pg_arg = None"):
            self.assertEqual(self.failure(f"{line}\n{IDENTITY}", a=1).kind, "error")

    def test_a_forked_child_is_told_and_its_parent_goes_on(self):
        code = """
            import os, sys
            from playground.sandbox import SandboxError, sandbox
            SOURCE = "def transform_input(**r): return r"
            def run(n):
                return sandbox.call(SOURCE, "transform_input", {"n": n}, whose="a", spread=True)
            run(1)
            if os.fork() == 0:
                try:
                    run(2)
                except SandboxError as error:
                    print(error.kind, flush=True)
                sys.exit(0)
            os.wait()
            print(run(3).value["n"], run(4).value["n"])
        """
        self.assertEqual(self.python(code).split(), ["off", "3", "4"])

    def test_a_child_forked_before_the_first_use_has_its_own_pool(self):
        code = """
            import os
            from playground.sandbox import sandbox
            child = os.fork()
            made = sandbox.call("def f(): return 1", "f", {}, whose="a", spread=True)
            os.write(1, f"{made.value} ".encode())
            if child:
                os.wait()
        """
        self.assertEqual(self.python(code).split(), ["1", "1"])

    def test_importing_it_starts_nothing(self):
        code = "import sys; import playground.sandbox; print('pydantic_monty' in sys.modules)"
        self.assertEqual(self.python(code).strip(), "False")

    def test_a_killed_server_leaves_no_worker_behind(self):
        code = """
            import os, threading, time
            from playground.sandbox import sandbox
            def run(source):
                sandbox.call(source, "f", {}, whose=source, spread=True)
            run("def f(): return 1")
            threading.Thread(target=run, args=["while True: pass"]).start()
            time.sleep(0.1)
            print(open(f"/proc/self/task/{os.getpid()}/children").read(), flush=True)
            os.kill(os.getpid(), 9)
        """
        if not os.path.exists(f"/proc/self/task/{os.getpid()}/children"):
            self.skipTest("this system does not list a process's children")
        pids = self.python(code, is_killed=True).split()
        self.assertTrue(pids)
        until = time.monotonic() + 5
        while any(os.path.exists(f"/proc/{pid}") for pid in pids) and time.monotonic() < until:
            time.sleep(0.05)
        self.assertEqual([pid for pid in pids if is_running(pid)], [])

    def test_a_neighbour_waits_little_for_users_who_spin(self):
        def spin(name):
            with self.assertRaises(SandboxError):
                self.given(SPIN, whose=name)

        spinning = [threading.Thread(target=spin, args=[f"user {n}"]) for n in range(4)]
        for thread in spinning:
            thread.start()
        time.sleep(0.05)
        began = time.monotonic()
        self.given(IDENTITY, whose="neighbour")
        waited = time.monotonic() - began
        for thread in spinning:
            thread.join()
        self.assertLess(waited, 2.5)

    def test_of_one_user_only_one_runs_at_a_time(self):
        began = time.monotonic()
        threads = [
            threading.Thread(
                target=lambda: self.assertRaises(SandboxError, self.given, SPIN, "one")
            )
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertGreater(time.monotonic() - began, 1.4)

    def test_who_waits_too_long_is_told_busy(self):
        with mock.patch.object(module, "WAIT_S", 0.1):
            thread = threading.Thread(
                target=lambda: self.assertRaises(SandboxError, self.given, SPIN, "slow")
            )
            thread.start()
            time.sleep(0.05)
            with self.assertRaises(SandboxError) as caught:
                self.given(IDENTITY, whose="slow")
            thread.join()
        self.assertEqual(caught.exception.kind, "busy")

    def test_one_operation_that_cannot_be_interrupted_is_ended(self):
        began = time.monotonic()
        error = self.failure("def transform_input(**r):\n    x = 7\n    while True: x = x * x")
        self.assertEqual(error.kind, "limit")
        self.assertLess(time.monotonic() - began, 1.5)
        self.assertEqual(self.given(IDENTITY, a=1), {"a": 1})

    def test_words_of_the_author_are_cut_and_on_one_line(self):
        raising = "def transform_input(**r):\n    raise ValueError({})"
        message = self.failure(raising.format("'<script>' + 'x' * 10**7")).message
        self.assertTrue(message.startswith("ValueError: <script>x"))
        self.assertLessEqual(len(message), 500)
        message = self.failure(raising.format("'a\\n\\x1b[2Jb\\u202e\\0'")).message
        self.assertEqual(message, "ValueError: a [2Jb")

    def test_no_source_is_parsed_or_run_by_our_own_python(self):
        for name in ("sandbox", "transforming", "trying", "forms/transforms", "views/transforms"):
            tree = ast.parse((ROOT / "playground" / f"{name}.py").read_text())
            called = {
                node.func.id
                for node in ast.walk(tree)
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            }
            imported = {
                alias.name
                for node in ast.walk(tree)
                if isinstance(node, ast.Import | ast.ImportFrom)
                for alias in node.names
            }
            self.assertFalse(called & {"exec", "eval", "compile", "__import__"}, name)
            self.assertFalse(imported & {"ast", "importlib", "pickle", "marshal", "code"}, name)

    def test_monty_is_given_nothing_of_ours_and_no_state_is_loaded(self):
        tree = ast.parse((ROOT / "playground" / "sandbox.py").read_text())
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        keywords = {keyword.arg for call in calls for keyword in call.keywords}
        attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        self.assertFalse(
            keywords & {"mount", "os", "external_lookup", "external_modules", "type_check_stubs"}
        )
        self.assertFalse(
            attributes & {"load_session", "load_snapshot", "dump", "feed_start", "ClassInstance"}
        )

    def test_zone_and_sleep_are_the_same_everywhere(self):
        source = """
            import time
            from datetime import datetime
            def transform_input(**r):
                began = time.monotonic()
                time.sleep(100)
                return [time.timezone, datetime.now().astimezone().tzname()]
        """
        began = time.monotonic()
        self.assertEqual(self.given(textwrap.dedent(source)), [0, "UTC"])
        self.assertLess(time.monotonic() - began, 1)

    def test_one_call_leaves_nothing_for_the_next(self):
        self.given("import math\nleft = 1\n" + IDENTITY)
        for _ in range(4):
            self.assertIn("'left'", self.failure("transform_input = lambda **r: left").message)

    def test_its_processes_hold_no_environment_and_cannot_open_or_write(self):
        if not sys.platform.startswith("linux"):
            self.skipTest("other systems have no such limits")
        self.given(IDENTITY)
        pids = children()
        self.assertTrue(pids)
        for pid in pids:
            self.assertEqual(Path(f"/proc/{pid}/environ").read_bytes(), b"")
            limits = Path(f"/proc/{pid}/limits").read_text()
            for line in (
                "Max file size             0                    0 ",
                "Max open files            16                   16",
                "Max address space         536870912            536870912",
                "Max core file size        0                    0 ",
            ):
                self.assertIn(line, limits)

    def test_many_threads_and_users_get_their_own_values(self):
        def many(name):
            token = base64.b64encode(name.encode()).decode()
            for number in range(50):
                made = self.given(IDENTITY, whose=name, token=token, number=number)
                if made != {"token": token, "number": number}:
                    wrong.append(made)

        wrong = []
        threads = [threading.Thread(target=many, args=[f"user {n}"]) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def python(self, code, is_killed=False):
        """What a process of its own prints."""
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(done.returncode, -9 if is_killed else 0, done.stderr)
        return done.stdout


def children() -> list[int]:
    """The sandbox's processes of this one."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
            if name == "monty" and int(rest.split()[1]) == os.getpid():
                found.append(int(stat.parent.name))
        except OSError:
            continue
    return found


def is_running(pid: str) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


if __name__ == "__main__":
    unittest.main()
