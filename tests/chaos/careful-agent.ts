import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { Reply } from "./client.ts";
import { type Given, noteAnswer } from "./ledger.ts";
import { HEARTBEAT_SECONDS, type Machine } from "./machine.ts";
import { complete, isFlaky, pause, storeResult, type World } from "./work.ts";

const told = z.object({ stop: z.array(z.number()).default([]) });
const LONG_WORK_MS = 4000;

/** An agent that uses all there is: attempts, request ids, its token, heartbeats while working, failures, the cycle. */
export async function liveCarefully(machine: Machine, world: World, signal: AbortSignal): Promise<void> {
  const life = new CarefulLife(machine, world, signal);
  const beating = life.beat();
  await life.work();
  await beating;
}

class CarefulLife {
  readonly #machine: Machine;
  readonly #world: World;
  readonly #signal: AbortSignal;
  #task: Given | undefined;
  #stopped: AbortController | undefined;

  constructor(machine: Machine, world: World, signal: AbortSignal) {
    this.#machine = machine;
    this.#world = world;
    this.#signal = signal;
  }

  /** Beats on its own timer, whatever else is going on, and drops a task that is no longer its own. */
  async beat(): Promise<void> {
    while (await pause(HEARTBEAT_SECONDS * 1000, this.#signal)) {
      const task = this.#task;
      const reply = await this.#post("heartbeat", {
        id: this.#machine.id,
        status: task === undefined ? "IDLE" : "WORKING",
        tasks: task === undefined ? [] : [{ task_id: task.task, attempt: task.attempt }],
      });
      const { stop } = told.catch({ stop: [] }).parse(reply?.body);
      if (task !== undefined && stop.includes(task.task) && this.#task === task) {
        this.#world.ledger.count("tasks dropped when told to stop");
        this.#stopped?.abort();
      }
    }
  }

  async work(): Promise<void> {
    const { random } = this.#machine;
    let next: Given | undefined;
    while (!this.#signal.aborted) {
      const given = next ?? (await this.#ask());
      if (given === undefined) {
        await pause(random.between(100, 400), this.#signal);
        continue;
      }
      this.#take(given);
      this.#stopped = new AbortController();
      const signal = AbortSignal.any([this.#signal, this.#stopped.signal]);
      next = (await pause(random.chance(0.04) ? LONG_WORK_MS : this.#machine.workMs(), signal))
        ? await this.#finish(given, signal)
        : undefined;
      this.#take(undefined);
    }
  }

  #take(task: Given | undefined): void {
    this.#task = task;
    this.#machine.holds(task);
  }

  /** Ends a task in one of the ways there are; resolves to the next one where the same call brought it. */
  async #finish(given: Given, signal: AbortSignal): Promise<Given | undefined> {
    const { random, clockSkewMs } = this.#machine;
    if (random.chance(0.05))
      await this.#post("progress", { ...named(given), progress: random.next(), message: "working" });
    const fate = random.next();
    if (fate < 0.02) return this.#fail(given, { reason: "out of memory" });
    if (fate < 0.04) return this.#fail(given, { reason: "going home", give_back: true });
    if (fate < 0.08 && isFlaky(given)) return this.#fail(given, { reason: "cannot be done", retryable: false });
    const resultUrl = await storeResult(this.#world, given, { plainly: false, signal, clockSkewMs });
    if (resultUrl === undefined) return undefined;
    if (random.chance(0.3)) return this.#cycle(given, resultUrl);
    for (;;) {
      const reply = await complete(this.#world, given, resultUrl, { attempt: given.attempt, signal, clockSkewMs });
      if ((reply !== undefined && reply.status < 500) || signal.aborted) return undefined;
      await pause(random.between(50, 300), signal);
    }
  }

  async #fail(given: Given, how: Record<string, unknown>): Promise<undefined> {
    const reply = await this.#post("fail_task", { ...named(given), ...how });
    if (reply?.status === 200) this.#world.ledger.count("tasks failed or given back by their agents");
  }

  /** Asks with one id until there is an answer. */
  async #ask(): Promise<Given | undefined> {
    const request_id = randomUUID();
    for (;;) {
      let given: Given | undefined;
      const reply = await this.#post("request_task", { agent_id: this.#machine.id, request_id }, (seen) => {
        given = this.#world.ledger.give(seen, this.#machine, request_id);
      });
      if (reply !== undefined && reply.status < 500) return given;
      if (!(await pause(this.#machine.random.between(50, 300), this.#signal))) return undefined;
    }
  }

  async #cycle(given: Given, resultUrl: string): Promise<Given | undefined> {
    const request_id = randomUUID();
    given.resultUrl = resultUrl;
    for (;;) {
      let next: Given | undefined;
      const { agent, task, attempt } = given;
      const sent = this.#world.ledger.send({ agent, task, attempt, resultUrl });
      const body = {
        agent_id: agent,
        status: "BUSY",
        tasks: [{ task_id: task, attempt }],
        complete: { task_id: task, attempt, result_url: resultUrl, rows: 1 },
        request_id,
      };
      const reply = await this.#post("cycle", body, (seen) => {
        const { completion } = z
          .object({ completion: z.object({ code: z.string() }) })
          .catch({ completion: { code: "" } })
          .parse(seen.body);
        if (completion.code === "completed") noteAnswer(sent, seen);
        else if (seen.status === 200) Object.assign(sent, { status: 409, code: completion.code });
        next = this.#world.ledger.give(seen, this.#machine, request_id);
      });
      if (reply !== undefined && reply.status < 500) return next;
      if (!(await pause(this.#machine.random.between(50, 300), this.#signal))) return undefined;
    }
  }

  #post(path: string, body: Record<string, unknown>, note?: (reply: Reply) => void): Promise<Reply | undefined> {
    const { machine, ledger, client } = { machine: this.#machine, ...this.#world };
    return client.call({
      path: `/agent/${path}`,
      token: machine.token,
      clockSkewMs: machine.clockSkewMs,
      signal: this.#signal,
      body: { ...body, sent_at: new Date(Date.now() + machine.clockSkewMs).toISOString() },
      witness: (reply) => {
        ledger.judge(`/agent/${path}`, reply);
        if (["heartbeat", "request_task", "cycle"].includes(path)) ledger.hear(machine.id, reply);
        note?.(reply);
      },
    });
  }
}

const named = ({ agent, task, attempt }: Given) => ({ agent_id: agent, task_id: task, attempt });
