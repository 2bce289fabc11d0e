"""The API as a whole: who may call it, what it answers when nothing fits, its own documentation."""

from collections.abc import Callable
from functools import partial
from inspect import iscoroutinefunction

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import re_path
from django.views.decorators.csrf import csrf_exempt  # noqa: TID251 - SessionAuth checks instead
from ninja import NinjaAPI, Swagger
from ninja.openapi.schema import OpenAPISchema

from . import errors
from .answers import AnswerRenderer
from .auth import SessionAuth, TokenAuth
from .bodies import BodyParser

DESCRIPTION = """
The same rules and the same code as the pages. Make a token on the account page, or with
`python manage.py createtoken USER`, and send it as `Authorization: Bearer pp_…`; or use the session
cookie with a CSRF token, as this page does.

Lists take `limit` and `cursor` and answer `items` and `next`. Times are integers in milliseconds.
What is not yours is a 404.
"""

ERROR_ANSWER = {
    "description": "What went wrong, and the field at fault where there is one.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorAnswer"}}},
}


class Api(NinjaAPI):
    """Ninja's API with this house's errors; it asks for a sign-in itself, with 401, not a page."""

    def __init__(self) -> None:
        super().__init__(
            title="Prompt Playground",
            version="1",
            description=DESCRIPTION.strip(),
            docs=Swagger({"tryItOutEnabled": True}),
            auth=[TokenAuth(), SessionAuth()],
            parser=BodyParser(),
            renderer=AnswerRenderer(),
        )
        errors.install(self)

    @property
    def urls(self) -> tuple[list, str, str]:
        """Every path answers JSON, also one that does not exist or does not take the method."""
        patterns, app_name, namespace = super().urls
        for pattern in patterns:
            view = _to_docs if pattern.name == "api-root" else pattern.callback
            pattern.callback = login_not_required(_answering_json(self, view))
        nowhere = csrf_exempt(partial(_nowhere, self))
        return [*patterns, re_path("", login_not_required(nowhere))], app_name, namespace

    def get_openapi_schema(self, **kwargs) -> OpenAPISchema:
        schema = super().get_openapi_schema(**kwargs)
        answer = errors.ErrorAnswer.model_json_schema(ref_template="#/components/schemas/{model}")
        schema["components"]["schemas"] |= answer.pop("$defs") | {"ErrorAnswer": answer}
        for operations in schema["paths"].values():
            for operation in operations.values():
                operation["responses"]["default"] = ERROR_ANSWER
        return schema


def _to_docs(request: HttpRequest) -> HttpResponse:
    return redirect(f"{request.path}docs")


def _nowhere(api: NinjaAPI, request: HttpRequest) -> HttpResponse:
    return api.on_exception(request, Http404("There is nothing at this address."))


def _answering_json(api: NinjaAPI, view: Callable) -> Callable:
    """The view, with its plain "method not allowed" told as every other error is."""

    def told(request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if response.status_code != 405:
            return response
        return errors.method_not_allowed(api, request, response["Allow"])

    if iscoroutinefunction(view):

        async def answer(request: HttpRequest, *args, **kwargs) -> HttpResponse:
            return told(request, await view(request, *args, **kwargs))

    else:

        def answer(request: HttpRequest, *args, **kwargs) -> HttpResponse:
            return told(request, view(request, *args, **kwargs))

    return csrf_exempt(answer)  # a session's requests are checked by SessionAuth
