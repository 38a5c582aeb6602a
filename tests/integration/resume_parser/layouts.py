"""Resumes as people lay them out, drawn with fpdf2 in core fonts (so Latin-1 only)."""

from fpdf import FPDF

LEFT_MM, RIGHT_MM = 20, 190


def _page() -> FPDF:
    pdf = FPDF(format="A4")
    pdf.set_margins(LEFT_MM, 18, 20)
    pdf.set_auto_page_break(auto=True, margin=15)
    pdf.add_page()
    return pdf


def _line(pdf: FPDF, text: str, *, style: str = "", size: float = 10, height: float = 5) -> None:
    pdf.set_font("Helvetica", style, size)
    pdf.multi_cell(0, height, text, new_x="LMARGIN", new_y="NEXT")


def german_table() -> bytes:
    """A tabular Lebenslauf: dates in the left margin, the rest beside them."""
    pdf = _page()
    _line(pdf, "Lebenslauf", style="B", size=20, height=12)

    def heading(text: str) -> None:
        pdf.ln(4)
        _line(pdf, text, style="B", size=13, height=8)

    def row(label: str, *texts: tuple[str, str]) -> None:
        pdf.set_font("Helvetica", "", 10)
        pdf.cell(45, 5, label)
        for style, text in texts:
            pdf.set_x(LEFT_MM + 45)
            pdf.set_font("Helvetica", style, 10)
            pdf.multi_cell(0, 5, text, new_x="LMARGIN", new_y="NEXT")

    heading("Persönliche Daten")
    row("Name:", ("", "Jürgen Weiß"))
    row("Telefon:", ("", "+49 170 1234567"))
    row("E-Mail:", ("", "juergen.weiss@example.com"))
    heading("Berufserfahrung")
    row(
        "03/2019 - heute",
        ("B", "Softwareentwickler"),
        ("", "Beispiel Systeme GmbH, Köln"),
        ("", "\x95 Entwicklung von Schnittstellen für die Lagerverwaltung"),
        ("", "\x95 Betreuung von drei Auszubildenden"),
    )
    row(
        "08/2015 - 02/2019",
        ("B", "Fachinformatiker"),
        ("", "Muster & Söhne KG, Berlin"),
        ("", "\x95 Einführung eines neuen Ticketsystems für 400 Anwender"),
    )
    heading("Ausbildung")
    row(
        "10/2011 - 07/2015",
        ("B", "Bachelor of Science Informatik"),
        ("", "Technische Hochschule Köln, Note: 1,7"),
    )
    heading("Kenntnisse")
    _line(pdf, "Java, Python, PostgreSQL, Docker")
    heading("Sprachen")
    _line(pdf, "Deutsch (Muttersprache), Englisch (verhandlungssicher)")
    return bytes(pdf.output())


def french_sidebar() -> bytes:
    """Two columns: contact, skills and languages in a sidebar, the text beside it."""
    pdf = _page()
    _line(pdf, "Élodie Marchand", style="B", size=24, height=14)
    _line(pdf, "Cheffe de projet marketing", size=12, height=8)
    top = pdf.get_y() + 4
    sidebar = [
        ("B", "CONTACT"), ("", "elodie.marchand@example.com"), ("", "+33 6 12 34 56 78"),
        ("", "Lyon, France"), ("B", "COMPÉTENCES"), ("", "Gestion de projet"), ("", "SEO"),
        ("", "Google Analytics"), ("", "Figma"), ("B", "LANGUES"),
        ("", "Français - langue maternelle"), ("", "Anglais - courant"),
    ]  # fmt: skip
    main = [
        ("B", "PROFIL"),
        ("", "Huit ans d'expérience dans la conduite de campagnes numériques pour des"),
        ("", "marques de grande consommation, avec un goût marqué pour les chiffres."),
        ("B", "EXPÉRIENCE PROFESSIONNELLE"),
        ("B", "Cheffe de projet marketing"), ("I", "Agence Exemple"),
        ("", "janvier 2020 - aujourd'hui"),
        ("", "\x95 Pilotage de douze campagnes par an"),
        ("", "\x95 Encadrement de quatre personnes"),
        ("B", "Chargée de communication"), ("I", "Société Modèle"),
        ("", "septembre 2016 - décembre 2019"),
        ("", "\x95 Refonte du site de la marque"),
        ("B", "FORMATION"),
        ("B", "Master Marketing digital"), ("I", "Université Lumière Lyon 2"), ("", "2014 - 2016"),
    ]  # fmt: skip
    for x, width, lines in ((LEFT_MM, 50, sidebar), (82, 110, main)):
        pdf.set_y(top)
        for style, text in lines:
            pdf.set_x(x)
            is_heading = style == "B" and text.isupper()
            pdf.set_font("Helvetica", style, 12 if is_heading else 10)
            pdf.multi_cell(width, 9 if is_heading else 5.5, text, new_x="LMARGIN", new_y="NEXT")
    return bytes(pdf.output())


