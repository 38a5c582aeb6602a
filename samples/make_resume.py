# /// script
# dependencies = ["fpdf2"]
# ///
"""Draw `resume.pdf`, the sample that `make demo` uploads: `python samples/make_resume.py`.

Needs fpdf2 (a development dependency) and the DejaVu fonts (Debian: fonts-dejavu-core), for
Vietnamese. The result is committed; run this again only to change it, and then bring
`resume.expected.json` up to date: a test compares the two. The person does not exist.
"""

from datetime import UTC, datetime
from pathlib import Path

from fpdf import FPDF

HERE = Path(__file__).parent
FONTS = Path("/usr/share/fonts/truetype/dejavu")
INK, ACCENT, MUTED = (31, 41, 55), (15, 118, 110), (107, 114, 128)
MARGIN_MM = 20

SUMMARY = (
    "Backend engineer with eight years of experience in payment and logistics systems. I like "
    "small services that say clearly what they promise, and I have led teams of up to six people "
    "in Ho Chi Minh City and Singapore."
)
JOBS = [
    (
        "Senior Backend Engineer",
        "Công ty Cổ phần Sao Mai Logistics",
        "Mar 2021 \u2013 Present",
        [
            "Lead the team of six that runs the dispatch platform: 120,000 orders a day at 99.95%",
            "Moved the order events from nightly batches to Kafka: notices take seconds, not hours",
            "Introduced contract tests between nine services and removed the shared staging site",
        ],
    ),
    (
        "Software Engineer",
        "Lotus Pay Pte. Ltd.",
        "Jul 2018 \u2013 Feb 2021",
        [
            "Built the reconciliation of card payments with four banks in Go and PostgreSQL",
            "Reduced the p99 latency of the refund API from 900 ms to 140 ms",
        ],
    ),
    (
        "Thực tập sinh lập trình",
        "Trung tâm Phần mềm Cửu Long",
        "Jan 2018 \u2013 Jun 2018",
        ["Viết công cụ kiểm thử tự động cho hệ thống quản lý kho"],
    ),
]
SKILLS = [
    ("Languages", "Python, Go, SQL"),
    ("Data", "PostgreSQL, MongoDB, Kafka, Redis"),
    ("Operations", "Docker, Kubernetes, Terraform, Prometheus"),
]
CERTIFICATIONS = [
    "AWS Certified Solutions Architect \u2013 Associate (Amazon Web Services, 2023)",
    "Confluent Certified Developer for Apache Kafka (Confluent, 2022)",
]
SPOKEN = "Vietnamese (native), English (IELTS 7.5), Japanese (JLPT N3)"


class Resume(FPDF):
    """One A4 page with the few shapes that this resume is made of."""

    def __init__(self) -> None:
        super().__init__(format="A4")
        self.set_margins(MARGIN_MM, 16, MARGIN_MM)
        self.set_auto_page_break(auto=True, margin=14)
        for style, file_name in (("", "DejaVuSans.ttf"), ("B", "DejaVuSans-Bold.ttf")):
            self.add_font("DejaVu", style, FONTS / file_name)
        self.set_title("Resume of Nguyễn Thị Minh Anh")
        self.set_creation_date(datetime(2026, 1, 1, tzinfo=UTC))  # the same bytes every time
        self.add_page()

    def text_block(
        self, text: str, size: float, *, bold: bool = False, colour: tuple[int, int, int] = INK
    ) -> None:
        """Write wrapped text over the whole width."""
        self.set_font("DejaVu", "B" if bold else "", size)
        self.set_text_color(*colour)
        self.multi_cell(0, size * 0.52, text, align="L", new_x="LMARGIN", new_y="NEXT")

    def heading(self, text: str) -> None:
        """Open a section, with a rule under its name."""
        self.ln(3.5)
        self.text_block(text.upper(), 11, bold=True, colour=ACCENT)
        self.set_draw_color(*ACCENT)
        self.line(MARGIN_MM, self.get_y() + 0.5, self.w - MARGIN_MM, self.get_y() + 0.5)
        self.ln(2.5)

    def entry(self, title: str, place: str, dates: str) -> None:
        """Write a job or degree: title and dates in one line, the place under them."""
        self.set_font("DejaVu", "B", 10)
        self.set_text_color(*INK)
        self.cell(125, 5.2, title)
        self.set_font("DejaVu", "", 9)
        self.set_text_color(*MUTED)
        self.cell(0, 5.2, dates, align="R", new_x="LMARGIN", new_y="NEXT")
        self.text_block(place, 9.5, colour=ACCENT)
        self.ln(0.8)

    def item(self, text: str) -> None:
        """Write one list item with a hanging indent."""
        self.set_font("DejaVu", "", 9.5)
        self.set_text_color(*INK)
        self.set_x(MARGIN_MM + 2)
        self.cell(4, 4.9, "•")
        self.multi_cell(0, 4.9, text, align="L", new_x="LMARGIN", new_y="NEXT")


def draw() -> Resume:
    """Return the drawn resume."""
    resume = Resume()
    resume.text_block("Nguyễn Thị Minh Anh", 22, bold=True)
    resume.ln(0.5)
    resume.text_block("Senior Backend Engineer", 11.5, colour=ACCENT)
    resume.ln(1)
    contact = "minhanh.nguyen@example.com  •  +84 912 345 678  •  Quận 3, TP. Hồ Chí Minh"
    resume.text_block(contact, 9, colour=MUTED)
    resume.heading("Summary")
    resume.text_block(SUMMARY, 9.5)
    resume.heading("Experience")
    for title, company, dates, lines in JOBS:
        resume.entry(title, company, dates)
        for line in lines:
            resume.item(line)
        resume.ln(2)
    resume.heading("Education")
    resume.entry("Kỹ sư Khoa học Máy tính", "Trường Đại học Bách khoa TP.HCM", "2013 \u2013 2018")
    resume.text_block("GPA: 3.4/4.0", 9.5)
    resume.heading("Skills")
    for label, skills in SKILLS:
        resume.text_block(f"{label}: {skills}", 9.5)
        resume.ln(0.6)
    resume.heading("Certifications")
    for certification in CERTIFICATIONS:
        resume.item(certification)
    resume.heading("Languages")
    resume.text_block(SPOKEN, 9.5)
    return resume


if __name__ == "__main__":
    draw().output(str(HERE / "resume.pdf"))
