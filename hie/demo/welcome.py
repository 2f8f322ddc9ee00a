"""What `hie demo` prints at the end: where to go and who may log in, in both languages."""

from rich.console import Console
from rich.table import Table

from hie.demo.credentials import Credentials
from hie.demo.district import District
from hie.demo.personas import LOGINS
from hie.settings import Settings
from hie.web.portal import AUDITOR, CLINICIAN, RESIDENT, REVIEWER, STEWARD


def welcome(
    console: Console,
    settings: Settings,
    credentials: Credentials,
    district: District,
    *,
    patient: str | None,
    seconds: float,
) -> None:
    """Print addresses and logins.

    `patient` is the first resident's golden Patient, for trying the API; `seconds` is how long
    loading took, 0 if it was not needed.
    """
    base = settings.public_base_url
    people = Table(title="Demo logins 演示账号", title_justify="left")
    for heading in ("login 账号", "password 密码", "who 身份"):
        people.add_column(heading, no_wrap=True)
    for login in LOGINS:
        people.add_row(
            login.login,
            credentials.passwords[login.login],
            f"{login.name} {login.role}\n{login.role_zh}",
        )
    took = (
        f"loaded in {seconds:.0f} s 载入用时 {seconds:.0f} 秒"
        if seconds
        else "already there 已载入"
    )
    console.print(f"\n{district.residents:,} invented residents 虚构居民, {took}")
    console.print(people)
    # Not Rich's tables: an address must stay whole however narrow the terminal is.
    for what, address in (
        ("Residents 居民", f"{base}{RESIDENT.home}"),
        ("Clinicians 医生", f"{base}{CLINICIAN.home}"),
        ("Data stewards 数据管理员", f"{base}{STEWARD.home}"),
        ("Reviewers 复核员", f"{base}{REVIEWER.home}"),
        ("Auditors 审计员", f"{base}{AUDITOR.home}"),
        ("FHIR", settings.fhir_base),
        *([(LOGINS[0].name, f"{settings.fhir_base}/Patient/{patient}")] if patient else []),
        ("HL7 v2 (MLLP)", f"{settings.mllp_host}:{settings.mllp_port}"),
    ):
        console.print(f"{what}: {address}", soft_wrap=True)
    console.print(
        "Demo only: staff sign in without a second factor, and with any app. "
        "仅限演示：工作人员登录无第二因素，且可使用任意应用。",
        soft_wrap=True,
    )
    console.print("Ctrl-C ends everything 按 Ctrl-C 结束")
