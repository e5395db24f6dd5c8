"""Addresses of the protected documents. `/protected/` itself is media-serve's, for the app's answers only."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.index, name="documents"),
    path("sendfile/<path:name>", views.by_sendfile, name="by-sendfile"),
    path("private/<path:path>", views.ByPrivateStorage.as_view(), name="by-private-storage"),
    path("may-i/", views.may_i, name="may-i"),
    path("signed/", views.signed, name="signed"),
]
