import type { z } from "zod";
import { registerReply } from "../shared/contract/agent.ts";
import { type ApiClient, type Call, type CallLimits, Refusal } from "./api-client.ts";
import type { Hardware } from "./hardware.ts";
import { describeMemory } from "./hardware.ts";
import type { IdentityFile } from "./identity-file.ts";
import type { Log } from "./log.ts";

export interface SessionOptions {
  api: ApiClient;
  identity: IdentityFile;
  hardware: Hardware;
  email: string;
  swarmToken: string | null;
  tags: string[];
  heartbeatSeconds: number;
  log: Log;
}

type AgentCall<T extends z.ZodType> = Omit<Call<T>, "token" | "body"> & {
  /** Given the agent's id, since that changes where the server knows it no more. */
  body: (id: string) => Record<string, unknown>;
};

/** The agent as the server knows it: registers, and does so again when the server has forgotten it. */
export class Session {
  readonly #options: SessionOptions;
  #registering: Promise<void> | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** Makes the agent known; rejects with the Refusal when the server does not want it. Callers at once share one. */
  register(limits: CallLimits): Promise<void> {
    this.#registering ??= this.#register(limits).finally(() => {
      this.#registering = undefined;
    });
    return this.#registering;
  }

  /** Calls as this agent, until there is an answer; registers anew where that is what is missing. */
  async call<T extends z.ZodType>({ body, ...call }: AgentCall<T>, limits: CallLimits): Promise<z.output<T>> {
    const { api, identity } = this.#options;
    const attempt = () => api.call({ ...call, body: body(identity.id), token: identity.token }, limits);
    try {
      return await attempt();
    } catch (error) {
      if (!isUnknown(error)) throw error;
      await this.register(limits);
      return await attempt();
    }
  }

  /** Calls once, for what is stale by the time of another try. */
  async tryOnce<T extends z.ZodType>(
    { body, ...call }: AgentCall<T>,
    signal: AbortSignal,
    timeoutMs: number,
  ): Promise<z.output<T>> {
    const { api, identity } = this.#options;
    return await api.try({ ...call, body: body(identity.id), token: identity.token }, signal, timeoutMs);
  }

  async #register(limits: CallLimits): Promise<void> {
    const { identity, swarmToken, log } = this.#options;
    try {
      await this.#enrol(identity.token ?? swarmToken, limits);
    } catch (error) {
      if (!(error instanceof Refusal) || (error.status !== 401 && error.status !== 409)) throw error;
      if (error.status === 401 && identity.token === null) throw error;
      // Either the server has forgotten the agent, token and all, or the id is somebody else's.
      if (error.status === 409) {
        await identity.renew();
        log("warn", "renewed", `The server does not take this agent for who it was; it becomes ${identity.id}`);
      }
      await this.#enrol(swarmToken, limits);
    }
  }

  async #enrol(token: string | null, limits: CallLimits): Promise<void> {
    const { api, identity, hardware, email, tags, heartbeatSeconds, log } = this.#options;
    const body = {
      id: identity.id,
      email,
      gpu_model: hardware.gpuModel,
      ram_total: describeMemory(hardware.memoryBytes),
      ...(tags.length === 0 ? {} : { tags }),
      heartbeat_interval_seconds: heartbeatSeconds,
    };
    const { status, agent_token } = await api.call(
      { path: "/agent/register", body, reply: registerReply, token },
      limits,
    );
    if (agent_token) await identity.keepToken(agent_token);
    log("info", "registered", `Agent ${identity.id} of ${email} is registered (${status})`, {
      agent_id: identity.id,
      status,
      gpu_model: hardware.gpuModel,
      ram_total: body.ram_total,
    });
  }
}

/** Whether the server does not know the agent, or not by this token. */
function isUnknown(error: unknown): boolean {
  if (!(error instanceof Refusal)) return false;
  return error.status === 401 || error.code === "agent_not_found" || error.message === "404 Agent not registered";
}
