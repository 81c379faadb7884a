"""Names for the seeded org: everyday ones, and ones that break careless code."""

from __future__ import annotations

GIVEN_NAMES = (
    "Aaron", "Ada", "Aïcha", "Alejandra", "Amélie", "Anders", "Anna", "Arjun", "Astrid", "Bartosz", "Beatriz",
    "Benjamin", "Björn", "Camille", "Carlos", "Catarina", "Chidi", "Claire", "Dagmar", "Daniel", "Deepa", "Dmitri",
    "Eleni", "Elif", "Émile", "Emma", "Enzo", "Esther", "Farid", "Fatima", "Felix", "Fiona", "Françoise", "George",
    "Giulia", "Grace", "Hanna", "Hiroshi", "Hugo", "Ines", "Ingrid", "Ivan", "Jakub", "Jan", "Joana", "Jorge",
    "José", "Julia", "Kaito", "Karin", "Katarzyna", "Kofi", "Lars", "Léa", "Leila", "Liam", "Lucía", "Luka", "Magnus",
    "Maria", "Marta", "Matthias", "Mei", "Mohammed", "Nadia", "Nikola", "Noah", "Olga", "Oliver", "Oskar", "Paolo",
    "Petra", "Priya", "Rafael", "Rosa", "Ruth", "Samir", "Sara", "Sofia", "Sören", "Stefan", "Tamás", "Teresa",
    "Thandiwe", "Tomás", "Ursula", "Valentina", "Viktor", "Wanda", "Wei", "Xavier", "Yasmin", "Yuki", "Zoë", "Zuzana",
)  # fmt: skip

FAMILY_NAMES = (
    "Abbott", "Adeyemi", "Almeida", "Andersson", "Aydın", "Bauer", "Becker", "Bianchi", "Brown", "Castro", "Chen",
    "Costa", "Çelik", "Dubois", "Eriksen", "Fernández", "Fischer", "Fontaine", "Fraser", "García", "González",
    "Gupta", "Haddad", "Hansen", "Hernández", "Hoffmann", "Horváth", "Ibrahim", "Ito", "Ivanov", "Jansen", "Jensen",
    "Johnson", "Kaplan", "Kaur", "Keller", "Khan", "Kim", "Koch", "Kovács", "Kowalski", "Kumar", "Larsen", "Lee",
    "Lefèvre", "Lindqvist", "López", "Magalhães", "Martin", "Mbeki", "Mehta", "Meyer", "Moreau", "Müller", "Murphy",
    "Nakamura", "Nguyen", "Novák", "Nowak", "Okafor", "Olsen", "Papadopoulos", "Patel", "Pereira", "Petrov", "Quinn",
    "Ramos", "Ricci", "Rossi", "Ruiz", "Sánchez", "Santos", "Schäfer", "Schmidt", "Schulz", "Silva", "Singh", "Smith",
    "Sørensen", "Sousa", "Suzuki", "Svensson", "Tanaka", "Taylor", "Torres", "Tremblay", "Vargas", "Vasquez", "Vogel",
    "Wagner", "Walker", "Wang", "Weber", "Wójcik", "Yamamoto", "Yılmaz", "Young", "Zhang", "Zieliński", "Zimmermann",
)  # fmt: skip

VENDOR_EXAMPLE = (("Ana", "Silva", "ana.silva"), ("Bruno", "Costa", "bruno.costa"))
"""The two members of ``my_new_group``: given name, family name, login before the @."""

NOTABLE = (
    ("Seán", "O'Brien", "sean.o'brien"),
    ("Renée", "d'Arc-L'Écuyer", "renee.darc"),
    ("Zoë", "Müller-Lüdenscheidt", "zoe.mueller"),
    ('Anne "Annie"', "Oakley", "annie.oakley"),
    ("Łukasz", "Żółć", "lukasz.zolc"),
    ("李", "小龍", "li.xiaolong"),
    ("美咲", "佐藤", "misaki.sato"),
    ("민준", "김", "minjun.kim"),
    ("Ольга", "Иванова", "olga.ivanova"),
    ("Ελένη", "Παπαδοπούλου", "eleni.papadopoulou"),
    ("محمد", "الفاسي", "mohammed.alfassi"),
    ("נועה", "לוי", "noa.levi"),
    ("Þórdís", "Ægisdóttir", "thordis.aegisdottir"),
    ("Nguyễn", "Thị Minh Khai", "minhkhai.nguyen"),
    ("Jean-Luc", "de la Tour d'Auvergne", "jeanluc.delatour"),
    ("<b>Bobby</b>", "Tables'); DROP TABLE users;--", "bobby.tables"),
    ("Back\\slash", "Tab\tbed", "back.slash"),
    ("  Spacey  ", "Mc  Space", "spacey.mcspace"),
    ("Ñandú", "Núñez", "nandu.nunez"),
    ("İpek", "Işık", "ipek.isik"),
    ("Straße", "Groß", "strasse.gross"),
    ("E\u0301lodie", "Bre\u0301mont", "elodie.bremont"),
    ("Percent%20", "Plus+Amp&", "percent+plus"),
    ("null", "None", "null.none"),
)
"""Finance staff with accents, apostrophes, quotes, markup, other scripts and stray blanks in their names."""
