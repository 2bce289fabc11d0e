"""Prices of an endpoint, and what a call is thought to have cost: API, form and page."""

from playground.models import Endpoint
from playground.templatetags.playground import dollars
from tests.api import ApiTestCase
from tests.make import make_endpoint, make_run

USAGE = {"input_tokens": 2_000, "output_tokens": 500}
TOKENS = {"input": 0.5, "output": 2.0}


class PriceTests(ApiTestCase):
    def setUp(self) -> None:
        self.endpoint = make_endpoint(self.alice, team=self.team, prices=TOKENS)
        self.path = f"/endpoints/{self.endpoint.pk}"

    def stored(self) -> Endpoint:
        return Endpoint.objects.get(pk=self.endpoint.pk)

    def change(self, prices) -> dict:
        return self.ok(self.api(self.alice, "PATCH", self.path, {"prices": prices}))

    def test_they_are_stored_with_a_version_of_their_own(self) -> None:
        answer = self.change({"output": 1, "per_hour": 0, "input": None})
        self.assertEqual(answer["prices"], {"output": 1, "per_hour": 0})
        self.assertEqual((self.stored().prices, answer["version"]), (answer["prices"], 2))
        self.assertEqual(self.change(answer["prices"])["version"], 2)
        self.assertEqual(self.change(None)["prices"], {})

    def test_the_form_keeps_them_and_explains_mistakes(self) -> None:
        self.log_in(self.alice)
        form = self.client.get(f"{self.path}/").context["form"]
        fields = {f.name: f.value() for f in form if f.value() not in (None, False)}
        fields |= {"stream": "on", "team": str(self.team.pk)}
        self.client.post(f"{self.path}/", fields)
        self.assertEqual((self.stored().prices, self.stored().version), (TOKENS, 1))
        self.client.post(f"{self.path}/", fields | {"price_input": "", "price_per_hour": "7.5"})
        self.assertEqual(self.stored().prices, {"output": 2.0, "per_hour": 7.5})
        for typed, words in (
            ("-1", "from 0 to 1,000,000"),
            ("much", "Enter a number"),
            ("inf", ""),
        ):
            page = self.client.post(f"{self.path}/", fields | {"price_output": typed})
            self.assertEqual(page.status_code, 422)
            self.assertIn(words, page.context["form"].errors["price_output"][0])
        self.assertEqual(self.stored().version, 2)

    def test_who_may_only_look_sees_them(self) -> None:
        self.log_in(self.vera)
        page = self.client.get(f"{self.path}/")
        self.assertContains(page, "$0.5 per million tokens")


class CostTests(ApiTestCase):
    def call(self, prices: dict, **fields):
        endpoint = make_endpoint(self.alice, name=f"e{Endpoint.objects.count()}", prices=prices)
        fields = {"status": "done", "usage": USAGE, "latency_ms": 1800} | fields
        return make_run(self.alice, endpoint, **fields).calls.get()

    def test_tokens_and_hours_add_up(self) -> None:
        self.assertEqual(self.call(TOKENS).cost, 0.002)
        self.assertEqual(self.call({"output": 2.0}).cost, 0.001)
        self.assertEqual(self.call({"per_hour": 4.0}).cost, 0.002)
        self.assertEqual(self.call(TOKENS | {"per_hour": 4.0}).cost, 0.004)
        self.assertEqual(self.call({"input": 0}).cost, 0)

    def test_it_is_unknown_rather_than_guessed(self) -> None:
        counted_half = {"input_tokens": 7, "output_tokens": None}
        for call in (
            self.call({}),
            self.call(TOKENS, usage=None),
            self.call(TOKENS, usage=counted_half),
            self.call(TOKENS, status="streaming"),
            self.call({"per_hour": 1}, latency_ms=None),
            self.call({"per_hour": 1}, status="stopped", started_at=None),
        ):
            self.assertIsNone(call.cost)

    def test_a_call_keeps_the_prices_that_its_endpoint_had(self) -> None:
        call = self.call(TOKENS)
        Endpoint.objects.update(prices={"input": 9})
        self.assertEqual(call.cost, 0.002)
        del call.config["prices"]  # of a call older than prices
        self.assertIsNone(call.cost)

    def test_the_api_says_that_it_is_an_estimate(self) -> None:
        for prices, cost in ((TOKENS, 0.002), ({}, None)):
            call = self.ok(self.api(self.alice, "GET", f"/calls/{self.call(prices).pk}"))
            self.assertEqual((call["cost"], call["cost_is_estimate"]), (cost, cost is not None))

    def test_the_page_marks_it_as_estimate(self) -> None:
        self.log_in(self.alice)
        page = self.client.get(self.call(TOKENS).run.get_absolute_url())
        self.assertContains(page, 'data-value="0.002" title="Estimate, from the prices')
        self.assertContains(page, ">≈ $0.0020</dd>")
        page = self.client.get(self.call({}).run.get_absolute_url())
        self.assertContains(page, '<dt>Cost</dt><dd data-metric="cost" data-best="least" data-va')

    def test_few_digits_say_enough(self) -> None:
        for cost, words in (
            (None, "–"),
            (0, "≈ $0"),
            (0.00003, "≈ <$0.0001"),
            (0.00123, "≈ $0.0012"),
            (12.345, "≈ $12.35"),
        ):
            self.assertEqual(dollars(cost), words)
