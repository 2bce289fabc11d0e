"""Start-up of the one app."""

from functools import partial

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.db import transaction
from django.db.models.signals import post_delete, post_save


class PlaygroundConfig(AppConfig):
    name = "playground"

    def ready(self) -> None:
        from endpoints import guard

        from . import announcing, checks, entering, process, starting  # noqa: F401 - the checks
        from .models import Membership, User

        def welcome_new(sender, instance, created, raw, **kwargs):
            if created and not raw:  # raw: a fixture brings its own memberships
                starting.welcome(instance)

        guard.install()
        process.hide_own_secrets()

        def begin(sender, request, **kwargs):
            entering.begin_session(request)

        def announce(user_id):
            transaction.on_commit(partial(announcing.person_changed_soon, user_id))

        def person_changed(sender, instance, created, **kwargs):
            if not created:  # active no more, another password
                announce(instance.pk)

        def place_changed(sender, instance, **kwargs):
            announce(instance.user_id)

        hear = {"weak": False, "dispatch_uid": "playground"}
        post_save.connect(welcome_new, sender=User, weak=False, dispatch_uid="welcome")
        post_save.connect(person_changed, sender=User, **hear)
        post_save.connect(place_changed, sender=Membership, **hear)
        post_delete.connect(place_changed, sender=Membership, **hear)
        user_logged_in.connect(begin, **hear)
