"""The log of the authorization server: who signed in, who tried, what was allowed and ended.

Kept for three years; what is younger than 183 days the law wants kept (网络安全法 第二十一条).
A name that was typed but belongs to no account is not kept: it may be a password.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from psycopg.rows import class_row
from starlette.requests import Request

from hie.errors import Text
from hie.kit.db import Connection

What = Literal[
    "signed-in",
    "sign-in-refused",
    "second-factor-refused",
    "signed-out",
    "app-allowed",
    "app-refused",
    "app-ended",
    "theft-suspected",
    "password-changed",
    "second-factor-set",
]

WORDS = {
    "signed-in": Text("Signed in", "登录成功"),
    "sign-in-refused": Text("Wrong password, or too many attempts", "密码错误或尝试次数过多"),
    "second-factor-refused": Text("Wrong one-time code", "动态验证码错误"),
    "signed-out": Text("Signed out", "退出登录"),
    "app-allowed": Text("Allowed an app", "允许应用访问"),
    "app-refused": Text("Refused an app", "拒绝应用访问"),
    "app-ended": Text("Ended an app's access", "取消应用授权"),
    "second-factor-set": Text("Set up one-time codes", "设置动态验证码"),
    "password-changed": Text("Changed the password", "修改密码"),
    "theft-suspected": Text(
        "An app's key was used twice; its access was ended", "应用凭证被重复使用，已终止其访问"
    ),
}

_LONGEST_AGENT = 200
_SHOWN = 20

INSERT = """
INSERT INTO auth.occurrence (what, account, client_id, address, agent)
VALUES (%(what)s, (SELECT login FROM auth.account WHERE login = %(account)s), %(client_id)s,
    %(address)s, %(agent)s)
"""

SELECT_RECENT = f"""
SELECT o.recorded, o.what, c.name AS client, o.agent
FROM auth.occurrence o LEFT JOIN auth.client c ON c.id = o.client_id
WHERE o.account = %s ORDER BY o.number DESC LIMIT {_SHOWN}
"""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One line of a person's own log."""

    recorded: datetime
    what: str
    client: str | None
    agent: str

    @property
    def text(self) -> Text:
        """What happened, in plain words."""
        return WORDS[self.what]


async def note(
    conn: Connection,
    request: Request,
    what: What,
    *,
    account: str | None,
    client_id: str | None = None,
) -> None:
    """Put on record what happened; in the caller's transaction, if there is one."""
    await conn.execute(
        INSERT,
        {
            "what": what,
            "account": account,
            "client_id": client_id,
            "address": request.client.host if request.client else None,
            "agent": request.headers.get("user-agent", "")[:_LONGEST_AGENT],
        },
    )


async def recent(conn: Connection, account: str) -> list[Occurrence]:
    """The last things that happened to this person's account, the newest first."""
    async with conn.cursor(row_factory=class_row(Occurrence)) as cursor:
        await cursor.execute(SELECT_RECENT, (account,))
        return await cursor.fetchall()
