"""What only the demo has: its people's phones, and a past."""

LOADING = "demo-loading.txt"
"""In `var_dir` while the past is loaded: which part, for whoever waits for the start."""
LOADED = {
    "visitors": "people who come to the clinics",
    "past": "a year of visits",
    "ahead": "today's clinics and the next two weeks",
    "model": "the no-show model learns from them",
    "plans": "ninety days of care plans, played through the real code",
}
"""What each part is called."""
