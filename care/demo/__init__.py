"""The demo's past: a year of visits by people who exist nowhere, loaded once and only in the demo."""
