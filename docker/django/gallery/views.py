"""The pages that a person sees: the gallery, one photo, the upload form, and a page for members."""

from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.generic import CreateView, DetailView, ListView, TemplateView

from .forms import UploadForm
from .models import Upload


class Gallery(ListView):
    model = Upload
    template_name = "gallery/index.html"


class Photo(DetailView):
    model = Upload
    template_name = "gallery/photo.html"


class UploadFile(CreateView):
    model = Upload
    form_class = UploadForm
    template_name = "gallery/upload.html"


class Members(LoginRequiredMixin, TemplateView):
    template_name = "gallery/members.html"


def latest(request: HttpRequest) -> HttpResponse:
    """The newest upload always has this address."""
    newest = Upload.objects.first()
    return redirect(newest if newest else "gallery")
