"""A socket whose code fails is closed, so that the page connects again, and the log says why."""

from channels.testing import WebsocketCommunicator
from django.test import SimpleTestCase

from playground.consumers import BROKEN, RunConsumer


class SocketTests(SimpleTestCase):
    async def test_a_failure_is_logged_and_closes_the_socket(self) -> None:
        socket = WebsocketCommunicator(RunConsumer.as_asgi(), "/ws/runs/1/")  # without any user
        with self.assertLogs("playground.consumers", "ERROR") as logged:
            await socket.connect()
            self.assertEqual((await socket.receive_output())["code"], BROKEN)
        self.assertIn("KeyError", logged.output[0])
        await socket.disconnect()
