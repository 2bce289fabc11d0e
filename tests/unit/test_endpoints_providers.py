"""External model providers: the exact configuration of each, and an error for each field."""

import unittest

from hypothesis import given
from hypothesis import strategies as st

from endpoints.providers import PROVIDERS, FieldErrors, endpoint_config, external_model

KEY = "{{secrets/my-scope/k}}"
PLAIN = "sk-plain-secret-123"


class ConfigurationTests(unittest.TestCase):
    def test_each_provider_and_each_of_its_ways(self):
        cases = (
            ("openai", "openai_config", {"openai_api_key": KEY}),
            ("openai", "openai_config", {
                "openai_api_type": "azure", "openai_api_key": KEY, "openai_api_version": "v",
                "openai_api_base": "https://r.openai.azure.com", "openai_deployment_name": "d",
            }),
            ("openai", "openai_config", {
                "openai_api_type": "azuread", "openai_api_base": "https://r.openai.azure.com",
                "openai_api_version": "v", "openai_deployment_name": "d",
                "microsoft_entra_tenant_id": "t", "microsoft_entra_client_id": "c",
                "microsoft_entra_client_secret": KEY,
            }),
            ("anthropic", "anthropic_config", {"anthropic_api_key": KEY}),
            ("cohere", "cohere_config", {"cohere_api_key": KEY, "cohere_api_base": "https://x.io"}),
            ("amazon-bedrock", "amazon_bedrock_config", {
                "aws_region": "us-east-1", "bedrock_provider": "amazon",
                "aws_access_key_id": KEY, "aws_secret_access_key": KEY,
            }),
            ("amazon-bedrock", "amazon_bedrock_config", {
                "aws_region": "r", "bedrock_provider": "cohere", "instance_profile_arn": "arn:x",
            }),
            ("amazon-bedrock", "amazon_bedrock_config", {
                "aws_region": "r", "bedrock_provider": "amazon", "uc_service_credential_name": "n",
            }),
            ("google-cloud-vertex-ai", "google_cloud_vertex_ai_config", {
                "project_id": "p", "region": "r", "private_key": KEY,
            }),
            ("databricks-model-serving", "databricks_model_serving_config", {
                "databricks_workspace_url": "https://w.azuredatabricks.net",
                "databricks_api_token": KEY,
            }),
            ("ai21labs", "ai21labs_config", {"ai21labs_api_key": KEY}),
            ("palm", "palm_config", {"palm_api_key": KEY}),
        )  # fmt: skip
        for provider, config_key, values in cases:
            with self.subTest(provider=provider):
                made = external_model(provider, "m-1", "chat", values)
                self.assertEqual(
                    made,
                    {
                        "name": "m-1",
                        "provider": provider,
                        "task": "llm/v1/chat",
                        config_key: values,
                    },
                )
        self.assertEqual({each[0] for each in cases} | {"custom"}, set(PROVIDERS))

    def test_a_custom_providers_fields_lie_one_object_deeper(self):
        url = "https://models.example.com/v1/chat/completions"
        made = external_model(
            "custom", "m", "chat", {"custom_provider_url": url, "bearer_token_auth.token": KEY}
        )
        self.assertEqual(
            made["custom_provider_config"],
            {"custom_provider_url": url, "bearer_token_auth": {"token": KEY}},
        )
        values = {
            "custom_provider_url": url,
            "api_key_auth.key": "X-Key",
            "api_key_auth.value": KEY,
        }
        made = external_model("custom", "m", "chat", values)
        self.assertEqual(
            made["custom_provider_config"]["api_key_auth"], {"key": "X-Key", "value": KEY}
        )

    def test_what_we_build_is_what_databricks_own_sdk_reads_and_writes(self):
        from databricks.sdk.service.serving import ExternalModel

        for provider in PROVIDERS.values():
            made = external_model(provider.name, "m", "embeddings", valid_values(provider))
            self.assertEqual(ExternalModel.from_dict(made).as_dict(), made)

    def test_empty_fields_and_those_ruled_out_are_not_sent(self):
        values = {
            "openai_api_key": f" {KEY} ",
            "openai_organization": " ",
            "openai_api_version": "v",
        }
        made = external_model("openai", " gpt-4 ", "completions", values)
        self.assertEqual((made["name"], made["openai_config"]), ("gpt-4", {"openai_api_key": KEY}))

    def test_the_endpoints_config_serves_one_entity(self):
        model = {"name": "m"}
        self.assertEqual(
            endpoint_config("a", model),
            {"served_entities": [{"name": "a", "external_model": model}]},
        )


