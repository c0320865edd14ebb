"""The words that sample data are made of: with accents, apostrophes and capitals that sort differently."""

from __future__ import annotations

DEPARTMENTS = (
    "Product Management",
    "Sales",
    "Research & Development",
    "Human Resources",
    "Engineering",
    "Customer Care",
    "Drivers' Training",
    "Relaciones Públicas",
    "Accounting",
    "Legal",
    "Logistics",
    "Marketing",
)

_GRADES = ("", "Senior ", "Assistant ", "Lead ")
_ROLES = (
    "Accountant",
    "Actuary",
    "Administrative Officer",
    "Analyst Programmer",
    "Architect",
    "Archivist",
    "Auditor",
    "Automation Specialist",
    "Biostatistician",
    "Budget Analyst",
    "Café Manager",
    "Chemical Engineer",
    "Civil Engineer",
    "Computer Systems Analyst",
    "Controller",
    "Cost Estimator",
    "Data Coordinator",
    "Database Administrator",
    "Design Engineer",
    "Desktop Support Technician",
    "Developer",
    "Editor",
    "Electrical Engineer",
    "Environmental Specialist",
    "Financial Advisor",
    "Food Chemist",
    "GIS Technician",
    "General Manager",
    "Geologist",
    "Graphic Designer",
    "Health Coach",
    "Help Desk Operator",
    "Information Systems Manager",
    "Internal Auditor",
    "Librarian",
    "Marketing Assistant",
    "Media Manager",
    "Nurse Practitioner",
    "Occupational Therapist",
    "Operator",
    "Paralegal",
    "Pharmacist",
    "Quality Engineer",
    "Recruiter",
    "Sales Représentant",
)
JOBS = (
    *(f"{grade}{role}" for grade in _GRADES for role in _ROLES),
    "Attaché",
    "Directors' Secretary",
    "VP Sales",
)

_FIRST_NAMES = """
Harold Zoë Ana Beatriz Carlos Chloë Daniel Dmitri Élodie Emma Fatima François Giulia Hannah Hiroshi Ines Ivan
Jürgen José Kateřina Kofi Laila Lars Łukasz Mary María Mei Mohammed Nadia Noah Ngozi Olga Óscar Pablo Priya
Quentin Raúl Rosa Søren Sofía Tomás Uma Valentina Víctor Wei Ximena Yusuf Zanele
"""
_LAST_NAMES = """
Vogt O'Brien Abadía Andersson Bianchi Castro D'Angelo Díaz Dubois Eze Fernández Fischer García Gómez Haddad
Herrera Ibáñez Ivanova Jansen Johnson Kim Kowalski Kristjánsdóttir Lefèvre López Mbeki Müller Muñoz Ñáñez
Nakamura Novák Núñez O'Connor Okafor Öztürk Peña Petrov Quispe Ramírez Rossi Sánchez Silva Šimić Smith Tanaka
Torres Uribe Vélez Wang Weiß Zapata Zhang
"""
FIRST_NAMES = tuple(_FIRST_NAMES.split())
LAST_NAMES = tuple(_LAST_NAMES.split())
