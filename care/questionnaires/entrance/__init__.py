"""How a patient comes to a questionnaire's page: a link, or a code typed by hand; and that it is they."""
