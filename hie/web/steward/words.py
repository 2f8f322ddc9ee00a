"""What the codes of the index mean, for people: why a review was opened, fields, levels, objections."""

from hie.errors import Text

REASONS: dict[str, Text] = {
    "possible": Text("Possibly one person", "可能是同一人"),
    "duplicate": Text("Fits two persons", "与两名居民都吻合"),
    "twins": Text("Perhaps twins", "可能是双胞胎"),
    "update": Text("New data fit somebody else", "更新后与他人吻合"),
    "contradiction": Text("New data contradict the person", "更新后与本人不符"),
    "source-merge": Text("Merged by an institution", "机构合并了登记"),
    "batch-merge": Text("One person in the batch run", "批量核查：似为同一人"),
    "batch-split": Text("Two people in the batch run", "批量核查：似混入他人"),
}
FIELDS: dict[str, Text] = {
    "prior": Text("Starting point", "起点"),
    "name": Text("Name", "姓名"),
    "birth": Text("Date of birth", "出生日期"),
    "sex": Text("Sex", "性别"),
    "number": Text("ID card number", "身份证号"),
    "passport": Text("Passport", "护照"),
    "card": Text("Cards", "卡号"),
    "other": Text("Other numbers", "其他标识"),
    "home": Text("Phone and home", "电话与住址"),
    "family": Text("Surname", "姓"),
    "given": Text("Given name", "名"),
    "house": Text("House number", "门牌号"),
    "street": Text("Street", "街道"),
    "suburb": Text("Suburb", "区域"),
    "postcode": Text("Postcode", "邮政编码"),
}
LEVELS: dict[str, Text] = {
    "prior": Text("two strangers", "两名陌生人"),
    "exact": Text("exactly the same", "完全一致"),
    "same": Text("the same", "一致"),
    "sound": Text("sounds the same", "读音相同"),
    "wild": Text("same with masked characters", "遮蔽字以外一致"),
    "prefix": Text("one is a part of the other", "一方是另一方的一部分"),
    "similar": Text("one character differs", "一字之差"),
    "slip": Text("a typing slip", "录入笔误"),
    "script": Text("other script", "不同文字书写"),
    "turned": Text("order turned round", "姓名次序颠倒"),
    "initial": Text("initials only", "仅首字母"),
    "family": Text("surname only", "仅姓氏相同"),
    "given": Text("given name only", "仅名相同"),
    "newborn": Text("newborn's placeholder", "新生儿暂用名"),
    "mother": Text("the same mother", "母亲相同"),
    "crossed": Text("in the other's place", "位置互换"),
    "close": Text("nearly the same", "基本一致"),
    "two": Text("two differ", "两处不同"),
    "swapped": Text("day and month swapped", "日月颠倒"),
    "default": Text("a default date", "默认日期"),
    "edit": Text("one digit differs", "一位数字不同"),
    "near": Text("a few days apart", "相差数日"),
    "lunar": Text("lunar calendar", "农历换算"),
    "calendar": Text("other calendar", "不同历法"),
    "year": Text("same year only", "仅年份相同"),
    "claimed": Text("probably a guardian's card", "可能是监护人证件"),
    "different": Text("different", "不同"),
    "both": Text("phone and home", "电话和住址都一致"),
    "phone": Text("the same phone", "电话一致"),
    "phone_moved": Text("same phone, moved", "电话一致、住址变动"),
    "door": Text("the same door", "门牌一致"),
    "door_new": Text("same door, other phone", "门牌一致、电话不同"),
    "place": Text("the same estate", "小区一致"),
    "one": Text("known on one side only", "仅一方有记录"),
    "neither": Text("neither agrees", "都不一致"),
    "missing": Text("not known", "缺失"),
}
GUARDS: dict[str, Text] = {
    "numbers": Text("two different sound ID numbers", "两个有效且不同的身份证号"),
    "twin": Text("twins or siblings are possible", "可能是双胞胎或兄弟姐妹"),
    "cards": Text("different cards", "卡号不同"),
    "order": Text("different birth orders", "出生次序不同"),
    "stranger": Text("name and birth date both differ", "姓名与出生日期均不同"),
    "elsewhere": Text(
        "other home and birth date: only the name agrees", "住址和出生日期均不同，仅姓名一致"
    ),
    "generation": Text("other name, born a generation apart", "姓名不同，出生年份相差一代"),
    "sex": Text("different sex", "性别不同"),
    "newborn": Text("a newborn without an exact match", "新生儿信息不足"),
}
DECISIONS: dict[str, Text] = {
    "merge": Text("One person: merge both", "同一人：合并"),
    "move": Text("Move this registration only", "仅移动这条登记"),
    "not-duplicate": Text("Two people: never ask again", "不是同一人：不再提示"),
    "separate": Text("Not this person: separate it", "不属于此人：分离"),
    "keep": Text("Leave as it is", "保持现状"),
}
VERDICTS: dict[str, Text] = {
    "same": Text("One person", "同一人"),
    "different": Text("Two people", "不是同一人"),
    "unsure": Text("Cannot be told", "无法判断"),
}


def word(words: dict[str, Text], code: str) -> Text:
    """The words for a code; the code itself for one that a newer model brought."""
    return words.get(code, Text(code, code))
