"""The client loop of the compute agents' documentation, and before it what the loop leaves to its reader."""

import json as codec
import os
import sys
import time
import urllib.request
import uuid

BASE_URL = os.environ["BASE_URL"]
BOUNDARY = "----seed-client"


class Reply:
    def __init__(self, body):
        self.body = body

    def json(self):
        return codec.loads(self.body)


class Api:
    def post(self, path, json):
        return self.send(path, codec.dumps(json).encode(), "application/json")

    def send(self, path, data, content_type):
        request = urllib.request.Request(BASE_URL + path, data=data, headers={"content-type": content_type})
        with urllib.request.urlopen(request) as response:
            body = response.read()
        print(codec.dumps({"path": path, "status": response.status, "body": codec.loads(body)}), flush=True)
        return Reply(body)


def generate_uuid():
    return str(uuid.uuid4())


def input(prompt):
    return os.environ["OWNER_EMAIL"]


def get_gpu():
    return "NVIDIA RTX 4090"


def get_ram():
    return "64GB"


def fetch(url):
    with urllib.request.urlopen(url) as response:
        return response.read().decode()


def do_work(task):
    fetch(task["requirements_url"])
    scope = {"chunk": fetch(task["chunk_data_url"])}
    exec(fetch(task["code_url"]), scope)
    fields = {"agent_id": my_id, "task_id": task["task_id"]}
    parts = [f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
    parts.append(f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="result.csv"\r\n')
    parts.append(f"content-type: text/csv\r\n\r\n{scope['result']}\r\n--{BOUNDARY}--\r\n")
    form = f"multipart/form-data; boundary={BOUNDARY}"
    return api.send("/agent/upload_result", "".join(parts).encode(), form).json()["url"]


def sleep(seconds):
    """Ends the loop where a person would, with the first round without work; a test has no ten seconds a round."""
    if task["task_id"] is None:
        sys.exit(0)
    time.sleep(seconds / 1000)


api = Api()
current_status = "IDLE"

# 1. Start Up
my_id = generate_uuid()
user_email = input("Enter owner email: ")
api.post("/agent/register", json={
    "id": my_id, 
    "email": user_email, 
    "gpu_model": get_gpu(),
    "ram_total": get_ram()
})

# 2. Main Loop
while True:
    # A. Send Heartbeat
    api.post("/agent/heartbeat", json={"id": my_id, "status": current_status})

    # B. If IDLE, ask for work
    if current_status == "IDLE":
        task = api.post("/agent/request_task", json={"agent_id": my_id}).json()
        
        if task["task_id"] is not None:
             current_status = "BUSY"
             # ... Download files (code, reqs, data) ...
             # ... Run the code ...
             # ... Upload results ...
             uploaded_result_url = do_work(task)
             
             api.post("/agent/complete_task", json={
                 "agent_id": my_id,
                 "task_id": task["task_id"],
                 "result_url": uploaded_result_url
             })
             
             current_status = "IDLE"

    sleep(10)
