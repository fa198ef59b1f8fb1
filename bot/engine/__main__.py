"""Rasa's command line as we run it: `python -m bot.engine train|run …`, the same words as `python -m rasa`.

TensorFlow is left out where the configuration (`--config`) or the model (`--model`) does not need it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Optional, Sequence, Text

from bot.engine import without_tensorflow


def _given(arguments: Sequence[Text], option: Text) -> Optional[Path]:
    return Path(arguments[arguments.index(option) + 1]) if option in arguments[:-1] else None


def main() -> None:
    config, model = _given(sys.argv, "--config"), _given(sys.argv, "--model")
    if config is not None:
        without_tensorflow.install_for(without_tensorflow.components_of_config(config))
    elif model is not None:
        without_tensorflow.install_for(without_tensorflow.components_of_model(model))
    from rasa.__main__ import main as rasa

    rasa()


if __name__ == "__main__":
    main()
