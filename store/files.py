"""The PDFs' bytes: in a collection of their own, or in their jobs (`storage.kind: inline`)."""

from bson import ObjectId
from pymongo.database import Database

from store.connection import Document, store_errors
from store.transitions import FILES, JOBS


def load_file(database: Database[Document], job_id: str) -> bytes | None:
    """Return the job's PDF, None when its bytes are gone."""
    key = ObjectId(job_id)
    with store_errors():
        if file := database[FILES].find_one({"_id": key}):
            return bytes(file["data"])
        job = database[JOBS].find_one({"_id": key}, {"file_data": 1})
    return bytes(job["file_data"]) if job and job.get("file_data") else None
