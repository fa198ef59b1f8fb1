"""Clinics, slots, holds and appointments."""
