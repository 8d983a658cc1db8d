import { afterAll, beforeAll, expect, test } from "vitest";
import { connectCloudRun } from "./connect-cloud-run.ts";

let cloud: Awaited<ReturnType<typeof connectCloudRun>>;
beforeAll(async () => {
  cloud = await connectCloudRun();
});
afterAll(() => cloud.close());

/** What a run's container says its name is. */
async function nameIn(env: Record<string, string>): Promise<string | undefined> {
  const { name, operation } = await cloud.run("named", env);
  await operation.promise();
  const line = await cloud.line(new RegExp(`^${name.split("/").at(-1)}: `));
  return line.split(": ")[1];
}

test("what one run overrides does not hold for the next", async () => {
  await cloud.createJob("named", "console.log(process.env.NAME)");
  expect(await nameIn({ NAME: "override" })).toBe("override");
  expect(await nameIn({})).toBe("job");
});
