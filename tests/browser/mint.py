"""Mints a token with LiveKit's SDK for Python: the key, its secret, the identity, and the grants as JSON."""

import json
import sys

from livekit import api

key, secret, identity, grants = sys.argv[1:]
token = api.AccessToken(key, secret).with_identity(identity).with_name(f"{identity} by Python")
print(token.with_grants(api.VideoGrants(**json.loads(grants))).to_jwt())
