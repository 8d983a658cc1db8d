import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { Client } from "./client.ts";
import { type Given, type Ledger, noteAnswer } from "./ledger.ts";

/** Everything an agent needs to know of the world. */
export interface World {
  client: Client;
  ledger: Ledger;
  bucket: string;
}

const uploadTarget = z.object({ url: z.url(), headers: z.record(z.string(), z.string()), result_url: z.string() });
const uploaded = z.object({ url: z.url() });

/** A script is known by its URL: one whose results are to be joined has to put them into the bucket. */
export const isJoined = ({ codeUrl }: Given) => codeUrl.endsWith("/joined.py");
export const isFlaky = ({ codeUrl }: Given) => codeUrl.endsWith("/flaky.py");

/** What an attempt makes of its task: one row that says whose it is. */
export const resultOf = ({ task, attempt, agent }: Given) => `task,attempt,agent\n${task},${attempt},${agent}\n`;

/** Waits, and resolves to whether the time passed without an abort. */
export const pause = (milliseconds: number, signal?: AbortSignal) =>
  delay(milliseconds, true, { ...(signal === undefined ? {} : { signal }) }).catch(() => false);

/** Puts a result where its job wants it; undefined when that could not be done, or is not the agent's to do any more. */
export async function storeResult(
  { client, ledger, bucket }: World,
  given: Given,
  { plainly, signal, clockSkewMs }: { plainly: boolean; signal: AbortSignal; clockSkewMs: number },
): Promise<string | undefined> {
  if (!isJoined(given)) return `https://results.example.org/${given.task}/${given.attempt}/${given.agent}`;
  const common = { token: given.token, signal, clockSkewMs };
  if (plainly) {
    const form = new FormData();
    form.set("agent_id", given.agent);
    form.set("task_id", String(given.task));
    form.set("file", new File([resultOf(given)], `${given.agent}.csv`, { type: "text/csv" }));
    const encoded = new Response(form);
    const reply = await client.call({
      ...common,
      path: "/agent/upload_result",
      body: Buffer.from(await encoded.arrayBuffer()),
      headers: { "content-type": encoded.headers.get("content-type") ?? "" },
      witness: (seen) => ledger.judge("/agent/upload_result", seen),
    });
    const { data } = uploaded.safeParse(reply?.body);
    return data && `gs://${bucket}${new URL(data.url).pathname.slice(`/${bucket}`.length)}`;
  }
  const target = await client.call({
    ...common,
    path: "/agent/upload_url",
    body: {
      agent_id: given.agent,
      task_id: given.task,
      attempt: given.attempt,
      filename: `${given.agent}.csv`,
      content_type: "text/csv",
    },
    witness: (seen) => ledger.judge("/agent/upload_url", seen),
  });
  const { data } = uploadTarget.safeParse(target?.body);
  if (data === undefined) return undefined;
  const put = await client.call({
    path: data.url,
    method: "PUT",
    body: Buffer.from(resultOf(given)),
    headers: data.headers,
    signal,
  });
  return put?.status === 200 ? data.result_url : undefined;
}

/** Completes a task as whoever was given it, with or without saying which attempt it was; the ledger sees all of it. */
export async function complete(
  { client, ledger }: World,
  given: Given,
  resultUrl: string,
  { attempt, signal, clockSkewMs = 0 }: { attempt: number | undefined; signal?: AbortSignal; clockSkewMs?: number },
) {
  given.resultUrl = resultUrl;
  const sent = ledger.send({ agent: given.agent, task: given.task, attempt, resultUrl });
  return client.call({
    path: "/agent/complete_task",
    token: given.token,
    clockSkewMs,
    ...(signal === undefined ? {} : { signal }),
    body: {
      agent_id: given.agent,
      task_id: given.task,
      result_url: resultUrl,
      ...(attempt === undefined ? {} : { attempt, rows: 1 }),
      finished_at: new Date(Date.now() + clockSkewMs).toISOString(),
    },
    witness: (reply) => {
      ledger.judge("/agent/complete_task", reply);
      noteAnswer(sent, reply);
    },
  });
}
