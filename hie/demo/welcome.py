"""What `hie demo` prints at the end: where to go and who may log in, in both languages."""

from rich.console import Console
from rich.table import Table

from hie.demo.credentials import Credentials
from hie.demo.district import District
from hie.demo.personas import LOGINS
from hie.settings import Settings
from hie.web.portal import CLINICIAN, RESIDENT


def welcome(
    console: Console,
    settings: Settings,
    credentials: Credentials,
    district: District,
    seconds: float,
) -> None:
    """Print addresses and logins; `seconds` is how long loading took, 0 if it was not needed."""
    base = settings.public_base_url
    people = Table(title="Demo logins 演示账号", title_justify="left")
    for heading in ("login 账号", "password 密码", "who 身份", "page 页面"):
        people.add_column(heading, no_wrap=True)
    for login in LOGINS:
        portal = RESIDENT if login.kind == "resident" else CLINICIAN
        people.add_row(
            login.login,
            credentials.passwords[login.login],
            f"{login.name}: {login.role} {login.role_zh}",
            f"{base}{portal.home}",
        )
    took = (
        f"loaded in {seconds:.0f} s 载入用时 {seconds:.0f} 秒"
        if seconds
        else "already there 已载入"
    )
    # Addresses may be longer than the terminal is wide: nothing may be cut off.
    width = max(console.width, 130)
    console.print(f"\n{district.residents:,} invented residents 虚构居民, {took}", width=width)
    console.print(people, width=width)
    console.print(
        f"Portal 门户  {base}\nFHIR API 接口  {settings.fhir_base}\n"
        f"HL7 v2 (MLLP)  {settings.mllp_host}:{settings.mllp_port}\n"
        "Ctrl-C ends everything 按 Ctrl-C 结束",
        width=width,
        highlight=False,
    )
