import { z } from "zod";
import type { ServiceAccountKey } from "./service-account.ts";

export interface CloudRunOptions {
  credentials: ServiceAccountKey;
  region: string;
  /** Another address than Google's. */
  endpoint?: URL | undefined;
}

export interface CloudRun {
  /** Loads the client, which takes a while, ahead of the first launch. */
  warmUp(): void;
  /** Starts an execution of a job with these variables over its own; resolves to the execution's short name, not to its end. */
  launch(job: string, env: Record<string, string>): Promise<string>;
}

const LAUNCH_TIMEOUT_MS = 60_000;

/** Connects to Cloud Run's jobs in one project and region. */
export function connectCloudRun({ credentials, region, endpoint }: CloudRunOptions): CloudRun {
  const create = async () => {
    const { JobsClient } = await import("@google-cloud/run");
    // REST: gRPC's native sockets have no place in an edge function.
    return new JobsClient({ fallback: true, projectId: credentials.project_id, credentials, ...address(endpoint) });
  };
  let client: ReturnType<typeof create> | undefined;
  const connect = () => {
    client ??= create();
    return client;
  };
  return {
    warmUp: () => void connect().catch(() => undefined),
    async launch(job, env) {
      const jobs = await connect();
      const [operation] = await jobs
        .runJob(
          {
            name: jobs.jobPath(credentials.project_id, region, job),
            overrides: { containerOverrides: [{ env: Object.entries(env).map(([name, value]) => ({ name, value })) }] },
          },
          { timeout: LAUNCH_TIMEOUT_MS },
        )
        .catch((error: unknown) => {
          throw new Error(`Cloud Run did not start job "${job}": ${messageOf(error)}`, { cause: error });
        });
      const { name } = z.object({ name: z.string().min(1) }).parse(operation.metadata);
      return name.slice(name.lastIndexOf("/") + 1);
    },
  };
}

function address(endpoint: URL | undefined) {
  if (endpoint === undefined) return {};
  const protocol = endpoint.protocol.slice(0, -1);
  return { apiEndpoint: endpoint.hostname, port: Number(endpoint.port || (protocol === "http" ? 80 : 443)), protocol };
}

/** Google's own words out of an error, whose message over REST is the whole reply. */
function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  try {
    return z.object({ error: z.object({ message: z.string() }) }).parse(JSON.parse(text)).error.message;
  } catch {
    return text;
  }
}
