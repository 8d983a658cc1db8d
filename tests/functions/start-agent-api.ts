import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import { addJob } from "../db/fleet-scene.ts";
import { addUser } from "../db/scene.ts";
import { startFunctions } from "./start-functions.ts";

/** In every reply to an agent. */
export const TIMING = { server_time: expect.stringMatching(/^\d{4}-.*T.*Z$/), poll_after_seconds: expect.any(Number) };
export const NO_TASK = { task_id: null, job_id: null, code_url: null, requirements_url: null, chunk_data_url: null };

/** Starts the functions for tests of what agents call, with open enrollment. */
export async function startAgentApi() {
  const functions = await startFunctions();
  const { db } = functions;

  const setOpenEnrollment = (open: boolean) => db.sql("update corral.settings set open_enrollment = $1", [open]);
  await setOpenEnrollment(true);

  const post = (path: string, body: unknown, token?: string) =>
    functions.call(`/agent/${path}`, { method: "POST", body, token });

  /** Registers an agent of a new owner; its tags keep it to jobs that ask for them. */
  async function addAgent(wishes: Record<string, unknown> = {}, token?: string) {
    const id = `agent-${randomUUID()}`;
    const email = `${randomUUID()}@example.com`;
    await addUser(db, email);
    const { status, body } = await post("register", { id, email, ...wishes }, token);
    expect(status).toBe(200);
    return { id, email, token: String(body.agent_token) };
  }

  return {
    ...functions,
    setOpenEnrollment,
    post,
    addAgent,

    /** An agent and a job that nobody else's agents can do. */
    async addWork(tasks: number, spec: Record<string, unknown> = {}, wishes: Record<string, unknown> = {}) {
      const tags = [randomUUID()];
      const agent = await addAgent({ tags, ...wishes });
      const job = await addJob(db, tasks, { tags, ...spec });
      return { agent: agent.id, job: job.id };
    },
  };
}
