"""What an app has to bring that staff use, beside the exchange's own portals: the level of hospitals.

- The request is pushed beforehand by the app itself: https://www.rfc-editor.org/rfc/rfc9126
- The app signs with its own key (private_key_jwt): a secret that could be copied is not enough.
- Its tokens are bound to a key or a certificate: https://www.rfc-editor.org/rfc/rfc9449 and
  https://www.rfc-editor.org/rfc/rfc8705#section-3

OWASP ASVS 5.0, 10.3.5, 10.4.13, 10.4.14 and 10.4.16 (level 3). The portals keep their tokens sealed on the
server and call the exchange inside its own process, so nothing of theirs travels.
"""

from hie.auth.clients import Client
from hie.auth.failures import OAuthError
from hie.settings import Settings


def _protected(settings: Settings, client: Client, holder: str) -> bool:
    return settings.staff_apps == "protected" and holder == "staff" and not client.trusted


def _check_key(client: Client) -> None:
    if client.kind != "asymmetric":
        raise OAuthError(
            "unauthorized_client",
            "An app for staff signs with its own key: register it with private_key_jwt.",
            "医务人员使用的应用须以自有密钥签名：请以 private_key_jwt 方式登记。",
        )


def only_for_staff(client: Client) -> bool:
    """Whether nobody but staff may use the app, so that it is known before anybody signs in."""
    return set(client.account_kinds) == {"staff"}


def check_pushing(settings: Settings, client: Client) -> None:
    """Refuse the request that such an app pushes. Raises `OAuthError` that names what is missing."""
    if only_for_staff(client) and _protected(settings, client, "staff"):
        _check_key(client)


def check_request(settings: Settings, client: Client, holder: str, pushed: str | None) -> None:
    """Refuse an authorization request for this kind of person. Raises `OAuthError` likewise."""
    if not _protected(settings, client, holder):
        return
    _check_key(client)
    if pushed is None:
        raise OAuthError(
            "invalid_request",
            "An app for staff has to push its request first: "
            "pushed_authorization_request_endpoint, then request_uri (RFC 9126).",
            "医务人员使用的应用须先推送授权请求（RFC 9126），再以 request_uri 发起。",
        )


def check_tokens(settings: Settings, client: Client, holder: str, thumbprint: str | None) -> None:
    """Refuse tokens that would not be bound to their sender. Raises `OAuthError` likewise."""
    if not _protected(settings, client, holder):
        return
    _check_key(client)
    if thumbprint is None:
        raise OAuthError(
            "invalid_dpop_proof",
            "Tokens of staff are bound to their sender: send a DPoP proof (RFC 9449), "
            "or show a client certificate (RFC 8705).",
            "医务人员的令牌须与持有方绑定：请提交 DPoP 证明（RFC 9449）或出示客户端证书（RFC 8705）。",
        )
