"""A Rasa featurizer that gives each message its sentence embedding as a dense sentence feature."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.engine.onnx_embedder import ENVIRONMENT_VARIABLE, OnnxEmbedder, model_fingerprint, model_folder

logger = logging.getLogger(__name__)
_BATCH = 64


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class SentenceEmbeddingFeaturizer(DenseFeaturizer, GraphComponent):
    """Sets one dense feature ``[1, dim]`` for the text of a message; messages without text are left as they
    are.

    Config: ``model_dir``, the ONNX folder (default: the environment variable BANYI_SENTENCE_MODEL_DIR);
    ``threads``, CPU threads for one text.
    """

    @classmethod
    def required_components(cls) -> list[type]:
        """Needs nothing before it."""
        return []

    @staticmethod
    def required_packages() -> list[str]:
        """Packages that must be installed."""
        return ["onnxruntime", "tokenizers"]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """The component's default config."""
        return {**DenseFeaturizer.get_default_config(), "model_dir": None, "threads": 1}

    def __init__(self, config: dict[str, Any], name: str) -> None:
        """Loads the sentence model; raises RuntimeError when it is not there."""
        super().__init__(name, config)
        folder = model_folder(config)
        if folder is None:
            raise RuntimeError(f"SentenceEmbeddingFeaturizer: set {ENVIRONMENT_VARIABLE} or its model_dir")
        self._embedder = OnnxEmbedder(folder, threads=int(config.get("threads") or 1))

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SentenceEmbeddingFeaturizer:
        """Creates the component (called by the graph)."""
        return cls(config, execution_context.node_name)

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str | None:
        """Another sentence model makes Rasa's cached features stale."""
        return model_fingerprint(config)

    def process(self, messages: list[Message]) -> list[Message]:
        """Adds the feature to each message that has text."""
        with_text = [message for message in messages if message.get(TEXT)]
        for start in range(0, len(with_text), _BATCH):
            batch = with_text[start : start + _BATCH]
            vectors = self._embedder.embed([message.get(TEXT) for message in batch])
            for message, vector in zip(batch, vectors, strict=True):
                message.add_features(self._feature(vector))
            if len(with_text) > _BATCH:
                logger.debug("sentence embeddings: %d of %d", start + len(batch), len(with_text))
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Adds the feature to the training examples."""
        self.process(training_data.training_examples)
        return training_data

    def _feature(self, vector: np.ndarray) -> Features:
        return Features(vector[np.newaxis, :], FEATURE_TYPE_SENTENCE, TEXT, self._identifier)

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Nothing to check before the model is loaded."""
