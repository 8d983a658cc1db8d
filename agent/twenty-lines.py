import json, os, subprocess, tempfile, time, uuid
from urllib.request import Request, urlopen, urlretrieve

URL, EMAIL, ME = os.environ["CORRAL_URL"], os.environ["CORRAL_EMAIL"], str(uuid.uuid4())
headers = {"Content-Type": "application/json"}

def call(path, **body):
    return json.load(urlopen(Request(f"{URL}/agent/{path}", json.dumps(body).encode(), headers)))

headers["Authorization"] = "Bearer " + call("register", id=ME, email=EMAIL)["agent_token"]
while True:
    while (task := call("request_task", agent_id=ME))["task_id"] is None:
        time.sleep(task["poll_after_seconds"])
    held = {"agent_id": ME, "task_id": task["task_id"], "attempt": task["attempt"]}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        data = "data" + os.path.splitext(task["chunk_data_url"].split("?")[0])[1]
        urlretrieve(task["code_url"], "train.py")
        urlretrieve(task["chunk_data_url"], data)
        subprocess.run(["python3", "train.py"], env={**os.environ, "CORRAL_DATA": data}, check=True)
        upload = {"result_url": ""}
        if os.path.exists("result.csv"):
            upload = call("upload_url", filename="result.csv", **held)
            urlopen(Request(upload["url"], open("result.csv", "rb").read(), upload["headers"], method="PUT"))
    call("complete_task", result_url=upload["result_url"], **held)
