"""Addresses of the authorization server. `request.app.state.exchange` has to be set."""

from starlette.routing import BaseRoute, Route

from hie.auth.endpoints import (
    account,
    authorize,
    brands,
    federation,
    introspect,
    jwks,
    login,
    push,
    register,
    revoke,
    smart_configuration,
    style,
    token,
)

routes: list[BaseRoute] = [
    *(
        Route(path, smart_configuration.smart_configuration, methods=["GET", "OPTIONS"])
        for path in smart_configuration.PATHS
    ),
    Route(authorize.PATH, authorize.authorize, methods=["GET", "POST"]),
    Route(login.PATH, login.login, methods=["GET", "POST"]),
    Route(login.CODE_PATH, login.second_factor, methods=["GET", "POST"]),
    Route(login.ENROLMENT_PATH, login.enrolment, methods=["GET", "POST"]),
    Route(federation.PATH, federation.depart, methods=["GET"]),
    Route(federation.CALLBACK, federation.callback, methods=["GET"]),
    Route(login.LOGOUT_PATH, login.logout, methods=["GET", "POST"]),
    Route(token.PATH, token.token, methods=["POST", "OPTIONS"]),
    Route(push.PATH, push.push_request, methods=["POST", "OPTIONS"]),
    Route(register.PATH, register.register, methods=["POST", "OPTIONS"]),
    Route(revoke.PATH, revoke.revoke, methods=["POST", "OPTIONS"]),
    Route(introspect.PATH, introspect.introspect, methods=["POST", "OPTIONS"]),
    Route(account.PATH, account.account, methods=["GET", "POST"]),
    Route(jwks.PATH, jwks.jwks, methods=["GET", "OPTIONS"]),
    Route(brands.PATH, brands.brands, methods=["GET", "OPTIONS"]),
    Route(style.PATH, style.style, methods=["GET"]),
]
