"""The patient relationship: patients, binding, consents, appointments, questionnaires, alerts, the desk.

Links addresses to people.
"""
