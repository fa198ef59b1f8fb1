"""The intent model's arithmetic, which needs no Rasa: both stages, calibration, saving and loading."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from bot.engine.intent_model import CharacterFeatures, IntentModel, Settings

EXAMPLES = {
    "greet": "你好|您好|在吗|早上好|你好呀|您好啊|有人在吗|下午好|晚上好|你好在吗",
    "get_report": "报告出来了吗|怎么查检查结果|化验单在哪看|CT结果什么时候出|血检报告好了没|检查单能查了吗|看看我的报告|化验结果呢|报告怎么取|查报告",
    "request_human": "转人工|我要找真人|人工客服|叫个人来跟我说|找你们客服|人工|给我接人工|不要机器人|换真人来|接人工客服",
}
TEXTS = [text for texts in EXAMPLES.values() for text in texts.split("|")]
INTENTS = [intent for intent, texts in EXAMPLES.items() for _ in texts.split("|")]


def dense() -> Any:
    """Vectors that tell the intents apart, with some noise."""
    labels = sorted(EXAMPLES)
    noise = np.random.default_rng(3).normal(scale=0.3, size=(len(TEXTS), 8))
    noise[np.arange(len(TEXTS)), [labels.index(intent) for intent in INTENTS]] += 2
    return noise.astype(np.float32)


def not_wanted() -> Any:
    raise AssertionError("the embedding was computed though stage one was sure")


def test_features_are_those_of_sklearn() -> None:
    ours = CharacterFeatures.learn(TEXTS, Settings())
    theirs = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=2, sublinear_tf=True)
    expected = theirs.fit_transform(TEXTS).toarray()
    columns = [ours.vocabulary[name] for name in theirs.get_feature_names_out()]
    np.testing.assert_allclose(ours.matrix(TEXTS).toarray()[:, columns], expected, atol=1e-5)


def test_a_sure_message_is_not_embedded_and_an_unsure_one_is() -> None:
    model = IntentModel.fit(TEXTS, INTENTS, dense(), Settings())
    probabilities, stage = model.predict("转人工", not_wanted)
    assert (model.labels[int(probabilities.argmax())], stage) == ("request_human", 1)
    vector = dense()[INTENTS.index("get_report")]
    probabilities, stage = model.predict("噼里啪啦", lambda: vector)
    assert (model.labels[int(probabilities.argmax())], stage) == ("get_report", 2)
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)


def test_without_embeddings_there_is_one_stage() -> None:
    model = IntentModel.fit(TEXTS, INTENTS, None, Settings())
    assert not model.uses_embeddings
    assert model.predict("噼里啪啦", not_wanted)[1] == 1


def test_what_is_loaded_predicts_what_was_saved(tmp_path: Path) -> None:
    model = IntentModel.fit(TEXTS, INTENTS, dense(), Settings())
    model.save(tmp_path)
    again = IntentModel.load(tmp_path)
    assert again.labels == model.labels
    assert again.calibration == model.calibration
    for text in ("在不在", "报告", "😀", ""):
        expected, stage = model.predict(text, lambda: dense()[0])
        got, got_stage = again.predict(text, lambda: dense()[0])
        assert stage == got_stage
        np.testing.assert_array_equal(got, expected)


def test_two_intents_and_few_examples_are_enough() -> None:
    model = IntentModel.fit(["你好", "转人工"], ["greet", "request_human"], None, Settings(min_count=1))
    assert model.labels[int(model.predict("您好你好", None)[0].argmax())] == "greet"


def test_one_intent_is_refused() -> None:
    with pytest.raises(ValueError, match="two intents"):
        IntentModel.fit(["你好", "您好"], ["greet", "greet"], None, Settings())
