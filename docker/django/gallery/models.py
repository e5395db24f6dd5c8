"""What people uploaded."""

import mimetypes

from django.db import models
from django.urls import reverse


class Upload(models.Model):
    title = models.CharField(max_length=100, blank=True)
    file = models.FileField(upload_to="uploads/%Y/%m", max_length=255)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.title or self.file.name.rpartition("/")[2]

    def get_absolute_url(self) -> str:
        return reverse("photo", args=[self.pk])

    @property
    def kind(self) -> str:
        """`image`, `video`, `audio`, `text` or `application`, as the name says."""
        guess, _ = mimetypes.guess_type(self.file.name)
        return (guess or "application/octet-stream").partition("/")[0]
