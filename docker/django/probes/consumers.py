"""The WebSocket at /ws/echo/."""

from channels.generic.websocket import AsyncWebsocketConsumer


class Echo(AsyncWebsocketConsumer):
    """Sends back what it gets, text as text and bytes as bytes; "bye" makes it close with code 4000."""

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if text_data == "bye":
            await self.close(code=4000)
        else:
            await self.send(text_data=text_data, bytes_data=bytes_data)
