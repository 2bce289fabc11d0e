"""Which runs a search finds, by words and by facts, whatever is typed, and for whom none."""

import contextlib
import os
import unittest
from datetime import timedelta

from django.core.management import call_command
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from playground import deleting, filing, running, searching, sharing, voting
from playground.connecting import Refused
from playground.models import Call, Membership, Run, RunEntry
from playground.searching import Wanted, find_runs
from playground.words import MARK, phrases_of, words_of
from tests.base import WebTestCase
from tests.make import make_endpoint, make_run


class WordsTests(unittest.TestCase):
    def test_case_accents_and_marks_make_no_difference(self) -> None:
        self.assertEqual(words_of("Größe: naïve, X-ray_2!"), ["grosse", "naive", "x", "ray", "2"])

    def test_letters_without_blanks_between_words_stand_alone(self) -> None:
        self.assertEqual(words_of("用AI写诗"), ["用", "ai", "写", "诗"])
        self.assertEqual(words_of("선반을"), ["선", "반", "을"])
        self.assertEqual(phrases_of("选择 shelf", 9), [["选", "择"], ["shelf"]])

    def test_vowel_signs_do_not_cut_a_word(self) -> None:
        self.assertEqual(len(words_of("हिन्दी भाषा")), 2)

    def test_no_text_says_a_fact(self) -> None:
        self.assertEqual(words_of(f"{MARK}uabc and {MARK.upper()}"), ["and"])

    def test_marks_alone_are_nothing(self) -> None:
        self.assertEqual(phrases_of('" * ( ) : ^ - |', 9), [])


class SearchTestCase(WebTestCase):
    def setUp(self) -> None:
        self.endpoint = make_endpoint(self.alice, name="poet-large", team=self.team)
        self.shelf = self.run_of(self.alice, "Where is the oak shelf?", text="In the warehouse.")
        self.lamp = self.run_of(self.alice, "Write about a lamp", text="It shines.")

    def run_of(self, user, prompt: str, **fields) -> Run:
        return make_run(user, self.endpoint, prompt=prompt, **({"status": "done"} | fields))

    def found(self, user=None, **wanted) -> list[Run]:
        return find_runs(user or self.alice, Wanted(**wanted)).runs


