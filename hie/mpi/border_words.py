"""Names, characters and places for `generate_border`, with the ways in which they are mistaken.

Cantonese spellings are those usual in Hong Kong; the names are common ones, the places invented.
"""

from opencc import OpenCC

from hie.kit.pinyin import syllables


def _words(text: str) -> list[str]:
    return text.split()


FAMILIES = "李王张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
COMPOUND = _words("欧阳 上官 司马 诸葛 司徒 东方 皇甫 令狐 慕容 端木")
MEN = "伟俊杰浩然子轩宇航建军国强志明文斌海涛永刚家豪嘉伟晓东振华少华德胜金龙兆荣锦泉耀辉启明国栋立诚思远一鸣天翔景行承志博文"
WOMEN = "丽娟秀兰美玲婉仪雅婷慧敏诗涵梓萱晓燕桂英玉珍佩珊淑贤凤仪少芳惠玲若兰思琪雨欣佳怡静雯可欣语桐海燕春梅冬梅彩霞"
CHARACTERS = "".join(
    dict.fromkeys(
        MEN
        + WOMEN
        + "玮炜纬君军钧均捷洁洪鸿宏虹红梓紫羽雨禹玉郁豫建健键见志智致治明铭鸣名斌彬宾滨涛韬滔永勇泳咏佳嘉家加晓小筱振震镇镜静婧靖丽莉力立励娟涓秀绣兰岚蓝美梅媚玲灵伶凌羚铃雅亚娅婷庭廷慧惠会卉敏闽民诗施师涵寒含晗燕艳雁彦桂贵英瑛樱莹盈玉钰裕珍真贞臻佩沛珊姗删淑书舒贤娴仙凤奉风丰若偌思斯丝琪奇祺淇琦欣心新馨辛怡宜仪义艺雯文纹闻"
    )
)
SHAPES = dict(zip("伟浩杰宇丽娟秀玲雅慧诗涵梓萱燕英玉珍佩珊", "侍洁木字俪捐禾玪稚彗持函样宣燕央王珎佩姗", strict=True))  # fmt: skip
CANTONESE = dict(
    zip(
        "陈李黄张何郑梁林吴刘伟俊杰浩子轩志明文美玲婉仪惠嘉豪家少芳佩珊国强",
        _words(
            "CHAN LEE WONG CHEUNG HO CHENG LEUNG LAM NG LAU WAI CHUN KIT HO TSZ HIN CHI MING MAN MEI LING YUEN YEE WAI KA HO KA SIU FONG PUI SHAN KWOK KEUNG"
        ),
        strict=True,
    )
)
PARTS = {
    "买买提": "麦麦提 买买提 买合买提", "阿不都": "阿卜杜 阿布都 阿不都", "吐尔逊": "图尔荪 吐尔孙 吐尔逊",
    "艾合买提": "艾合麦提 艾海提 艾合买提", "古丽": "古力 古丽", "依布拉音": "伊布拉伊木 依布拉音 伊卜拉欣",
    "玉山": "玉散 玉山", "热依木": "热伊木 热依木", "努尔": "奴尔 努尔", "卡马力": "卡玛力 卡马力",
}  # fmt: skip
STEPPE_MEN = _words(
    "买买提 阿不都热依木 吐尔逊 艾合买提 依布拉音 玉山 卡马力 吐尔逊江 努尔买买提 阿不都艾尼 艾山 斯迪克"
)
STEPPE_WOMEN = _words(
    "古丽米热 努尔古丽 阿孜古丽 帕丽达 热孜万古丽 茹克亚 米娜瓦尔 古丽仙 再努尔 阿曼古丽"
)
MONGOLIAN = {
    "M": _words(
        "巴特尔 那日苏 朝鲁 苏和 额尔敦 阿古拉 布仁 宝音 哈斯 铁木尔 青格勒 白音 满都拉 敖日格乐 孟和 特木其"
    ),
    "F": _words(
        "乌云其木格 娜仁高娃 萨仁格日乐 斯琴 托娅 其其格 高娃 乌兰 阿茹娜 苏日娜 乌日娜 萨日朗 格根 娜布其 琪琪格"
    ),
}
TIBETAN = _words("扎西 多吉 次仁 丹增 索朗 格桑 白玛 洛桑 旺堆 平措 顿珠 罗布 尼玛 达瓦 巴桑 普布")
TIBETAN_WOMEN = _words("卓玛 央金 德吉 拉姆 曲珍 卓嘎 白珍 拉珍 措姆 仓决")
FOREIGN: dict[str, tuple[str, str]] = {
    "plain": ("Anderson Clark Evans Harris Lewis Moore Roberts Turner Cooper Ward", "Andrew Brian Catherine Diana Edward Frances George Helen Ian Julia Nicholas Rachel"),
    "slavic": ("Petrov Smirnov Kuznetsov Volkov Sokolov", "Sergey Dmitry Yulia Natalya Alexey Yekaterina"),
    "arabic": ("Al-Hassan Al-Sayed Mansour Haddad El-Amin Rahman", "Mohammed Ahmed Fatima Youssef Khalid Aisha"),
    "korean": ("Lee Park Choi Jung Kang Yoo", "Ji-hoon Min-ji Seo-yeon Hyun-woo Eun-kyung Sung-min"),
    "viet": ("Nguyễn Trần Lê Phạm Đặng", "Văn An|Thị Hoa|Minh Đức|Thu Hà|Quang Huy"),
    "japanese": ("Sato Ito Ohno Kato Saito", "Yuichi Shohei Kaoru Ryoko Junko Kota"),
    "malay": ("Tan Lim Ong Goh Krishnan", "Wei Ming|Siew Ling|Boon Keng|Ravi|Mei Yee"),
}  # fmt: skip
SPELLINGS = {
    "Sergey": "Sergei", "Dmitry": "Dmitrii", "Yulia": "Iuliia", "Natalya": "Natalia", "Alexey": "Aleksei",
    "Yekaterina": "Ekaterina", "Mohammed": "Muhammad", "Ahmed": "Ahmad", "Youssef": "Yusuf", "Lee": "Yi",
    "Park": "Pak", "Choi": "Choe", "Jung": "Jeong", "Yoo": "Yu", "Ito": "Itou", "Ohno": "Ono", "Shohei": "Shouhei",
    "Kota": "Kouta",
}  # fmt: skip
MIDDLE = _words("Louise Marie James Alexander Patrick Grace Anne Thomas")
ESTATES = _words(
    "翠湖山庄 万科城 丽日豪庭 金域蓝湾 东方花园 碧水湾 星河城 富华苑 阳光海岸 时代广场公寓"
)
WORKS = ["宏达电子厂", "富士科技园", "南粤纺织", "三联五金", "新明珠陶瓷"]
STREETS = _words("人民路 解放街 中山大道 滨河东路 胜利巷 建设路")
TOWNS = _words("红旗 巴彦 阿吾 哈拉 东风 曲宗 新民")
CONFUSED = dict(zip("0123456789", "6799450381", strict=True))
TO_TRADITIONAL = OpenCC("s2t")


def _homophones() -> dict[str, str]:
    """Each character with those that an input method offers for the same letters."""
    by_sound: dict[str, str] = {}
    for character in CHARACTERS:
        sound = syllables(character)[0]
        by_sound[sound] = by_sound.get(sound, "") + character
    return {
        character: others
        for character in CHARACTERS
        if (others := by_sound[syllables(character)[0]].replace(character, ""))
    }


SAME_SOUND = _homophones()
