"""Two doors of the server: http and websocket. The third, the calls' channel, is worker.py."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "playground.settings")
http = get_asgi_application()  # first: it loads the apps that the imports below need

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import path  # noqa: E402

from .consumers import RunConsumer  # noqa: E402
from .origins import same_origin_only  # noqa: E402
from .proxies import behind_proxies  # noqa: E402

sockets = URLRouter([path("ws/runs/<uuid:pk>/", RunConsumer.as_asgi())])

application = behind_proxies(
    ProtocolTypeRouter({"http": http, "websocket": same_origin_only(AuthMiddlewareStack(sockets))})
)
