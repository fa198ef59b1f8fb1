"""The monthly report as a PDF. fpdf2 writes it, in Noto Sans SC (SIL Open Font License 1.1: may be embedded), pictures as vectors."""