def spanish_plain() -> bytes:
    """One column without a second type size: title, company and dates in one line."""
    pdf = _page()
    for style, text in [
        ("B", "Lucía Fernández Ortega"),
        ("", "lucia.fernandez@example.com | +34 612 345 678 | Madrid, España"),
        ("", ""), ("B", "PERFIL"),
        ("", "Contable con diez años de experiencia en cierres mensuales, impuestos y auditorías"),
        ("", "de empresas medianas."),
        ("", ""), ("B", "EXPERIENCIA LABORAL"),
        ("B", "Contable senior, Ejemplo y Asociados, enero de 2018 - actualidad"),
        ("", "- Preparación de los cierres mensuales de nueve sociedades"),
        ("", "- Implantación de SAP en el departamento"),
        ("B", "Auxiliar administrativa, Grupo Muestra, marzo de 2013 - mayo de 2017"),
        ("", "- Facturación y atención a proveedores"),
        ("", ""), ("B", "EDUCACIÓN"),
        ("B", "Grado en Administración de Empresas, Universidad de Ejemplo, 2008 - 2012"),
        ("", ""), ("B", "CERTIFICACIONES"),
        ("", "- Experto Contable Acreditado, 2019"),
        ("", ""), ("B", "IDIOMAS"), ("", "Español: nativo"), ("", "Inglés: B2"),
    ]:  # fmt: skip
        _line(pdf, text, style=style)
    return bytes(pdf.output())


def english_ruled() -> bytes:
    """The classic of American colleges: company and city, under them title and dates."""
    pdf = _page()
    pdf.set_font("Times", "B", 18)
    pdf.cell(0, 9, "Martha Quill", align="C", new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("Times", "", 10)
    pdf.cell(0, 5, "(415) 555-0132 \x95 m.quill@example.org \x95 Oakland, CA", align="C")
    pdf.ln(8)

    def pair(left: str, right: str, style: str = "") -> None:
        pdf.set_font("Times", style, 11)
        pdf.cell(120, 5.5, left)
        pdf.cell(0, 5.5, right, align="R", new_x="LMARGIN", new_y="NEXT")

    def text(content: str, indent: float = 4) -> None:
        pdf.set_font("Times", "", 10.5)
        pdf.set_x(LEFT_MM + indent)
        pdf.multi_cell(0, 5, content, new_x="LMARGIN", new_y="NEXT")

    pair("EDUCATION", "", "B")
    pair("Placeholder State University", "Oakland, CA", "B")
    pair("Bachelor of Arts in Economics, GPA: 3.62", "May 2019", "I")
    pair("EXPERIENCE", "", "B")
    pair("Sample Harbor Logistics", "Oakland, CA", "B")
    pair("Operations Analyst", "Jul 2021 - Present", "I")
    text(
        "\x95 Cut the dwell time of containers by 14% with a forecast that planners read every "
        "morning and that nobody had to maintain by hand"
    )
    text("\x95 Wrote the SQL behind 30 weekly reports")
    pair("Fictional Foods, Inc.", "San Jose, CA", "B")
    pair("Purchasing Assistant", "Jun 2019 - Jun 2021", "I")
    text("\x95 Negotiated contracts with 22 suppliers")
    pair("SKILLS & LANGUAGES", "", "B")
    text("Software: Excel, Tableau, SQL", 0)
    text("Languages: English (native), Portuguese (fluent)", 0)
    return bytes(pdf.output())
