import { createServer, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { closeServer, listen } from "../../../local/listen.ts";
import { connectCloudRun } from "./connect-cloud-run.ts";

/** Ends when the server at MEETING says so. */
const MEET = `require("node:net").connect(process.env.MEETING, "127.0.0.1").on("data", () => process.exit(0))`;

let cloud: Awaited<ReturnType<typeof connectCloudRun>>;
beforeAll(async () => {
  cloud = await connectCloudRun();
});
afterAll(() => cloud.close());

test("tasks that wait for each other meet", async () => {
  const present: Socket[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    present.push(socket);
    if (present.length === 3) for (const each of present) each.end("all here");
  });
  const port = await listen(server, "the meeting", 0);
  try {
    await cloud.createJob("meeting", MEET, { taskCount: 3, timeoutSeconds: 10 });
    const { operation } = await cloud.run("meeting", { MEETING: String(port) });
    const [execution] = await operation.promise();
    expect(execution).toMatchObject({ succeededCount: 3 });
  } finally {
    await closeServer(server);
  }
});
