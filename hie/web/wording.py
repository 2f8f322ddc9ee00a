"""Every word of the pages in English and Chinese. A test finds keys that are missing or unused."""

from hie.errors import Text

WORDING: dict[str, Text] = {
    # the site
    "site": Text("Regional Health Records", "区域健康档案"),
    "site_promise": Text(
        "One lifelong record from every hospital and community station of the district.",
        "汇集全区各医院与社区卫生服务机构，一人一份、伴随终生的健康档案。",
    ),
    "skip": Text("Skip to the content", "跳到正文"),
    "language": Text("Language", "语言"),
    "sign_out": Text("Sign out", "退出登录"),
    "back_home": Text("To the start page", "返回首页"),
    # start page
    "resident_door": Text("My health, in my hands", "我的健康我管理"),
    "resident_door_text": Text(
        "Residents: see your visits, laboratory results, prescriptions and vaccinations "
        "from all institutions.",
        "居民入口：查看自己在各机构的就诊、检验、处方与接种记录。",
    ),
    "resident_enter": Text("View my record", "查看我的档案"),
    "clinician_door": Text("Clinician's desk", "医生工作台"),
    "clinician_door_text": Text(
        "Clinicians: find your patient and read the history across institutions, "
        "with a reason on record.",
        "医务人员入口：查找就诊人，说明理由后跨机构调阅病历。",
    ),
    "clinician_enter": Text("Go to the desk", "进入工作台"),
    "promise_see": Text("Everything in one place", "一处看全"),
    "promise_see_text": Text(
        "Records stay as their institution wrote them; the exchange puts them side by side.",
        "记录保持各机构原样，由平台并列呈现，注明来源。",
    ),
    "promise_why": Text("Nobody looks without a reason", "调阅必有理由"),
    "promise_why_text": Text(
        "A clinician states why before anything is shown, and access ends by itself.",
        "医生须先说明理由才能查看，权限到时自动收回。",
    ),
    "promise_log": Text("Every look is recorded", "查看必留痕"),
    "promise_log_text": Text(
        "Each access is written down before the answer leaves the server.",
        "每一次访问都在返回数据之前写入审计日志。",
    ),
    # navigation of a record
    "timeline": Text("Timeline", "时间轴"),
    "results": Text("Results and trends", "检验趋势"),
    "about": Text("About me", "个人信息"),
    "summary": Text("Summary", "摘要"),
    "print": Text("Print", "打印"),
    # the person
    "male": Text("Male", "男"),
    "female": Text("Female", "女"),
    "other": Text("Other", "其他"),
    "unknown": Text("Not stated", "未说明"),
    "age_year": Text("{number} years", "{number} 岁"),
    "age_month": Text("{number} months", "{number} 个月"),
    "born": Text("born {date}", "{date} 出生"),
    "name": Text("Name", "姓名"),
    "sex": Text("Sex", "性别"),
    "birth_date": Text("Date of birth", "出生日期"),
    "phone": Text("Phone", "电话"),
    "address": Text("Address", "住址"),
    "identity_card": Text("ID card number", "居民身份证号"),
    "health_record": Text("Health record number", "健康档案编号"),
    "health_card": Text("Health card", "居民健康卡"),
    "insurance_card": Text("Insurance card", "医保卡"),
    "masked_note": Text(
        "Numbers are shown in part, so that nobody can read them over your shoulder.",
        "证件号码只显示部分数字，避免旁人看到。",
    ),
    "institutions": Text("Institutions holding your records", "保存您健康记录的机构"),
    "institutions_none": Text(
        "No institution has registered you with the exchange yet.",
        "目前还没有机构在平台上登记您的信息。",
    ),
    "institutions_count": Text("{number} institutions", "{number} 家机构"),
    "see_records": Text("See its records", "查看其记录"),
    # kinds of entry
    "all": Text("All", "全部"),
    "kind": Text("Kind", "类别"),
    "institution": Text("Institution", "机构"),
    "visit": Text("Visits", "就诊"),
    "diagnosis": Text("Diagnoses", "诊断"),
    "result": Text("Results", "检验检查"),
    "vital_signs": Text("Vital signs", "体征"),
    "prescription": Text("Prescriptions", "处方"),
    "vaccination": Text("Vaccinations", "预防接种"),
    "allergy": Text("Allergies", "过敏"),
    "procedure": Text("Procedures", "手术操作"),
    "document": Text("Documents", "文书"),
    "AMB": Text("Outpatient", "门诊"),
    "EMER": Text("Emergency", "急诊"),
    "IMP": Text("Inpatient", "住院"),
    "HH": Text("Home visit", "上门服务"),
    "VR": Text("Online", "线上"),
    "encounter": Text("Visit", "就诊"),
    "no_visit": Text("Record", "记录"),
    "follow_up": Text("reason for the visit", "就诊原因"),
    "read_text": Text("Read", "查看内容"),
    "untitled": Text("Not named", "未命名"),
    "undated": Text("Without a date", "日期不详"),
    "status_active": Text("in use", "使用中"),
    "status_stopped": Text("stopped", "已停用"),
    "status_completed": Text("finished", "已完成"),
    "status_cancelled": Text("cancelled", "已取消"),
    "status_on-hold": Text("paused", "暂停"),
    "status_resolved": Text("resolved", "已痊愈"),
    "status_remission": Text("in remission", "缓解"),
    "status_inactive": Text("not current", "非活动"),
    "status_not-done": Text("not given", "未接种"),
    "status_preliminary": Text("preliminary", "初步结果"),
    "status_amended": Text("amended", "已修订"),
    "status_corrected": Text("corrected", "已更正"),
    # timeline
    "newest_first": Text("Newest first, from all institutions", "按时间倒序，汇集全部机构"),
    "earlier": Text("Earlier records", "更早的记录"),
    "newest": Text("Back to the newest", "回到最新"),
    "beginning": Text("This is where the record begins.", "档案自此开始。"),
    "nothing": Text("No records to show here.", "这里没有记录。"),
    "nothing_text": Text("Try another kind or institution.", "可以换一个类别或机构再看。"),
    "clear_filters": Text("Show everything", "显示全部"),
    # results
    "test": Text("Test", "项目"),
    "value": Text("Value", "结果"),
    "range": Text("Reference", "参考范围"),
    "date": Text("Date", "日期"),
    "high": Text("High", "偏高"),
    "low": Text("Low", "偏低"),
    "abnormal": Text("Abnormal", "异常"),
    "up": Text("up on the last", "较上次上升"),
    "down": Text("down on the last", "较上次下降"),
    "same": Text("same as the last", "与上次持平"),
    "times": Text("{number} results", "共 {number} 次"),
    "all_tests": Text("All tests", "全部项目"),
    "chart_of": Text(
        "{name}: {number} results from {first} to {last}",
        "{name}：{first} 至 {last} 共 {number} 次结果",
    ),
    "range_band": Text(
        "Shaded: reference range of the latest result", "阴影：最近一次结果的参考范围"
    ),
    "results_since": Text(
        "Newest results only, back to {date}. Open a test to see all of its values.",
        "此处仅列出 {date} 以来的结果；点开项目可查看其全部数值。",
    ),
    "no_results": Text("No numeric results yet.", "暂无数值型检验结果。"),
    # summary
    "problems": Text("Current problems", "现患疾病"),
    "medication": Text("Current medication", "当前用药"),
    "latest_results": Text("Latest results", "最近检验"),
    "no_problems": Text("No current problem on record", "未见现患疾病记录"),
    "no_allergies": Text("No allergy on record", "未见过敏记录"),
    "no_medication": Text("No current medication on record", "未见当前用药记录"),
    "since": Text("since {date}", "自 {date}"),
    "criticality_high": Text("severe", "严重"),
    "summary_cut": Text(
        "The record is long: the summary covers the newest entries only.",
        "记录较多，摘要仅涵盖最近的部分。",
    ),
    "all_results": Text("All results", "全部检验"),
    # clinician's search
    "find": Text("Find a patient", "查找就诊人"),
    "find_label": Text("ID number, name or pinyin", "身份证号、姓名或拼音"),
    "find_birth": Text("Year or date of birth", "出生年份或日期"),
    "optional": Text("optional", "选填"),
    "find_button": Text("Search", "查找"),
    "find_hint": Text(
        "Only what tells people apart is listed. The record opens after you state a reason.",
        "列表只显示区分身份所需的信息；说明理由后方可调阅病历。",
    ),
    "found": Text("{number} found for “{words}”", "“{words}” 共找到 {number} 人"),
    "found_none": Text("Nobody found for “{words}”.", "没有找到“{words}”。"),
    "found_more": Text(
        "More people match than are listed: add the year of birth or use the ID number.",
        "还有更多符合的人未列出：请补充出生年份，或使用身份证号查找。",
    ),
    "open": Text("Open", "调阅"),
    # reason
    "reason_title": Text("Why do you need this record?", "请说明调阅理由"),
    "reason_text": Text(
        "Your name, the reason and the time go into the access log, which the patient may read. "
        "Access ends by itself after one hour.",
        "您的姓名、理由与时间将记入访问日志，患者有权查看。权限一小时后自动收回。",
    ),
    "reason_again": Text(
        "The time for this record is over. State the reason again to go on.",
        "本次调阅已到期，请重新说明理由。",
    ),
    "reason": Text("Reason", "理由"),
    "reason_note": Text("In your own words", "补充说明"),
    "reason_note_hint": Text(
        "For example: outpatient consultation, checking earlier tests",
        "例如：门诊就诊，核对既往检验结果",
    ),
    "reason_button": Text("Open the record", "调阅病历"),
    "reason_missing": Text("Please choose a reason and describe it.", "请选择理由并填写说明。"),
    "cancel": Text("Cancel", "取消"),
    "viewing": Text("{name} is reading this record", "{name} 正在调阅"),
    "until": Text("until {time}", "有效至 {time}"),
    "close_record": Text("Close the record", "结束调阅"),
    # signing in and refusals
    "failed_title": Text("Signing in did not work", "登录未成功"),
    "failed_text": Text(
        "The sign-in was cancelled, took too long, or was started in another window.",
        "登录被取消、超时，或已在另一窗口重新开始。",
    ),
    "try_again": Text("Try again", "重新登录"),
    "refused_title": Text("The exchange did not answer this request", "平台未能完成该请求"),
    "refused_text": Text(
        "Nothing was changed. You can go back and try again.", "没有任何内容被更改，可以返回重试。"
    ),
    "missing_title": Text("There is no such page", "没有这个页面"),
    "missing_text": Text(
        "Perhaps the address is mistyped, or the record may not be shown to you.",
        "地址可能有误，或该记录不可向您显示。",
    ),
    "forbidden_title": Text("This form came from another site", "该请求来自其他网站"),
    "forbidden_text": Text(
        "For your safety it was not carried out.", "为保护您的安全，操作未执行。"
    ),
}
