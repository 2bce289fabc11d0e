"""Rows that are deleted in two steps: out of sight at once, for good a little later."""

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

KEPT_S = 120  # a deleted row can be taken back that long; pages offer it for 10 s


class _Living(models.Manager):
    def get_queryset(self) -> models.QuerySet:
        return super().get_queryset().filter(deleted_at=None)


class _Deleted(models.Manager):
    def get_queryset(self) -> models.QuerySet:
        return super().get_queryset().exclude(deleted_at=None)


class Deletable(models.Model):
    """Who reads rows the usual way, through `objects`, does not see one that was deleted."""

    deleted_at = models.DateTimeField(null=True, editable=False)
    deleted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )

    objects = _Living()
    deleted = _Deleted()

    class Meta:
        abstract = True

    @classmethod
    def kept(cls) -> models.QuerySet:
        """Deleted ones that can still be taken back."""
        return cls.deleted.filter(deleted_at__gt=timezone.now() - timedelta(seconds=KEPT_S))

    @classmethod
    def gone(cls) -> models.QuerySet:
        """Deleted ones that nobody can take back any more."""
        return cls.deleted.filter(deleted_at__lte=timezone.now() - timedelta(seconds=KEPT_S))
