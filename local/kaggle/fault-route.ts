import type { IncomingMessage, ServerResponse } from "node:http";
import { z } from "zod";
import { type Faults, faultRule } from "./faults.ts";
import { readJson, sendJson } from "./json.ts";

export const FAULTS_PATH = "/_faults";

/** The faults for tests in other processes: POST a rule, GET what is armed, DELETE one (`/_faults/1`) or all. */
export async function serveFaults(
  req: IncomingMessage,
  res: ServerResponse,
  path: string,
  faults: Faults,
): Promise<void> {
  const id = path === FAULTS_PATH ? undefined : Number(path.slice(FAULTS_PATH.length + 1));
  if (req.method === "GET" && id === undefined) return sendJson(res, 200, faults.list());
  if (req.method === "POST" && id === undefined) {
    const rule = faultRule.safeParse(await readJson(req));
    if (!rule.success) return sendJson(res, 400, { code: 400, message: z.prettifyError(rule.error) });
    return sendJson(res, 201, faults.add(rule.data));
  }
  if (req.method === "DELETE" && (id === undefined || faults.remove(id))) {
    if (id === undefined) faults.clear();
    res.writeHead(204).end();
    return;
  }
  sendJson(res, 404, { code: 404, message: "Not found" });
}