class ErrorTests(unittest.TestCase):
    def errors(self, provider, values, model="m", task="chat"):
        with self.assertRaises(FieldErrors) as caught:
            external_model(provider, model, task, values)
        self.assertNotIn(PLAIN, str(caught.exception))
        return caught.exception.errors

    def test_a_plaintext_secret_is_refused_in_every_secret_field(self):
        for provider in PROVIDERS.values():
            for field in provider.fields:
                if not field.is_secret:
                    continue
                values = {**valid_values(provider), field.name: PLAIN}
                if field.only_if and field.only_if[1][0]:
                    values[field.only_if[0]] = field.only_if[1][0]
                with self.subTest(field=field.name):
                    self.assertIn(
                        "{{secrets/scope/key}}", self.errors(provider.name, values)[field.name]
                    )

    def test_every_required_field_is_named(self):
        for provider in PROVIDERS.values():
            needed = {
                field.name
                for field in provider.fields
                if field.is_required and (field.only_if is None or "" in field.only_if[1])
            }
            errors = self.errors(provider.name, {})
            self.assertLessEqual(needed, set(errors))
            self.assertTrue(errors)

    def test_all_errors_come_at_once(self):
        errors = self.errors("amazon-bedrock", {"bedrock_provider": "x"}, model="", task="other")
        self.assertEqual(
            set(errors), {"model", "task", "aws_region", "bedrock_provider", "aws_access_key_id"}
        )
        self.assertEqual(set(self.errors("nobody", {})), {"provider"})

    def test_azure_needs_its_four_fields(self):
        errors = self.errors("openai", {"openai_api_type": "azure", "openai_api_key": KEY})
        self.assertEqual(
            set(errors), {"openai_api_base", "openai_api_version", "openai_deployment_name"}
        )
        errors = self.errors("openai", {"openai_api_type": "azuread"})
        self.assertIn("microsoft_entra_client_secret", errors)
        self.assertNotIn("openai_api_key", errors)

    def test_exactly_one_way_to_sign_in(self):
        base = {"aws_region": "r", "bedrock_provider": "amazon"}
        errors = self.errors("amazon-bedrock", {**base, "aws_access_key_id": KEY})
        self.assertEqual(set(errors), {"aws_secret_access_key"})
        both = {**base, "instance_profile_arn": "a", "uc_service_credential_name": "b"}
        self.assertEqual(set(self.errors("amazon-bedrock", both)), {"uc_service_credential_name"})

    def test_urls_choices_and_other_fields_are_checked(self):
        for url in (
            "http://x.io",
            "https://",
            "x.io",
            "https://u:p@x.io",
            "https://[",
            "https://a b",
        ):
            values = {"custom_provider_url": url, "bearer_token_auth.token": KEY}
            self.assertEqual(set(self.errors("custom", values)), {"custom_provider_url"}, url)
        for values, name in (
            (
                {"anthropic_api_key": KEY, "anthropic_api_key_plaintext": PLAIN},
                "anthropic_api_key_plaintext",
            ),
            ({"anthropic_api_key": 5}, "anthropic_api_key"),
            ({"anthropic_api_key": f"{KEY}\nx"}, "anthropic_api_key"),
        ):
            self.assertEqual(set(self.errors("anthropic", values)), {name})
        values = {"cohere_api_key": KEY, "cohere_api_base": KEY}
        self.assertIn("no secret", self.errors("cohere", values)["cohere_api_base"])

    @given(
        st.sampled_from([*PROVIDERS, "x"]),
        st.dictionaries(
            st.sampled_from([f.name for p in PROVIDERS.values() for f in p.fields] + ["x", "a.b"]),
            st.none() | st.integers() | st.text(max_size=30) | st.just(KEY) | st.just("azuread"),
        ),
    )
    def test_any_form_gives_a_configuration_or_field_errors(self, provider, values):
        try:
            made = external_model(provider, "m", "chat", values)
        except FieldErrors as error:
            self.assertTrue(all(words.endswith(".") for words in error.errors.values()))
        else:
            self.assertEqual(made["provider"], provider)


def valid_values(provider):
    """The least that the provider takes."""
    way = provider.ways[0] if provider.ways else ()
    values = {}
    for field in provider.fields:
        is_shown = field.only_if is None or "" in field.only_if[1]
        if (field.is_required and is_shown) or field.name in way:
            plain = "https://x.example.com" if field.is_url else "x"
            values[field.name] = KEY if field.is_secret else (field.choices or (plain,))[0]
    return values
