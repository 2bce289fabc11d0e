"""Make an API token from the command line, for scripts and for people without a browser."""

from django.core.management import BaseCommand, CommandError

from playground.models import ApiToken, User


class Command(BaseCommand):
    help = "Print a new API token, once: only its hash is kept."

    def add_arguments(self, parser) -> None:
        parser.add_argument("user", help="user name")
        parser.add_argument("--name", default="command line", help="what the token is for")
        parser.add_argument(
            "--scope",
            choices=ApiToken.Scope.values,
            default=ApiToken.Scope.RUN,
            help="read: only look; run: also start, stop, create and change (the default)",
        )
        parser.add_argument("--days", type=int, help="how long it lasts; without, for ever")

    def handle(self, user: str, name: str, scope: str, days: int | None, **options) -> None:
        name = name.strip()
        if not 1 <= len(name) <= 120:
            raise CommandError("Give the token a name of 1 to 120 characters.", returncode=2)
        if days is not None and not 1 <= days <= 3650:
            raise CommandError("--days goes from 1 to 3650.", returncode=2)
        owner = User.objects.filter(username=user, is_active=True).first()
        if owner is None:
            raise CommandError(f"There is no active account “{user}”. {_who_there_is()}")
        _, token = ApiToken.make(owner, name, scope=scope, days=days)
        self.stdout.write(token)
        may = "may only read" if scope == ApiToken.Scope.READ else "may do what they may"
        until = f" for {days} days" if days else ""
        self.stderr.write(
            f"A token for {owner.username}, called “{name}”: it {may}{until}. It is not shown "
            "again; revoke it on the account page."
        )


def _who_there_is() -> str:
    names = list(User.objects.filter(is_active=True).values_list("username", flat=True)[:6])
    if not names:
        return "No account exists yet: start the site with make run and set it up."
    more = " and others" if len(names) > 5 else ""
    return f"Choose one of: {', '.join(names[:5])}{more}."
