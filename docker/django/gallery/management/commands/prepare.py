"""
`manage.py prepare`: everything a fresh place needs before the server starts, in one go: tables, static files,
two users to try with, and an entry in the gallery for each file that already lies in MEDIA_ROOT, or a bucket for them.
"""

from pathlib import Path

from botocore.exceptions import ClientError
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.core.files.storage import storages
from django.core.management import BaseCommand, call_command
from gallery.models import Upload

PASSWORD = "open-sesame"


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args, **options) -> None:
        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        self.add_users()
        if settings.BUCKET:
            self.make_bucket()
        else:
            self.adopt_files(Path(settings.MEDIA_ROOT))

    def add_users(self) -> None:
        """`demo` may read the protected documents, `guest` may log in and no more."""
        if User.objects.exists():
            return
        demo = User.objects.create_user("demo", password=PASSWORD)
        demo.user_permissions.add(Permission.objects.get(codename="view_upload"))
        User.objects.create_user("guest", password=PASSWORD)

    def make_bucket(self) -> None:
        """In a fresh store of one's own there is none yet."""
        bucket = storages["default"].bucket
        try:
            bucket.meta.client.head_bucket(Bucket=bucket.name)
        except ClientError as error:
            # Whoever may not ask has one that somebody else made.
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                bucket.create()

    def adopt_files(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        known = set(Upload.objects.values_list("file", flat=True))
        names = sorted(path.name for path in root.iterdir() if path.is_file() and path.name[0] != ".")
        Upload.objects.bulk_create(Upload(file=name) for name in names if name not in known)
