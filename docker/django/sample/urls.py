"""Every address of the sample project. MEDIA_URL and STATIC_URL are not among them: media-serve answers those."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path
from gallery import views as gallery
from probes import views as probes

urlpatterns = [
    path("", gallery.Gallery.as_view(), name="gallery"),
    path("upload/", gallery.UploadFile.as_view(), name="upload"),
    path("photos/<int:pk>/", gallery.Photo.as_view(), name="photo"),
    path("latest/", gallery.latest, name="latest"),
    path("members/", gallery.Members.as_view(), name="members"),
    path("login/", LoginView.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("echo/", probes.echo, name="echo"),
    path("echo/<path:rest>", probes.echo),
    path("slow/", probes.slow, name="slow"),
    path("bulk/", probes.bulk, name="bulk"),
    path("stream/", probes.stream, name="stream"),
    path("events/", probes.events, name="events"),
    path("documents/", include("protected.urls")),
]
