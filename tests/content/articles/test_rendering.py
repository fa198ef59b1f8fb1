"""What becomes of Markdown on each channel, and that nothing unsafe comes out of it."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from content.articles.doc import Audience, Variation
from content.articles.plain import plain_of
from content.articles.profiles import NOBODY, Profile, for_profile
from content.articles.readability import measure
from content.articles.rendering import Picture, render_page, render_wechat, safe_html
from tests.factories.articles import BODY, doc

ID = UUID("0190b1c2-0000-7000-8000-000000000001")
PICTURES = {ID: Picture(f"/media/{ID}", "一盘蔬菜", 640, 480, "本院营养科")}
UNSAFE = (
    "<script>alert(1)</script>",
    '<img src="https://tracker.example/p.gif?u=1" width="1" height="1">',
    "![](https://tracker.example/p.gif)",
    f'<img src="https://evil.example/media/{ID}">',
    '<img src=x onerror="alert(1)">',
    '<a href="javascript:alert(1)">点这里</a>',
    "[点这里](javascript:alert(1))",
    "[点这里](data:text/html;base64,PHNjcmlwdD4=)",
    "[点这里](//evil.example/x)",
    '<p onclick="alert(1)" style="position:fixed">您好</p>',
    '<iframe src="https://evil.example"></iframe>',
    "<svg><script>alert(1)</script></svg>",
    "<style>body{background:url(https://evil.example)}</style>",
    '<form action="https://evil.example"><input name="q"></form>',
    '<link rel="stylesheet" href="https://evil.example/x.css">',
    "<math><mtext></p><img src=1 onerror=alert(1)></mtext></math>",
    "<details ontoggle=alert(1) open>x</details>",
    '<meta http-equiv="refresh" content="0;url=https://evil.example">',
)
BAD = re.compile(
    r"<\s*(script|style|iframe|svg|form|input|link|meta|object|details)|\son\w+\s*=|javascript:|data:|evil\.example|tracker\.example",
    re.IGNORECASE,
)


@pytest.mark.parametrize("text", UNSAFE)
def test_nothing_unsafe_survives(text: str) -> None:
    for given_text in (text, f"前 {text} 后", f"- {text}", f"| a |\n| --- |\n| {text} |"):
        assert not BAD.search(render_page(given_text, PICTURES).html)
        assert not BAD.search(render_wechat(doc(body=given_text), PICTURES).html)
        assert "<" not in plain_of(given_text)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [*UNSAFE, "<", ">", '"', "'", "`", "]]>", "<!--", "-->", "\n", "[a](", ")", "# ", "&#106;"]
        ),
        max_size=8,
    )
)
def test_no_mixture_of_it_survives(pieces: list[str]) -> None:
    html = render_page("".join(pieces), PICTURES).html
    tags = re.findall(r"<[^>]*>", html)
    assert not [tag for tag in tags if BAD.search(tag)]


def test_the_page_keeps_words_tables_and_own_pictures() -> None:
    rendered = render_page(f"# 大标题\n\n{BODY}\n![](/media/{ID})\n\n![一碗饭](/media/{ID})", PICTURES)
    assert "<h1" not in rendered.html
    assert "<h2>大标题</h2>" in rendered.html
    assert (
        '<div class="article-table" role="region" aria-label="表格，可左右滑动" tabindex="0"><table>'
        in rendered.html
    )
    assert 'alt="一盘蔬菜" width="640" height="480" loading="lazy"' in rendered.html
    assert 'alt="一碗饭"' in rendered.html
    assert (rendered.credits, rendered.missing) == (("本院营养科",), ())
    other = UUID(int=7)
    gone = render_page(f"![x](/media/{other})", PICTURES)
    assert ("<img" in gone.html, gone.missing) == (False, (other,))


def test_a_wechat_article_has_its_styles_in_the_tags() -> None:
    body = (
        f"{BODY}\n[医院](https://hospital.example/x) [旧文](https://mp.weixin.qq.com/s/abc) ![](/media/{ID})"
    )
    url = {ID: Picture("http://mmbiz.qpic.cn/x/0", "一盘蔬菜", 640, 480, "本院营养科")}
    html = render_wechat(doc(body=body, ai_made=True, reviewer="周医生"), url).html
    assert " class=" not in html
    assert re.search(r'<h2 style="[^"]*border-left', html)
    assert re.search(r'<td style="[^"]*border: 1px', html)
    assert 'src="http://mmbiz.qpic.cn/x/0"' in html
    assert "hospital.example" not in html
    assert "医院" in html
    assert 'href="https://mp.weixin.qq.com/s/abc"' in html
    for said in (
        "《中国2型糖尿病防治指南（2020年版）》（中华医学会糖尿病学分会，2021）",
        "作者：内分泌科",
        "审核：周医生",
        "人工智能",
        "图片来源：本院营养科",
    ):
        assert said in html


def test_the_wechat_body_stands_for_itself() -> None:
    assert "只在微信" in render_wechat(doc(wechat="只在微信"), {}).html
    assert "七分饱" not in render_wechat(doc(wechat="只在微信"), {}).html


def test_plain_words_for_search() -> None:
    assert plain_of(
        "## 饮食\n\n- **主食**少吃\n- [看这里](/a/b)\n\n| 食物 | 量 |\n|--|--|\n| 米饭 | 一拳 |"
    ) == ("饮食\n主食少吃\n看这里\n食物 量\n米饭 一拳")


def test_every_reader_gets_the_part_that_fits() -> None:
    written = doc(
        body="开头\n\n## 饮食\n\n一般人这样吃\n\n### 水果\n\n两餐之间\n\n## 运动\n\n每天走路\n",
        variations=(
            Variation("孕妇", Audience(sex="female", weeks=(1, 40)), "孕期这样吃\n", "饮食"),
            Variation("老人", Audience(min_age=65), "软一点\n", "饮食"),
            Variation("老人不跑", Audience(min_age=65), "", "运动"),
            Variation("肾病", Audience(conditions=("N18",)), "肾病另有一篇\n"),
        ),
    )
    assert for_profile(written, NOBODY) == for_profile(doc(body=written.body))
    old = for_profile(written, Profile(age=70, sex="female"))
    assert old.variations == ("老人", "老人不跑")
    assert old.body == "开头\n\n## 饮食\n\n软一点\n"
    both = for_profile(written, Profile(age=70, sex="female", weeks=12))
    assert both.variations == ("孕妇", "老人不跑")
    assert for_profile(written, Profile(conditions=frozenset({"N18.3"}))).body == "肾病另有一篇\n"
    assert for_profile(written, Profile(sex="female")).variations == ()
    assert safe_html(old.body).count("<h2>") == 1


def test_hard_texts_measure_harder() -> None:
    easy = measure(
        "每天量一次血压。早上起来先坐五分钟。把数字记在本子上。下次看病带给医生看。血压高了不要慌，先坐下歇一会儿。"
    )
    hard = measure(
        "血管紧张素转换酶抑制剂通过阻断肾素血管紧张素醛固酮系统中血管紧张素转换酶的催化过程从而减少循环及组织局部血管紧张素的生成"
        "并抑制缓激肽降解以实现扩张阻力血管及容量血管和逆转心肌重构与延缓糖尿病肾病进展的药理学效应"
    )
    assert easy.grade is not None
    assert hard.grade is not None
    assert easy.grade < hard.grade
    assert (easy.verdict, easy.sentence < hard.sentence, easy.common > hard.common) == ("easy", True, True)
    assert measure("太短").grade is None
