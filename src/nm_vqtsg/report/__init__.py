"""One page about synthetic series beside real ones: what they look like, what they score, and where to look first.

Takes series and scores and returns HTML that needs nothing from elsewhere.
"""

from nm_vqtsg.report.page import report_page
from nm_vqtsg.report.subject import Subject

__all__ = ["Subject", "report_page"]
