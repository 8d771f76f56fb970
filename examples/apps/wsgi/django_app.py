"""A Django application in one file that knows nothing of Tempest."""
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import path

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=['*'], SECRET_KEY='for an example')


def hello(request):
    return HttpResponse(f"Hello {request.GET.get('name', 'you')} from Django\n")


def form(request):
    return JsonResponse(request.POST.dict(), status=201)


def echo(request):
    return HttpResponse(request.body, content_type='application/octet-stream')


def cookies(request):
    response = HttpResponse(request.COOKIES.get('visit', 'none') + '\n')
    response.set_cookie('visit', '1', httponly=True)
    response.set_cookie('theme', 'dark')
    return response


def fails(request):
    raise RuntimeError('a secret of the application')


urlpatterns = [
    path('hello', hello),
    path('form', form),
    path('bytes', echo),
    path('cookies', cookies),
    path('old', lambda request: redirect('/hello')),
    path('fails', fails),
]
application = get_wsgi_application()
