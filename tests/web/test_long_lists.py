"""Lists of what others share take as many queries for forty rows as for two."""

from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.api import ApiTestCase
from tests.make import TOKEN, make_endpoint, make_workspace


class LongListTests(ApiTestCase):
    PAGES = ("/endpoints/", "/workspaces/", "/")
    ROUTES = ("/endpoints?limit=200", "/workspaces?limit=200")

    def share(self, numbers: range) -> None:
        for number in numbers:
            host = f"https://adb-{number}.2.azuredatabricks.net"
            workspace = make_workspace(self.alice, name=f"w{number}", host=host, token=TOKEN)
            make_endpoint(
                self.alice,
                name=f"e{number}",
                kind="serving",
                serving_endpoint="a",
                workspace=workspace,
                team=self.team,
            )

    def count(self) -> dict[str, int]:
        counts = {}
        for user in (self.alice, self.bob, self.vera):
            self.log_in(user)
            for path in (*self.PAGES, *self.ROUTES):
                with CaptureQueriesContext(connection) as queries:
                    if path in self.PAGES:
                        response = self.client.get(path)
                    else:
                        response = self.api(user, "GET", path)
                self.assertEqual(response.status_code, 200)
                counts[f"{user.username} {path}"] = len(queries)
        return counts

    def test_the_number_of_queries_does_not_grow_with_the_list(self) -> None:
        self.share(range(2))
        self.count()  # the first page of a person makes their draft
        few = self.count()
        self.share(range(2, 40))
        self.assertEqual(self.count(), few)