class SearchTests(SearchTestCase):
    def test_everything_newest_first(self) -> None:
        self.assertEqual(self.found(), [self.lamp, self.shelf])

    def test_words_of_prompt_answer_title_tags_notes_and_endpoint(self) -> None:
        filing.describe_run(self.shelf, "Support reply", ["release-7"], "Ask Kenji about it")
        for q in ("oak", "OAK shelf", "warehouse", "support", "release-7", "kenji", '"shelf"'):
            with self.subTest(q):
                self.assertEqual(self.found(q=q), [self.shelf])
        self.assertEqual(self.found(q="poet-large"), [self.lamp, self.shelf])
        self.assertEqual(self.found(q="oak lamp"), [])

    def test_chinese_japanese_and_korean(self) -> None:
        for prompt, q in (
            ("请用中文写一首诗", "中文"),
            ("棚の部品が足りません", "部品"),
            ("선반을 설명해 주세요", "선반"),
        ):
            run = self.run_of(self.alice, prompt)
            self.assertEqual(self.found(q=q), [run])
        self.assertEqual(self.found(q="文中"), [])

    def test_whatever_is_typed_breaks_nothing(self) -> None:
        for q in ("x" * 10_000, "a b " * 2500, "中" * 10_000, "shelf OR lamp NEAR(x) words:oak"):
            self.assertEqual(self.found(q=q), [], q[:20])
        for q in (
            "'; DROP TABLE playground_run; --",
            "shelf*",
            "{shelf}",
            "a\0b",
            "\ud800 x",
            "𞤀𞤁",
        ):
            self.found(q=q)
        for q in ('"', '"""', "*" * 10_000, "( | )", "-", ":^~", "%_"):
            with self.subTest(q[:9]), self.assertRaisesMessage(Refused, "Only letters and digits"):
                self.found(q=q)

    def test_facts_filter_alone_and_together(self) -> None:
        other = make_endpoint(self.alice, name="echo")
        failed = make_run(self.alice, other, prompt="A shelf", status="failed")
        filing.describe_run(failed, tags=["Nightly run"])
        voting.vote(self.alice, self.shelf.calls.get(), voting.UP)
        for wanted, runs in (
            ({"endpoint": other.pk}, [failed]),
            ({"status": "failed"}, [failed]),
            ({"status": "ended"}, [failed, self.lamp, self.shelf]),
            ({"status": "running"}, []),
            ({"tag": "nightly  RUN"}, [failed]),
            ({"tag": "nightly"}, []),
            ({"vote": "up"}, [self.shelf]),
            ({"vote": "down"}, []),
            ({"q": "shelf", "status": "done"}, [self.shelf]),
            ({"author": self.bob.pk}, []),
            ({"since": self.lamp.created_at}, [failed, self.lamp]),
            ({"until": self.shelf.created_at}, [self.shelf]),
            ({"until": timezone.now() - timedelta(days=900_000 // 365)}, []),
        ):
            with self.subTest(wanted):
                self.assertEqual(self.found(**wanted), runs)

    def test_what_it_cost_at_least(self) -> None:
        priced = make_endpoint(self.alice, name="priced", prices={"input": 10.0})
        usage = {"input_tokens": 5000, "output_tokens": 1}
        run = make_run(self.alice, priced, status="done", usage=usage)
        self.assertEqual(self.found(cost=0.01), [run])
        self.assertEqual(self.found(cost=0.1), [])

    def test_a_run_is_found_as_it_starts_and_by_its_answer_when_it_is_over(self) -> None:
        variants = [running.Variant(self.endpoint)]
        run = running.start_run(self.alice, [{"role": "user", "content": "Of cupboards"}], variants)
        self.assertEqual(self.found(q="cupboards"), [run])
        for status in ("running", "queued"):
            self.assertEqual(self.found(status=status), [run])
        self.assertEqual(self.found(status="ended"), [self.lamp, self.shelf])
        searching.index_ended()
        self.assertTrue(run.entry.is_stale)
        run.calls.update(status="done", text="They have doors.")
        self.assertEqual(searching.index_ended(), 1)
        self.assertEqual(searching.index_ended(), 0)
        self.assertEqual(self.found(q="doors"), [run])
        again = running.retry_call(self.alice, run.calls.get())
        Call.objects.filter(pk=again.pk).update(status="done", text="And drawers.")
        self.assertEqual(searching.index_ended(), 1)
        self.assertEqual(self.found(q="drawers"), [run])

    def test_pages_without_gap_or_repeat(self) -> None:
        runs = [self.run_of(self.alice, f"Number {number}") for number in range(7)][::-1]
        first = find_runs(self.alice, Wanted(q="number"), limit=3)
        second = find_runs(self.alice, Wanted(q="number"), limit=3, before=first.older)
        self.run_of(self.alice, "Number of those that come later")
        third = find_runs(self.alice, Wanted(q="number"), limit=3, before=second.older)
        self.assertEqual(first.runs + second.runs + third.runs, runs)
        self.assertIsNone(third.older)

    def test_a_long_answer_is_found_by_its_beginning_and_stores_no_more_than_it_may(self) -> None:
        text = " ".join(f"word{number}" for number in range(40_000))
        run = self.run_of(self.alice, "Long", text=text)
        self.assertEqual(self.found(q="word1000"), [run])
        self.assertEqual(self.found(q="word39999"), [])
        self.run_of(self.alice, "中" * 200_000, text="\U0010ffff é" * 100_000)

    def test_the_command_makes_the_index_anew(self) -> None:
        RunEntry.objects.all().delete()
        self.assertEqual(self.found(), [])
        with open(os.devnull, "w") as quiet:
            call_command("indexruns", missing=True, stdout=quiet)
            self.assertEqual(self.found(q="shelf"), [self.shelf])
            call_command("indexruns", stdout=quiet)
        self.assertEqual(self.found(), [self.lamp, self.shelf])
        self.assertEqual(RunEntry.objects.count(), 2)

    def test_what_is_gone_leaves_nothing_in_the_index(self) -> None:
        self.shelf.delete()
        self.assertEqual(self.found(q="shelf"), [])
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM playground_runwords WHERE words MATCH 'oak'")
                self.assertEqual(cursor.fetchone(), (0,))

    def test_it_asks_the_database_as_often_for_many_as_for_few(self) -> None:
        with self.assertNumQueries(3):
            find_runs(self.alice, Wanted(q="shelf"), limit=24)
        for number in range(30):
            self.run_of(self.alice, f"shelf {number}")
        with self.assertNumQueries(3):
            find_runs(self.alice, Wanted(q="shelf"), limit=24)


class RightsTests(SearchTestCase):
    def test_a_stranger_finds_nothing_and_a_colleague_what_is_shared(self) -> None:
        for wanted in (
            {},
            {"q": "shelf"},
            {"author": self.alice.pk},
            {"endpoint": self.endpoint.pk},
        ):
            for user in (self.bob, self.vera, self.charlie):
                self.assertEqual(self.found(user, **wanted), [])
        sharing.share_run(self.alice, self.shelf, self.team)
        for wanted in ({}, {"q": "warehouse"}, {"author": self.alice.pk}):
            self.assertEqual(self.found(self.bob, **wanted), [self.shelf])
            self.assertEqual(self.found(self.charlie, **wanted), [])
        sharing.share_run(self.alice, self.shelf, None)
        self.assertEqual(self.found(self.bob), [])

    def test_words_that_look_like_facts_open_nothing(self) -> None:
        for fact in (f"{MARK}u{self.alice.pk.hex}", f"x OR {MARK}u{self.alice.pk.hex}"):
            with contextlib.suppress(Refused):
                self.assertEqual(self.found(self.charlie, q=fact), [])

    def test_the_index_decides_no_right(self) -> None:
        """Even where it says that a run is Charlie's."""
        entry = self.shelf.entry
        entry.words += f" {MARK}u{self.charlie.pk.hex}"
        entry.save()
        self.assertEqual(self.found(self.charlie), [])

    def test_who_leaves_the_team_or_is_deactivated_sees_nothing(self) -> None:
        sharing.share_run(self.alice, self.shelf, self.team)
        Membership.objects.filter(user=self.alice, team=self.team).delete()
        self.assertEqual(self.found(self.bob), [])
        self.assertEqual(self.found(self.alice), [self.lamp, self.shelf])
        self.alice.is_active = False
        self.assertEqual(self.found(self.alice), [])

    def test_what_is_deleted_is_not_found_until_it_is_back(self) -> None:
        deleting.delete_run(self.alice, self.shelf)
        self.assertEqual(self.found(), [self.lamp])
        deleting.restore(Run.deleted.get(pk=self.shelf.pk))
        self.assertEqual(self.found(), [self.lamp, self.shelf])

    def test_rows_that_are_not_seen_do_not_shorten_a_page(self) -> None:
        for _ in range(12):
            deleting.delete_run(self.alice, self.run_of(self.alice, "gone"))
        page = find_runs(self.alice, Wanted(), limit=2)
        self.assertEqual((page.runs, page.older), ([self.lamp, self.shelf], None))

    def test_a_vote_is_of_the_person_who_asks(self) -> None:
        sharing.share_run(self.alice, self.shelf, self.team)
        voting.mark_best(self.bob, self.shelf.calls.get(), True)
        self.assertEqual(self.found(self.bob, vote="best"), [self.shelf])
        self.assertEqual(self.found(self.alice, vote="best"), [])


class RetentionTests(SearchTestCase):
    def setUp(self) -> None:
        super().setUp()
        for run in (self.shelf, self.lamp):
            run.created_at = timezone.now() - timedelta(days=40)
            run.save()
            searching.index_run(run)

    def test_for_ever_unless_told_otherwise(self) -> None:
        self.assertEqual(filing.expire_runs(), 0)

    @override_settings(KEEP_RUNS_DAYS=30)
    def test_old_runs_go_and_new_ones_stay(self) -> None:
        new = self.run_of(self.alice, "New")
        self.assertEqual(filing.expire_runs(), 2)
        self.assertEqual(filing.expire_runs(), 0)
        self.assertEqual(list(Run.objects.all()), [new])

    @override_settings(KEEP_RUNS_DAYS=30)
    def test_what_somebody_made_something_of_stays(self) -> None:
        keeps = {
            "title": lambda run: filing.describe_run(run, title="Kept"),
            "tags": lambda run: filing.describe_run(run, tags=["kept"]),
            "notes": lambda run: filing.describe_run(run, notes="Kept"),
            "team": lambda run: sharing.share_run(self.alice, run, self.team),
            "link": lambda run: sharing.make_link(self.alice, run, 7),
            "vote": lambda run: voting.vote(self.alice, run.calls.get(), voting.DOWN),
            "fork": lambda run: Run.objects.filter(pk=self.run_of(self.alice, "f").pk).update(
                forked_from=run
            ),
            "going": lambda run: run.calls.update(status="streaming"),
        }
        Run.objects.filter(pk=self.lamp.pk).delete()
        for what, keep in keeps.items():
            with self.subTest(what):
                run = self.run_of(self.alice, what, text="x")
                run.created_at = self.shelf.created_at
                run.save()
                keep(run)
                searching.index_run(run)
                filing.expire_runs()
                self.assertTrue(Run.objects.filter(pk=run.pk).exists())
        self.assertFalse(Run.objects.filter(pk=self.shelf.pk).exists())
