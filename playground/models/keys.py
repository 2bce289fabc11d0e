"""What tells the right encryption keys from wrong ones, without being a secret."""

from django.db import models


class KeyCheck(models.Model):
    """A known text sealed with one key: it opens with that key and no other.

    The row is there from a key's first use until it is retired.
    """

    key_id = models.CharField(max_length=32, primary_key=True)
    sealed = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    @property
    def bound_to(self) -> tuple[str, ...]:
        return "KeyCheck", self.key_id
