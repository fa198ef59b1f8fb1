"""Our intent classifier as a Rasa component: see ``intent_model`` for what it computes."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers import LABEL_RANKING_LENGTH
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import INTENT, INTENT_RANKING_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.engine.intent_model import IntentModel, Settings
from bot.engine.onnx_embedder import ENVIRONMENT_VARIABLE, OnnxEmbedder, model_fingerprint, model_folder

logger = logging.getLogger(__name__)
_FINGERPRINT_FILE = "sentence_model.txt"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class CalibratedIntentClassifier(IntentClassifier, GraphComponent):
    """Sets ``intent`` and ``intent_ranking`` as the stock classifiers do, with calibrated confidences.

    It reads the text itself: no tokenizer or featurizer has to come before it. When a
    ``SentenceEmbeddingFeaturizer`` does, its embedding is used; otherwise a message is embedded here, and
    only if the character n-grams leave it unsure. Without a sentence model it works on n-grams alone and says
    so.

    Config: ``model_dir`` (default: the environment variable BANYI_SENTENCE_MODEL_DIR), ``ranking_length``,
    and the fields of :class:`bot.engine.intent_model.Settings`.
    """

    @classmethod
    def required_components(cls) -> list[type]:
        """Needs nothing before it."""
        return []

    @staticmethod
    def required_packages() -> list[str]:
        """Packages that must be installed."""
        return ["sklearn", "onnxruntime", "tokenizers"]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """The component's default config."""
        return {"model_dir": None, "ranking_length": LABEL_RANKING_LENGTH, **vars(Settings())}

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        model: IntentModel | None = None,
        trained_with: str | None = None,
    ) -> None:
        """``model`` and ``trained_with`` (the sentence model's fingerprint) come from a trained component."""
        self._config = {**self.get_default_config(), **config}
        self._model_storage = model_storage
        self._resource = resource
        self._model = model
        self._embedder: OnnxEmbedder | None = None
        folder = model_folder(self._config)
        if folder is None:
            logger.warning("intents are told by characters alone: %s is not set", ENVIRONMENT_VARIABLE)
        elif trained_with is not None and trained_with != model_fingerprint(self._config):
            logger.error("the sentence model is not the one the intents were trained with: train again")
        else:
            self._embedder = OnnxEmbedder(folder)

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> CalibratedIntentClassifier:
        """Creates an untrained component (called by the graph)."""
        return cls(config, model_storage, resource)

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str | None:
        """Another sentence model means another training."""
        return model_fingerprint(config)

    def train(self, training_data: TrainingData) -> Resource:
        """Trains on the examples that have a text and an intent, and stores the result."""
        examples = [e for e in training_data.intent_examples if e.get(INTENT) and e.get(TEXT)]
        texts = [str(example.get(TEXT)) for example in examples]
        intents = [str(example.get(INTENT)) for example in examples]
        if len(set(intents)) < 2:
            logger.warning("fewer than two intents have examples: no intent classifier is trained")
            return self._resource
        settings = Settings(**{name: self._config[name] for name in vars(Settings())})
        dense = None
        embedder = self._embedder
        if embedder is not None:
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                dense = np.stack(list(pool.map(lambda example: self._dense(example, embedder)(), examples)))
        self._model = IntentModel.fit(texts, intents, dense, settings)
        logger.info("intents trained on %d examples: %s", len(texts), self._model.calibration)
        with self._model_storage.write_to(self._resource) as folder:
            self._model.save(folder)
            (folder / _FINGERPRINT_FILE).write_text(model_fingerprint(self._config))
        return self._resource

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> CalibratedIntentClassifier:
        """Loads a trained component."""
        try:
            with model_storage.read_from(resource) as folder:
                model = IntentModel.load(folder)
                trained_with = (folder / _FINGERPRINT_FILE).read_text() if model.uses_embeddings else None
        except ValueError:  # nothing was trained
            logger.warning("no trained intent classifier in the model: every message is of unknown intent")
            return cls.create(config, model_storage, resource, execution_context)
        return cls(config, model_storage, resource, model, trained_with)

    def process(self, messages: list[Message]) -> list[Message]:
        """Sets the likeliest intent and the ranking of each message; one without text gets none."""
        for message in messages:
            ranking: list[dict[str, Any]] = []
            text = message.get(TEXT)
            if text and self._model is not None:
                embed = self._dense(message, self._embedder) if self._embedder is not None else None
                probabilities, _ = self._model.predict(str(text), embed)
                order = np.argsort(-probabilities, kind="stable")
                ranking = [
                    {"name": self._model.labels[i], "confidence": float(probabilities[i])} for i in order
                ]
            intent = dict(ranking[0]) if ranking else {"name": None, "confidence": 0.0}
            length = int(self._config["ranking_length"])
            message.set(INTENT, intent, add_to_output=True)
            message.set(INTENT_RANKING_KEY, ranking[:length] if length > 0 else ranking, add_to_output=True)
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """The training examples keep their own intents."""
        return training_data

    @staticmethod
    def _dense(message: Message, embedder: OnnxEmbedder) -> Callable[[], np.ndarray]:
        """Gives the message's embedding: the featurizer's if there is one, else computed when called."""

        def embedding() -> np.ndarray:
            _, features = message.get_dense_features(TEXT)
            if features is not None and features.features.shape[-1] == embedder.dim:
                return np.asarray(features.features[0], dtype=np.float32)
            return embedder.embed_one(str(message.get(TEXT)))

        return embedding
