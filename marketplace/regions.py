"""Québec's seventeen administrative regions, by their official codes."""

from django.db import models


class Region(models.TextChoices):
    R01 = "01", "Bas-Saint-Laurent"
    R02 = "02", "Saguenay–Lac-Saint-Jean"
    R03 = "03", "Capitale-Nationale"
    R04 = "04", "Mauricie"
    R05 = "05", "Estrie"
    R06 = "06", "Montréal"
    R07 = "07", "Outaouais"
    R08 = "08", "Abitibi-Témiscamingue"
    R09 = "09", "Côte-Nord"
    R10 = "10", "Nord-du-Québec"
    R11 = "11", "Gaspésie–Îles-de-la-Madeleine"
    R12 = "12", "Chaudière-Appalaches"
    R13 = "13", "Laval"
    R14 = "14", "Lanaudière"
    R15 = "15", "Laurentides"
    R16 = "16", "Montérégie"
    R17 = "17", "Centre-du-Québec"
