"""Files in and out: the same comes back, and one wrong row keeps everything out."""

from __future__ import annotations

import csv
import io
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from sqlalchemy import func, select

from content.articles import drafts, importing, samples, service, workflow
from content.articles.doc import ArticleDoc, Audience, Source, Variation, Video
from content.articles.files import read, write
from content.articles.importing import ImportRefused
from content.articles.models import Article, ArticleDraft
from store.clock import VirtualClock
from store.database import Database
from tests.factories.articles import RULES, doc, people, published

RICH = doc(
    title="=有公式也不怕：“冒号”",
    summary="- 不是列表。第二句",
    body="- 以列表开头\n\n## 饮食\n\n带 | 竖线和\t制表\n\n---\n\n正文里的分隔线\n",
    wechat="## 微信里\n\n另一个样子\n",
    audience=Audience(18, 80, "female", (1, 40)),
    variations=(Variation("老人", Audience(min_age=65, conditions=("I10",)), "软一点\n", "饮食"),),
    sources=(Source("指南：第一版", "学会", 2021), Source("共识", url="https://a.example/x")),
    related=("b", "c"),
    video=Video("动画", "https://v.example/1"),
    reviewer="周医生",
    ai_made=True,
    review_by=date(2027, 1, 2),
    expires_on=date(2028, 1, 2),
).tidy()


def test_a_file_reads_back_as_it_was_written() -> None:
    for one in (RICH, doc().tidy(), ArticleDoc(title="只有标题", topic="diabetes").tidy()):
        assert read(write("a-b", one)) == ("a-b", one)
    for parsed in samples.read_library():
        assert read(write(parsed.slug, parsed.doc)) == (parsed.slug, parsed.doc)


@pytest.mark.parametrize("ending", [".csv", ".xlsx", ".jsonl"])
def test_a_table_reads_back_as_it_was_written(ending: str) -> None:
    given = [("a", RICH), ("b", doc().tidy())]
    found = importing.read_file(f"x{ending}", importing.write_file(ending, given))
    assert [(one.slug, one.doc) for one in found] == given


def test_excel_runs_nothing() -> None:
    (_, row) = csv.reader(io.StringIO(importing.write_file(".csv", [("a", RICH)]).decode("utf-8-sig")))
    assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@"))]
    sheet = openpyxl.load_workbook(io.BytesIO(importing.write_file(".xlsx", [("a", RICH)]))).worksheets[0]
    assert {cell.data_type for cell in sheet[2] if cell.value} == {"s"}


