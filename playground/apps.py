"""Start-up of the one app."""

from django.apps import AppConfig
from django.db.models.signals import post_save


class PlaygroundConfig(AppConfig):
    name = "playground"

    def ready(self) -> None:
        from . import checks, starting  # noqa: F401 - registers the start-up checks
        from .models import User

        def welcome_new(sender, instance, created, raw, **kwargs):
            if created and not raw:  # raw: a fixture brings its own memberships
                starting.welcome(instance)

        post_save.connect(welcome_new, sender=User, weak=False, dispatch_uid="welcome")
