"""How a step of a care plan reaches the person: a message, an article, a questionnaire, an offer of places, a call."""
