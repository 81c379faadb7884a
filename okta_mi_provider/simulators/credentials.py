"""The credentials the simulators accept. They are published and open nothing but a simulator."""

from __future__ import annotations

OKTA_API_TOKEN = "00-simulated-okta-token"  # noqa: S105
"""API token of the simulated Okta org (``Authorization: SSWS <token>``)."""

OKTA_CLIENT_ID = "0oa1simulatedApp015d7"
"""Client id of the service app of the simulated Okta org; it has the keys below, so an assertion must name one."""

OKTA_PRIVATE_KEY_ID = "simulated-rsa-key"
"""``kid`` of :data:`OKTA_PRIVATE_KEY`."""

OKTA_PRIVATE_KEY = """\
-----BEGIN PRIVATE KEY-----
MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQDBVBfGKHrUWHk+
QEmJQ57HI/QlL0T48k+G+hSQ2Di9oNgsb2XE+egAiX/JtMbF6M3SWVwAlx21FJsR
aiGE5yyBIlyIm12JYV5cubnOcgfEyh9ZHnUzEm1KBES3buRcggC8vPYWA0g9e70B
RS+rnYvF29tNTEc6IneSAg7YZOqV9jhTZTNfLyzNr+ZZx1OZxvzwjqL3KNDAioWa
H7KIJZqq9n9VMD8PqDE20yIBL23NMi07daKXjoWAKk4m1UjFv9Ts5WJc/gl+PYLJ
kKW5LSRLDAj1IXhZ+1HroC2Sp3wIUJRvB1tSDuowCtdcfORo5wKN6WDiUTFygTmm
wFNOBE0JAgMBAAECggEABUfk7wVBDFbZrPvNkRch7wJKPiUd5webaNj2QdnzfCk4
w8dL34cMsXhlX171mlytw+6r8YTZ4LiONHoSg1JbPVsbwvbXexQH+KlxbAm3sPDt
Ip6PM1TFW826YMusfOMSM8BHn+SkDwXibPafrY+RTKzLlJTI/KC0um4doLHqVIFH
5VHK8dCUwIgjqseEsPhq/NCfQiyNK6jGP3y0klsvPhxvjgFEkLd7MmufnDGcNUav
5qlq2VmR1AAfY2qQwm2e3xHxmdhTUfZATnYD0s18ryg7VaeNZ6LTv1D/9sty4/40
2TJr+VMm6srSGE18/jEkfXiT9HyWbTpgGVLxPvjNAQKBgQD0y+4Xqa64KAkLd25/
6YIv7sb3hwmAymoh/8VQhhE+nsErDdxKgqxRmw/Y+7Ej263nTn5thtoJRDXAeRzE
51EwVk/AMoNny8fhuLQzTkxXCsUPNuF603LWZCpmSiB/ZWILNXkYh/BtFHkpQg5E
ikXH0xRWnY9eQ8U68JmXIe1EwQKBgQDKLSfMhHKri1Sx5scD5/oQTe/8dGpvane6
0kxDxyY4imIjGAsDcvl0aue5ESPy0qqxINqtMpWqmt5zky0oLkTkB9iI3FaSNi3l
/Kzt2wUaSRV/X0/U1oKo76Bmqot3CCoSbTZ64hP3mR2sOgAKYaY1X/GajMDWF8NQ
GYJLf24ySQKBgCwNrxFPFgRKICaSHa6jRSx/Ggtdn9Yvlx37O3UcS2org7PN0MEP
9xbQgu+Xi+9aD1e7BoGLbR2RyuKSaRz+S9wZDE0YShGZ2KTEapl5E7/uTjxIshc6
ikYOzJqP6H1Er3o460wA2sGml49XNd4bzCcD03sq66wZIhtTRTCviFWBAoGAfDFU
21sZHauPMWE0K4Aaql1V6FyS7TIXrll0o8X4Ao9vTWN9kHbWKd9pzNNso8MpO3mV
GwOR0KUltRVZje8uPm1bZGcFfvdtJnQavlnmPolafU3NOk8zIBdjDu4AkfQf9AXG
i6HI5jXWdm+Cit4FPZBcV7XS1zDtt4yT71CuHpECgYArwMI4CACn9TjuJGOmsupk
uYzTHKHywhBxWzKywroiQ+bmVbKQEbCs/fcPLuYdsOVywbllRBbK9CrXoGXXyit8
JKgux0IoBJ1SnDnKrl8Et4oePELV9a93/A2DbKeOt8wwK71YRoGICdzjcW/5RjYI
nIbE5Yll1Bwhl54MUuREdg==
-----END PRIVATE KEY-----
"""
"""RSA key (PEM, PKCS #8) with which the service app signs."""

OKTA_EC_PRIVATE_KEY_ID = "simulated-ec-key"
"""``kid`` of :data:`OKTA_EC_PRIVATE_KEY`."""

OKTA_EC_PRIVATE_KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgs7UuRWiXas7aSLPU
z86QEzPjAAVFAJgiQL/sRBOJ2ZahRANCAAT7UQ0PgHNtpWskmQ2dX5RC+ZJfMfFU
xNF3qmoukBVr11WlGAa6PPzabYQAiR9k4t/odI1RrGRq+AQPAobakg8H
-----END PRIVATE KEY-----
"""
"""EC key (PEM, PKCS #8, P-256) with which the service app may sign as well."""

OKTA_SCOPES = ("okta.groups.read", "okta.users.read")
"""Scopes granted to the service app."""

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
