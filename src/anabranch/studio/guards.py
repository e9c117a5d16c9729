"""Who may ask the server for what: the host, the origin and the token of every request; and what a page may load.

A page of another site can send requests to a server on this machine, and a name of its own can be made to point here.
So every request must name this server as its host, and where a browser says which page asks, it must be ours.
"""

import dataclasses
import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
COOKIE = "anabranch_token"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
SEEN_AS_OURS = ("same-origin", "none")
"""What Sec-Fetch-Site says of requests by our own page, and of an address that a user has typed."""


def is_loopback(host: str) -> bool:
    """Whether a host is this machine alone."""
    return host in ("127.0.0.1", "localhost", "::1")


@dataclasses.dataclass(frozen=True)
class Guard:
    """Stands before an application; asks every request, and adds its headers to every answer."""

    app: App
    hosts: frozenset[str]
    """NAME:PORT by which the server may be called."""
    token: str | None = None
    """What a request must know, where others than this machine can reach the server."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it with a sentence."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        cookie = self._cookie(scope, headers)
        refused = self._refusal(scope, headers, cookie)

        async def guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                extra = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                if cookie:
                    extra.append((b"set-cookie", f"{COOKIE}={self.token}; HttpOnly; SameSite=Strict; Path=/".encode()))
                message = {**message, "headers": [*message.get("headers", []), *extra]}
            await send(message)

        if refused is None:
            await self.app(scope, receive, guarded)
            return
        body = json.dumps({"error": refused}).encode()
        kinds = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await guarded({"type": "http.response.start", "status": 403, "headers": kinds})
        await guarded({"type": "http.response.body", "body": body})

    def _cookie(self, scope: Scope, headers: dict[str, str]) -> bool:
        """Whether the address has the token, so that a cookie may keep it."""
        if self.token is None or headers.get("host") not in self.hosts:
            return False
        given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[0]
        return hmac.compare_digest(given.encode(), self.token.encode())

    def _refusal(self, scope: Scope, headers: dict[str, str], cookie: bool) -> str | None:
        """Why a request is refused; None where it is ours."""
        host, origin, site = headers.get("host", ""), headers.get("origin"), headers.get("sec-fetch-site")
        if host not in self.hosts:
            return f"This server is not called {host!r}: use the address that it has printed."
        if origin is not None and origin not in {f"http://{one}" for one in self.hosts}:
            return f"A page of {origin} may not ask this server."
        if scope["method"] not in ("GET", "HEAD") and site is not None and site not in SEEN_AS_OURS:
            return "A page of another site may not ask this server."
        if self.token is not None and not cookie and not self._knows(headers.get("cookie", "")):
            return "This server needs the token that it has printed once: open the address with it."
        return None

    def _knows(self, text: str) -> bool:
        try:
            kept = SimpleCookie(text).get(COOKIE)
        except CookieError:
            return False
        return kept is not None and hmac.compare_digest(kept.value.encode(), (self.token or "").encode())
