import type { IncomingMessage, ServerResponse } from "node:http";
import { answerCall } from "./answer-call.ts";
import { notFound, toApiError } from "./api-error.ts";
import { type Fault, findFault } from "./faults.ts";
import { readJson, sendJson } from "./json.ts";
import type { KaggleSite } from "./kaggle-site.ts";
import { findRoute, parseCall, type Route } from "./parse-call.ts";
import type { SeenRequest } from "./request-log.ts";

/** Answers a request to the API, unless a fault answers it. Throws an ApiError. */
export async function handleCall(
  site: KaggleSite,
  req: IncomingMessage,
  res: ServerResponse,
  asked: URL,
  seen: SeenRequest,
): Promise<void> {
  const body = req.method === "POST" ? await readJson(req) : {};
  const route = findRoute(req.method ?? "", asked, body);
  if (route === undefined) throw notFound();
  const { ownerSlug, datasetSlug } = route.params;
  seen.operation = route.operation;
  if (datasetSlug !== undefined) seen.ref = `${ownerSlug}/${datasetSlug}`;
  const faults = site.faults.take({ on: route.operation, ref: seen.ref });
  await site.line.delay(faults);
  if (!breakOff(req, faults)) await answer(site, req, res, route, faults);
}

async function answer(
  site: KaggleSite,
  req: IncomingMessage,
  res: ServerResponse,
  route: Route,
  faults: Fault[],
): Promise<void> {
  for (const fault of faults) {
    const refusal = toApiError(fault, route.dialect);
    if (refusal !== undefined) throw refusal;
  }
  // A client asks about a token with that very token in its headers; a bad one is an answer, not a refusal.
  const known = route.operation === "introspect" ? undefined : site.accounts.authenticate(req.headers.authorization);
  const found = await answerCall(parseCall(route), { username: known, faults }, site);
  if ("redirect" in found) res.writeHead(302, { location: found.redirect.href, "content-length": 0 }).end();
  else sendJson(res, 200, route.dialect === "www" ? (found.bare ?? found.json) : found.json);
}

/** A call of the API that is reset or stalled has no body of which some could arrive. */
function breakOff(req: IncomingMessage, faults: Fault[]): boolean {
  if (findFault(faults, "reset") !== undefined) {
    req.socket.resetAndDestroy();
    return true;
  }
  return findFault(faults, "stall") !== undefined;
}
