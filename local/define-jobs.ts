import { JobsClient } from "@google-cloud/run";
import type { ServiceAccount } from "./keys.ts";

export const CLOUD_RUN_REGION = "europe-west1";
/** Cloud Run's own ceiling is a week; Postgres notices a dead job by its lease long before. */
const JOB_TIMEOUT_SECONDS = 24 * 3600;

/** Creates or replaces one Cloud Run job per bundle, as docs/deploy.md does with the container image. */
export async function defineJobs(
  endpoint: string,
  credentials: ServiceAccount,
  bundles: Record<string, string>,
  env: Record<string, string>,
): Promise<void> {
  const { hostname, port } = new URL(endpoint);
  const client = new JobsClient({
    fallback: true,
    apiEndpoint: hostname,
    port: Number(port),
    protocol: "http",
    projectId: credentials.project_id,
    credentials,
  });
  const parent = `projects/${credentials.project_id}/locations/${CLOUD_RUN_REGION}`;
  for (const [kind, bundle] of Object.entries(bundles)) {
    const container = {
      image: `corral/${kind}`,
      command: ["node", bundle],
      env: Object.entries(env).map(([name, value]) => ({ name, value })),
    };
    const [operation] = await client.updateJob({
      allowMissing: true,
      job: {
        name: `${parent}/jobs/${kind}`,
        template: {
          taskCount: 1,
          template: { containers: [container], maxRetries: 0, timeout: { seconds: JOB_TIMEOUT_SECONDS } },
        },
      },
    });
    await operation.promise();
  }
  await client.close();
}
