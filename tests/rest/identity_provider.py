"""A second identity provider for the tests: OpenID Connect over a real socket, one person at a time."""

import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import orjson
from joserfc import jwt
from joserfc.jwk import ECKey


class Provider:
    """What it says about whoever comes; tests change it to what it should not say."""

    def __init__(self) -> None:
        self.base = ""
        self.key = ECKey.generate_key("P-256", {"kid": "p"})
        self.signing: ECKey = self.key
        self.person: dict[str, Any] = {}
        self.changes: dict[str, Any] = {}
        self.issuer: str | None = None
        self.codes: dict[str, dict[str, str]] = {}
        self.instead: dict[str, bytes] = {}
        """By path, what it answers in place of what it should."""

    def configuration(self) -> dict[str, str]:
        return {
            "issuer": self.issuer or self.base,
            "authorization_endpoint": f"{self.base}/authorize",
            "token_endpoint": f"{self.base}/token",
            "jwks_uri": f"{self.base}/jwks",
        }

    def authorize(self, query: str) -> str:
        """Where the browser is sent back to."""
        asked = dict(parse_qsl(query))
        assert asked["code_challenge_method"] == "S256"
        code = token_urlsafe(16)
        self.codes[code] = asked
        back = urlencode({"code": code, "state": asked["state"], "iss": self.base})
        return f"{asked['redirect_uri']}?{back}"

    def token(self, form: dict[str, str]) -> dict[str, Any]:
        asked = self.codes.pop(form["code"])
        digest = sha256(form["code_verifier"].encode()).digest()
        assert urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
        claims = {
            "iss": self.base, "aud": asked["client_id"], "nonce": asked["nonce"],
            "iat": int(time.time()), "exp": int(time.time()) + 60, **self.person, **self.changes,
        }  # fmt: skip
        kept = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": "ES256", "kid": "p"}
        token = jwt.encode(header, kept, self.signing, algorithms=["ES256"])
        return {"access_token": "x", "token_type": "Bearer", "id_token": token}


@contextmanager
def provided() -> Iterator[Provider]:
    """The provider, for the length of the block."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def _send(self, content: object) -> None:
            body = provider.instead.get(urlsplit(self.path).path, orjson.dumps(content))
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            if urlsplit(self.path).path == "/jwks":
                public = {**provider.key.as_dict(private=False), "kid": "p"}
                self._send({"keys": [public]})
            else:
                self._send(provider.configuration())

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            self._send(provider.token(dict(parse_qsl(self.rfile.read(length).decode()))))

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
