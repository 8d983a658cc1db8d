import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import type { z } from "zod";
import * as contract from "../../shared/contract/agent.ts";

export interface TaskSpec {
  code: string;
  codeName?: string;
  chunk?: string;
  chunkName?: string;
  requirements?: string;
  timeoutSeconds?: number;
}

export interface TaskRecord extends TaskSpec {
  id: number;
  state: "PENDING" | "RUNNING" | "COMPLETED" | "FAILED";
  attempt: number;
  agent: string | null;
  request: string | null;
  resultUrl?: string | null | undefined;
  rows?: number | null | undefined;
  failures: { reason: string; retryable: boolean; give_back: boolean }[];
}

export interface Recorded {
  path: string;
  token: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: what the agent sent, as tests look into it; the contract has judged it.
  body: any;
  at: number;
}

/** What a fault does to a call: refuse it, act and then lose the reply, or never answer. */
export type Fault = { status: number; body?: unknown; headers?: Record<string, string> } | "lose_reply" | "hang";

export const SWARM_TOKEN = "swarm-token";

/**
 * The server side of the agents' contract in memory, for one swarm: every request is judged by the contract's schemas,
 * and so is every reply. It can be stopped and started again, forget its agents, and misbehave on request.
 */
export class ContractServer {
  readonly requests: Recorded[] = [];
  readonly uploads = new Map<string, string>();
  readonly tasks: TaskRecord[] = [];
  readonly agents = new Map<string, { token: string; email: string }>();
  pollAfterSeconds = 0.05;
  requiresToken = false;
  /** Asked before every call; undefined lets it pass. */
  fault: (call: Recorded) => Fault | undefined = () => undefined;
  #port = 0;
  #server = createServer();
  readonly #watchers = new Set<() => void>();

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch((error: unknown) => {
        console.error(error);
        response.destroy();
      });
    });
    await once(this.#server.listen(this.#port, "127.0.0.1"), "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  add(...specs: TaskSpec[]): TaskRecord[] {
    const added = specs.map((spec, index): TaskRecord => {
      const id = 10_000_001 + this.tasks.length + index;
      return { ...spec, id, state: "PENDING", attempt: 0, agent: null, request: null, failures: [] };
    });
    this.tasks.push(...added);
    return added;
  }

  /** A task is no longer its agent's, as when its job was cancelled. */
  takeAway(task: TaskRecord): void {
    Object.assign(task, { state: "FAILED", agent: null });
  }

  callsTo(path: string): Recorded[] {
    return this.requests.filter((request) => request.path === path);
  }

  /** Resolves when it holds, looked at after every request; the test's own time limit ends it otherwise. */
  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!holds()) return;
        this.#watchers.delete(look);
        resolve();
      };
      this.#watchers.add(look);
      look();
    });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? "", this.url).pathname;
    const content = await buffer(request);
    const isCall = request.method === "POST";
    const call: Recorded = {
      path,
      token: request.headers.authorization?.replace("Bearer ", "") ?? null,
      body: isCall ? JSON.parse(content.toString()) : null,
      at: performance.now(),
    };
    this.requests.push(call);
    const fault = this.fault(call);
    if (typeof fault === "object") {
      send(response, fault.status, fault.body ?? { detail: "A fault", code: "fault", request_id: "1" }, fault.headers);
    } else if (fault !== "hang") {
      const { status, body } = isCall ? this.#answer(call) : this.#transfer(request.method ?? "", path, content);
      if (fault === "lose_reply") response.destroy();
      else send(response, status, body);
    }
    for (const look of this.#watchers) look();
  }

  #transfer(method: string, path: string, content: Buffer): { status: number; body: unknown } {
    if (method === "PUT") {
      this.uploads.set(path, content.toString());
      return { status: 200, body: "" };
    }
    const [, , id, name] = path.split("/");
    const task = this.tasks.find((one) => String(one.id) === id);
    if (task === undefined) return { status: 404, body: "" };
    if (name === codeName(task)) return { status: 200, body: task.code };
    if (name === "requirements.txt") return { status: 200, body: task.requirements ?? "" };
    return { status: 200, body: task.chunk ?? "" };
  }

  #answer({ path, token, body }: Recorded): { status: number; body: unknown } {
    const route = this.#routes[path];
    if (route === undefined) return refuse(404, "not_found", "Not Found");
    if (path === "/agent/register") return route(body, token);
    const agent = this.agents.get(body.agent_id ?? body.id);
    if (agent === undefined) return refuse(404, "agent_not_found", "Agent not registered");
    if (agent.token !== token) return refuse(401, "unauthorized", "Not authenticated");
    return route(body, token);
  }

  readonly #routes: Record<string, (body: unknown, token: string | null) => { status: number; body: unknown }> = {
    "/agent/register": (input, token) => {
      const { id, email } = contract.registerRequest.parse(input);
      const known = this.agents.get(id);
      const knows = known !== undefined && known.token === token;
      if (email.startsWith("nobody")) return refuse(404, "owner_not_found", "Owner email not found.");
      if (known !== undefined && !knows) return refuse(409, "agent_conflict", "The id is taken");
      if (!knows && token !== (this.requiresToken ? SWARM_TOKEN : null))
        return refuse(401, "unauthorized", "Not authenticated");
      const agent_token = `token-of-${id}-${this.agents.size}`;
      if (!knows) this.agents.set(id, { token: agent_token, email });
      return this.#reply(contract.registerReply, {
        message: "",
        status: knows ? "linked" : "created",
        ...(knows ? {} : { agent_token }),
      });
    },
    "/agent/heartbeat": (input) => {
      const { id, tasks } = contract.heartbeatRequest.parse(input);
      return this.#reply(contract.heartbeatReply, { message: "", ...this.#judge(id, tasks) });
    },
    "/agent/request_task": (input) => {
      const { agent_id, request_id } = contract.requestTaskRequest.parse(input);
      return this.#reply(contract.requestTaskReply, this.#assign(agent_id, request_id ?? null));
    },
    "/agent/complete_task": (input) => {
      const { agent_id, ...completion } = contract.completeTaskRequest.parse(input);
      const code = this.#complete(agent_id, completion);
      return code === "completed" ? this.#reply(contract.messageReply, { message: "" }) : refuse(409, code, code);
    },
    "/agent/cycle": (input) => {
      const { agent_id, complete, claim, request_id, tasks } = contract.cycleRequest.parse(input);
      const code = complete ? this.#complete(agent_id, complete) : "";
      return this.#reply(contract.cycleReply, {
        message: "",
        ...this.#judge(agent_id, tasks),
        completion: complete ? { task_id: complete.task_id, code, message: code } : null,
        ...(claim ? this.#assign(agent_id, request_id ?? null) : NOTHING),
      });
    },
    "/agent/fail_task": (input) => {
      const { agent_id, task_id, attempt, reason, retryable, give_back } = contract.failTaskRequest.parse(input);
      const task = this.#heldBy(agent_id, task_id, attempt);
      if (task === undefined) return refuse(409, "stale_attempt", "The attempt is over");
      task.failures.push({ reason, retryable, give_back });
      Object.assign(task, { state: give_back ? "PENDING" : "FAILED", agent: null });
      return this.#reply(contract.failTaskReply, { message: "", outcome: give_back ? "returned" : "failed" });
    },
    "/agent/progress": (input) => {
      const { agent_id, task_id, attempt } = contract.progressRequest.parse(input);
      const outcome = this.#heldBy(agent_id, task_id, attempt) === undefined ? "stop" : "continue";
      return this.#reply(contract.progressReply, { message: "", outcome });
    },
    "/agent/upload_url": (input) => {
      const { agent_id, task_id, attempt, filename } = contract.uploadUrlRequest.parse(input);
      const task = this.#heldBy(agent_id, task_id, attempt);
      if (task === undefined) return refuse(409, "stale_attempt", "The attempt is over");
      const path = `/results/${task_id}/${task.attempt}/${filename}`;
      return this.#reply(contract.uploadUrlReply, {
        url: `${this.url}${path}?signature=secret`,
        method: "PUT",
        headers: { "content-type": "application/octet-stream" },
        result_url: `gs://bucket${path}`,
        expires_at: new Date().toISOString(),
      });
    },
  };

  #heldBy(agent: string, id: number, attempt: number | null | undefined): TaskRecord | undefined {
    const isIt = (task: TaskRecord) => task.id === id && task.agent === agent && task.attempt === attempt;
    return this.tasks.find((task) => isIt(task) && task.state === "RUNNING");
  }

  #judge(agent: string, tasks: { task_id: number; attempt?: number | null | undefined }[] | null | undefined) {
    const lost = (tasks ?? []).filter(({ task_id, attempt }) => this.#heldBy(agent, task_id, attempt) === undefined);
    return { stop: lost.map(({ task_id }) => task_id) };
  }

  #complete(agent: string, completion: Omit<z.infer<typeof contract.completeTaskRequest>, "agent_id">): string {
    const { task_id, attempt, result_url, rows } = completion;
    const task = this.tasks.find((one) => one.id === task_id && one.agent === agent && one.attempt === attempt);
    if (task === undefined || task.state === "FAILED") return "stale_attempt";
    Object.assign(task, { state: "COMPLETED", resultUrl: result_url, rows });
    return "completed";
  }

  #assign(agent: string, request: string | null): z.infer<typeof contract.requestTaskReply> {
    const timing = { server_time: "", poll_after_seconds: this.pollAfterSeconds };
    const held = this.tasks.find(
      (task) => task.state === "RUNNING" && task.agent === agent && (request === null || task.request === request),
    );
    const task = held ?? this.tasks.find(({ state }) => state === "PENDING");
    if (task === undefined) return { ...NOTHING, ...timing };
    if (held === undefined) Object.assign(task, { state: "RUNNING", attempt: task.attempt + 1, agent, request });
    const file = (name: string) => `${this.url}/files/${task.id}/${name}?signature=secret`;
    return {
      task_id: task.id,
      job_id: 1,
      code_url: file(codeName(task)),
      requirements_url: task.requirements === undefined ? null : file("requirements.txt"),
      chunk_data_url: file(task.chunkName ?? "00001.csv"),
      attempt: task.attempt,
      lease_expires_at: new Date().toISOString(),
      task_timeout_seconds: task.timeoutSeconds ?? 60,
      ...timing,
    };
  }

  #reply(shape: z.ZodType, body: Record<string, unknown>): { status: number; body: unknown } {
    const timing = { server_time: new Date().toISOString(), poll_after_seconds: this.pollAfterSeconds };
    return { status: 200, body: shape.parse({ ...timing, ...body }) };
  }
}

const NOTHING = {
  task_id: null,
  job_id: null,
  code_url: null,
  requirements_url: null,
  chunk_data_url: null,
  attempt: null,
  lease_expires_at: null,
  task_timeout_seconds: null,
};

function codeName({ codeName = "train.py" }: TaskSpec): string {
  return codeName;
}

function refuse(status: number, code: string, detail: string) {
  return { status, body: { detail, code, request_id: "1" } };
}

function send(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(text);
}

export async function startContractServer(): Promise<ContractServer> {
  const server = new ContractServer();
  await server.start();
  return server;
}
