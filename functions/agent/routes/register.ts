import { registerReply, registerRequest } from "../../../shared/contract/agent.ts";
import { registerAgent } from "../../../shared/db/agents.ts";
import { createAgentToken, hashToken } from "../../../shared/hash-token.ts";
import type { AgentEnv } from "../../../shared/http/app-env.ts";
import { createRoute, createRouter, jsonBody, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import { parseRamGb } from "../../../shared/parse-ram.ts";
import type { Deps } from "../app.ts";
import { throwRefusal } from "../throw-refusal.ts";
import { toTiming } from "../to-timing.ts";

const route = createRoute({
  method: "post",
  path: "/register",
  request: { body: jsonBody(registerRequest) },
  responses: { 200: jsonReply(registerReply, "Known from now on, or again"), ...refusals },
});

/** Makes an agent known under its owner's e-mail address; enrols it in a swarm when that swarm's token comes along. */
export const registerRoute = ({ db }: Deps) =>
  createRouter<AgentEnv>().openapi(route, async (c) => {
    const { id, email, ...machine } = c.req.valid("json");
    const { ram_total: ram = null } = machine;
    const token = createAgentToken();
    const registered = await registerAgent(
      db,
      { agent: id, token: c.var.tokenHash },
      {
        email,
        gpuModel: machine.gpu_model ?? null,
        ramTotal: ram === null ? null : String(ram),
        ramGb: ram === null ? null : parseRamGb(ram),
        tags: machine.tags ?? null,
        heartbeatIntervalSeconds: machine.heartbeat_interval_seconds ?? null,
        newToken: await hashToken(token),
      },
    );
    const { outcome } = registered;
    throwRefusal(outcome);
    const message = outcome === "created" ? `New Agent ${id} registered!` : `Welcome back, Agent ${id}`;
    const issued = registered.tokenIssued ? { agent_token: token } : {};
    return c.json({ message, status: outcome, ...issued, ...toTiming(registered) }, 200);
  });
