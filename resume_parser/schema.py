"""The shape of `cv_data`, as the contract gives it. Every member is always present."""

from typing import TypedDict


class Education(TypedDict):
    """One degree; numbers are None where the resume prints none."""

    degree: str
    institution: str
    graduation_year: int | None
    gpa: float | None


class Experience(TypedDict):
    """One job; `duration` is `YYYY-MM - YYYY-MM` or `... - Present`, without unprinted months."""

    title: str
    company: str
    duration: str
    responsibilities: list[str]
    achievements: list[str]


class CvData(TypedDict):
    """What the parser reads out of a resume; empty where it finds nothing."""

    name: str
    email: str
    phone: str
    summary: str
    skills: list[str]
    education: list[Education]
    experience: list[Experience]
    certifications: list[str]
    languages: list[str]
