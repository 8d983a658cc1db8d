import json, os, subprocess, time, uuid
from urllib.request import Request, urlopen, urlretrieve

URL, EMAIL, ME = os.environ["CORRAL_URL"], os.environ["CORRAL_EMAIL"], str(uuid.uuid4())
headers = {"Content-Type": "application/json"}

def call(path, **body):
    return json.load(urlopen(Request(f"{URL}/agent/{path}", json.dumps(body).encode(), headers)))

headers["Authorization"] = "Bearer " + call("register", id=ME, email=EMAIL)["agent_token"]
while True:
    task = call("request_task", agent_id=ME)
    if task["task_id"] is None:
        time.sleep(task["poll_after_seconds"])
        continue
    urlretrieve(task["code_url"], "train.py")
    urlretrieve(task["chunk_data_url"], "data.csv")
    subprocess.run(["python3", "train.py"], env={**os.environ, "CORRAL_DATA": "data.csv"}, check=True)
    held = {"agent_id": ME, "task_id": task["task_id"], "attempt": task["attempt"]}
    upload = call("upload_url", filename="result.csv", **held)
    urlopen(Request(upload["url"], open("result.csv", "rb").read(), upload["headers"], method="PUT"))
    call("complete_task", result_url=upload["result_url"], **held)
