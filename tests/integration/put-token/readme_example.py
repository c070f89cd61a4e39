"""What the README shows, and what a script meets besides; told what to do by a JSON on standard input."""

import json
import sys

from keystoneauth1 import exceptions, session
from keystoneauth1.identity import v3

task = json.load(sys.stdin)

# The README's lines.
auth = v3.Password(
    auth_url=task["auth_url"],
    username=task["username"],
    password=task["password"],
    user_domain_id="default",
)
sess = session.Session(auth=auth)
url = task["url"]


def put(user_id, body=None):
    return sess.put(f"{url}/token/{user_id}", json=body)


answers = {}
r = put(task["user_id"], {"password": task["initial_password"], "pin": task["pin"]})
answers["text"] = r.text
answers["status"] = r.status_code

# The token it holds has ended in the meantime: keystoneauth gets another one, and nobody notices.
first_token = sess.get_token()
sess.delete(
    f"{task['auth_url']}/auth/tokens",
    headers={"X-Subject-Token": first_token},
    endpoint_override=None,
)
answers["again"] = put(task["user_id"], {}).text
answers["another_token"] = sess.get_token() != first_token

answers["without_body"] = sess.put(f"{url}/token/{task['user_id']}").text
answers["as_json"] = sess.put(
    f"{url}/token/{task['user_id']}", json={}, headers={"Accept": "application/json"}
).json()

try:
    put(task["user_id"], {"pin": "12"})
except exceptions.BadRequest as refusal:
    answers["refusal"] = {
        "message": refusal.message,
        "status": refusal.http_status,
        "request_id": refusal.request_id,
    }

# Somebody without a role in the admin project.
stranger = session.Session(
    auth=v3.Password(
        auth_url=task["auth_url"],
        username=task["stranger"],
        password=task["password"],
        user_domain_id="default",
    )
)
try:
    stranger.put(f"{url}/token/{task['user_id']}", json={})
except exceptions.Forbidden as refusal:
    answers["forbidden"] = refusal.message

json.dump(answers, sys.stdout)
