"""A questionnaire on the patient's phone, and what the desk does with questionnaires."""
