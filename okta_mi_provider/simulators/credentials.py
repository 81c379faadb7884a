"""The credentials the simulators accept. They are published and open nothing but a simulator."""

from __future__ import annotations

OKTA_API_TOKEN = "00-simulated-okta-token"  # noqa: S105
"""API token of the simulated Okta org (``Authorization: SSWS <token>``)."""

MI_USER = "svc_okta_sync"
"""Administrator in Metric Insights whom the tokens below represent."""

MI_APPLICATION_ID = "okta-mi-sync"
"""External Application that can manage users."""

MI_APPLICATION_KEY = "simulated-application-key"
"""Key of :data:`MI_APPLICATION_ID`."""

MI_API_TOKEN = "simulated-personal-token"  # noqa: S105
"""Personal API token of :data:`MI_USER` (``Authorization: Bearer <token>``)."""

MI_LIMITED_APPLICATION_ID = "reports-only"
"""External Application without the right to manage users: its tokens are answered 401."""

MI_LIMITED_APPLICATION_KEY = "simulated-reports-key"
"""Key of :data:`MI_LIMITED_APPLICATION_ID`."""

MI_VIEWER = "vera.viewer"
"""User who is no administrator: calls in that name are answered 403."""

MI_VIEWER_API_TOKEN = "simulated-viewer-token"  # noqa: S105
"""Personal API token of :data:`MI_VIEWER`."""
