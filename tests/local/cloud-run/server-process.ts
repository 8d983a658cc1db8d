import { connectCloudRun } from "../../contracts/cloud-run/connect-cloud-run.ts";

/** Run as a process of its own: a server with one container, which runs the script in the first argument. */
const [, , script = ""] = process.argv;
const cloud = await connectCloudRun();
await cloud.createJob("lasting", script);
await cloud.run("lasting");
