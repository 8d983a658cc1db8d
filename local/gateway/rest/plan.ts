import type { Caller } from "./caller.ts";
import type { Catalogue } from "./catalogue.ts";
import type { Preferences } from "./preferences.ts";
import type { Statement } from "./sql.ts";
import type { StatementResult } from "./transaction.ts";

/** A request with its body read and its headers understood. */
export interface RestRequest {
  method: string;
  url: URL;
  headers: Headers;
  body: string;
  preferences: Preferences;
}

/** What to run for a request, and how its result becomes a response. */
export interface Plan {
  statement: Statement;
  readOnly: boolean;
  prepared: boolean;
  reply: (result: StatementResult) => Response;
}

/** The settings that SQL can read while it serves the request, and under whose role it runs. */
export function requestSettings(request: RestRequest, caller: Caller, catalogue: Catalogue): [string, string][] {
  const { cookie, ...headers } = Object.fromEntries(request.headers);
  const ownSettings = catalogue.roleSettings.get(caller.role) ?? [];
  return [
    ["role", caller.role],
    ["request.jwt.claims", JSON.stringify(caller.claims)],
    ["request.method", request.method],
    ["request.path", request.url.pathname.replace(/^\/rest\/v1/, "")],
    ["request.headers", JSON.stringify(headers)],
    ["request.cookies", JSON.stringify(parseCookies(cookie))],
    ...ownSettings.map(({ name, value }): [string, string] => [name, value]),
  ];
}

function parseCookies(header: string | undefined): Record<string, string> {
  const pairs = (header ?? "").split(";").flatMap((each) => {
    const separator = each.indexOf("=");
    return separator < 0 ? [] : [[each.slice(0, separator).trim(), each.slice(separator + 1).trim()]];
  });
  return Object.fromEntries(pairs);
}
