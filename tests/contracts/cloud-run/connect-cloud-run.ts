import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ExecutionsClient, JobsClient, TasksClient } from "@google-cloud/run";
import { startCloudRun } from "../../../local/cloud-run/start-cloud-run.ts";
import { loadKeys } from "../../../local/keys.ts";

export const LOCATION = "projects/corral-local/locations/europe-west1";

type JobTemplate = { maxRetries?: number; timeoutSeconds?: number; taskCount?: number; parallelism?: number };

/** Starts the stand-in and connects Google's own clients to it, signing as its service account. */
export async function connectCloudRun(options: { port?: number; startupDelayMs?: number } = {}) {
  const folder = await mkdtemp(join(tmpdir(), "corral-cloud-run-"));
  const { serviceAccount } = await loadKeys(folder);
  const lines: string[] = [];
  const watchers = new Set<() => void>();
  const server = await startCloudRun({
    port: 0,
    serviceAccount,
    ...options,
    log: (line) => {
      lines.push(line);
      for (const watch of watchers) watch();
    },
  });
  const { hostname, port } = new URL(server.url);
  const address = { fallback: true, apiEndpoint: hostname, port: Number(port), protocol: "http" };
  const clientOptions = { ...address, projectId: serviceAccount.project_id, credentials: serviceAccount };
  const jobs = new JobsClient(clientOptions);
  const executions = new ExecutionsClient(clientOptions);
  const tasks = new TasksClient(clientOptions);

  return {
    url: server.url,
    serviceAccount,
    address,
    jobs,
    executions,
    tasks,
    lines,

    /** Resolves to the first line that matches, now or later. */
    async line(pattern: RegExp): Promise<string> {
      for (;;) {
        const found = lines.find((line) => pattern.test(line));
        if (found !== undefined) return found;
        await new Promise<void>((resolve) => {
          const watch = () => {
            watchers.delete(watch);
            resolve();
          };
          watchers.add(watch);
        });
      }
    },

    /** Creates a job whose container runs a piece of JavaScript. */
    async createJob(jobId: string, script: string, template: JobTemplate = {}) {
      const [operation] = await jobs.createJob({
        parent: LOCATION,
        jobId,
        job: {
          template: {
            taskCount: template.taskCount ?? 1,
            parallelism: template.parallelism ?? 0,
            template: {
              maxRetries: template.maxRetries ?? 0,
              timeout: { seconds: template.timeoutSeconds ?? 600 },
              containers: [
                {
                  image: "test",
                  command: ["node", "-e", script],
                  env: [
                    { name: "GREETING", value: "hello" },
                    { name: "NAME", value: "job" },
                  ],
                },
              ],
            },
          },
        },
      });
      const [job] = await operation.promise();
      return job;
    },

    /** Runs a job and resolves at once, with the execution's name and its operation. */
    async run(jobId: string, env: Record<string, string> = {}) {
      const [operation] = await jobs.runJob({
        name: `${LOCATION}/jobs/${jobId}`,
        overrides: { containerOverrides: [{ env: Object.entries(env).map(([name, value]) => ({ name, value })) }] },
      });
      const metadata: unknown = operation.metadata;
      if (typeof metadata !== "object" || metadata === null || !("name" in metadata)) throw new Error("no metadata");
      return { name: String(metadata.name), operation };
    },

    async close() {
      await Promise.all([jobs.close(), executions.close(), tasks.close()]);
      await server.close();
      await rm(folder, { recursive: true });
    },
  };
}
