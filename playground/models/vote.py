"""What people say of answers."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class Vote(models.Model):
    """One person's word on one answer: a thumb, that it is the best of its run to them, or both."""

    call = models.ForeignKey("Call", models.CASCADE, related_name="votes")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    value = models.SmallIntegerField(default=0, help_text="1 for good, -1 for bad, 0 for neither.")
    is_best = models.BooleanField(default=False, help_text="At most one per person and run.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["call", "user"], name="one_vote_per_person"),
            models.CheckConstraint(condition=Q(value__in=[-1, 0, 1]), name="vote_is_a_thumb"),
            models.CheckConstraint(
                condition=Q(is_best=True) | ~Q(value=0), name="vote_says_something"
            ),
        ]