async def test_a_folder_goes_in_comes_out_and_goes_in_again(
    database: Database, clock: VirtualClock, tmp_path: Path
) -> None:
    library = importing.read_path(samples.FOLDER)[:6]
    async with database.write("in") as session:
        report = await importing.load(session, library, staff=None, now=clock.now())
        assert report == importing.Report(6, 0, 0)
        importing.write_folder(tmp_path / "out", await importing.everything(session))
        again = await importing.load(
            session, importing.read_path(tmp_path / "out"), staff=None, now=clock.now()
        )
        assert again == importing.Report(0, 0, 6)
        assert await service.live(session, library[0].slug, clock.local().date()) is None
    files = sorted(path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*.md"))
    assert [path.stem for path in files] == [one.slug for one in sorted(library, key=lambda one: one.where)]


def table(rows: int, wrong: set[int]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["网址标识", "标题", "主题", "阶段", "正文", "出处", "AI生成"])
    for number in range(2, rows + 2):
        bad = number in wrong
        kinds = [
            ["", "标题", "diabetes", "any", "正文", "指南", "否"],
            [f"a-{number}", "", "diabetes", "any", "正文", "指南", "否"],
            [f"a-{number}", "标题", "占星", "any", "正文", "指南", "否"],
            [f"a-{number}", "标题", "diabetes", "any", "正文", "指南 / 学会 / 去年", "否"],
            [f"A {number}", "标题", "diabetes", "any", "正文", "指南", "否"],
            [f"a-{number}", "标题", "diabetes", "any", "正文", "指南", "也许"],
            ["a-2", "标题", "diabetes", "any", "正文", "指南", "否"],
        ]
        good = [f"a-{number}", f"标题{number}", "diabetes", "any", "正文", "指南", "否"]
        writer.writerow(kinds[number % len(kinds)] if bad else good)
    return out.getvalue().encode("gb18030")


def test_ten_thousand_rows_with_37_wrong_ones_name_exactly_these() -> None:
    wrong = {2 + 270 * number for number in range(1, 38)}
    assert len(wrong) == 37
    with pytest.raises(ImportRefused) as caught:
        importing.read_file("articles.csv", table(10_000, wrong))
    assert [one.where for one in caught.value.problems] == [f"第{number}行" for number in sorted(wrong)]
    assert len({one.message for one in caught.value.problems}) >= 6


async def test_many_rows_go_in_at_once(database: Database, clock: VirtualClock) -> None:
    parsed = importing.read_file("articles.csv", table(2_000, set()))
    async with database.write("in") as session:
        report = await importing.load(session, parsed, staff=None, now=clock.now())
        assert report.created == 2_000
        assert await session.scalar(select(func.count()).select_from(ArticleDraft)) == 2_000


async def test_what_colleagues_work_on_is_not_overwritten(database: Database, clock: VirtualClock) -> None:
    staff = await people(database)
    async with database.write("in") as session:
        for slug in ("a", "b", "c"):
            await service.create(session, slug, doc().tidy(), staff=staff["editor"], now=clock.now())
        await workflow.submit(
            session, await service.get(session, "a"), staff=staff["editor"], now=clock.now()
        )
        await drafts.lock(session, await service.get(session, "b"), staff=staff["editor"])
        parsed = [
            importing.Parsed(f"第{n}行", slug, doc(title="新").tidy()) for n, slug in enumerate("abcd", 2)
        ]
        with pytest.raises(ImportRefused) as caught:
            await importing.load(session, parsed, staff=staff["editor2"], now=clock.now())
        assert [one.where for one in caught.value.problems] == ["第2行", "第3行"]
        assert await service.find(session, "d") is None
        report = await importing.load(session, parsed[2:], staff=staff["editor2"], now=clock.now())
        assert report == importing.Report(1, 1, 0)
        changed = await service.get(session, "c")
        done = await drafts.undo(session, changed, version=2, staff=staff["editor2"], now=clock.now())
        assert (done, changed.title) == (drafts.Saved(3), doc().title)


@pytest.mark.parametrize(
    ("name", "raw", "said"),
    [
        ("x.md", "没有开头", "两行“---”"),
        ("x.md", "---\na: [\n---\nx", "看不懂第"),
        ("x.md", "---\nslug: a\nfarbe: rot\n---\nx", "不认识“farbe”"),
        ("x.md", "---\nslug: a\ntitle: x\ntopic: diabetes\nfor: {sex: 女人}\n---\nx", "填得不对"),
        ("x.md", "---\nslug: a\ntitle: x\ntopic: diabetes\nconditions: E11\n---\nx", "列表"),
        ("x.csv", "甲,乙\n1,2", "第一行要有列名"),
        ("x.xlsx", "不是表格", "另存为 .xlsx"),
        ("x.docx", "x", "只能导入"),
        ("x.jsonl", "{", "填得不对"),
    ],
)
def test_unreadable_files_say_what_to_do(name: str, raw: str, said: str) -> None:
    with pytest.raises(ImportRefused, match=said):
        importing.read_file(name, raw.encode())


async def test_samples_are_published_in_the_demo_only_as_samples(
    database: Database, clock: VirtualClock
) -> None:
    staff = await people(database)
    when = {"now": clock.now(), "today": clock.local().date()}
    library = samples.read_library()
    async with database.write("seed") as session:
        changed = await published(session, staff, clock, slug=library[0].slug)
        count = await samples.publish(session, library[:5], RULES, signer=staff["reviewer"], **when)
        assert count == 4
        assert (await service.get(session, changed.slug)).live_revision == 1
        live = await service.live(session, library[1].slug, when["today"])
        assert live is not None
        assert live.doc.sample
        signed = await workflow.sign_offs(session, await service.revision(session, live.article_id, 1))
        assert {(one.staff_id, one.digest) for one in signed} == {(staff["reviewer"].id, live.doc.digest)}
        assert len(signed) == len(RULES.stages)
        assert await samples.publish(session, library[:5], RULES, signer=staff["reviewer"], **when) == 0
        with pytest.raises(ImportRefused, match="示例"):
            own = importing.Parsed("x.md", "own", doc())
            await samples.publish(session, [own], RULES, signer=staff["reviewer"], **when)
    async with database.write("production") as session:
        assert await samples.load_drafts(session, library[:7], when["now"]) == 2
        states = [
            service.state_of(await session.merge(one), when["today"])
            for one in await session.scalars(
                select(Article).where(Article.slug.in_([library[5].slug, library[6].slug]))
            )
        ]
        assert states == ["draft", "draft"]
