import type { z } from "zod";
import { ApiError } from "./api-error.ts";
import type { CloudRun, JobRef } from "./cloud-run.ts";
import { paginate } from "./paginate.ts";
import { cancelRequestSchema, jobSpecSchema, runRequestSchema, waitRequestSchema } from "./wire.ts";

export interface ApiCall {
  method: string;
  path: string;
  query: URLSearchParams;
  /** The parsed JSON body; `{}` when there was none. */
  body: unknown;
}

interface Matched extends ApiCall {
  location: string;
  ref: JobRef;
  executionId: string;
  taskId: string;
  operation: string;
}
type Route = [method: string, pattern: RegExp, handle: (cloud: CloudRun, call: Matched) => object | Promise<object>];

const ID = "[^/:]+";
const LOCATION = `(?<location>projects/${ID}/locations/${ID})`;
const JOB = `${LOCATION}/jobs/(?<job>${ID})`;
const EXECUTION = `${JOB}/executions/(?<execution>${ID})`;
const OPERATION = `(?<operation>${LOCATION}/operations/${ID})`;
const path = (pattern: string) => new RegExp(`^/v2/${pattern}$`);

/** The routes of google.cloud.run.v2's Jobs, Executions and Tasks and of google.longrunning.Operations. */
const ROUTES: Route[] = [
  [
    "POST",
    path(`${LOCATION}/jobs`),
    (cloud, call) => {
      const ref = { location: call.location, job: call.query.get("jobId") ?? "" };
      return cloud.createJob(ref, parse(jobSpecSchema, call.body), isSet(call, "validateOnly"));
    },
  ],
  [
    "GET",
    path(`${LOCATION}/jobs`),
    (cloud, call) => {
      const { page, nextPageToken } = paginate(cloud.jobs(call.location), call.query);
      return { jobs: page.map((job) => job.toWire()), nextPageToken };
    },
  ],
  ["GET", path(JOB), (cloud, call) => cloud.job(call.ref).toWire()],
  [
    "PATCH",
    path(JOB),
    (cloud, call) => {
      const flags = { allowMissing: isSet(call, "allowMissing"), validateOnly: isSet(call, "validateOnly") };
      return cloud.updateJob(call.ref, parse(jobSpecSchema, call.body), flags);
    },
  ],
  ["DELETE", path(JOB), (cloud, call) => cloud.deleteJob(call.ref, call.query)],
  ["POST", path(`${JOB}:run`), (cloud, call) => cloud.runJob(call.ref, parse(runRequestSchema, call.body))],
  [
    "GET",
    path(`${JOB}/executions`),
    (cloud, call) => {
      const { page, nextPageToken } = paginate(cloud.executions(call.ref), call.query);
      return { executions: page.map((execution) => execution.toWire()), nextPageToken };
    },
  ],
  ["GET", path(EXECUTION), (cloud, call) => cloud.execution(call.ref, call.executionId).toWire()],
  ["DELETE", path(EXECUTION), (cloud, call) => cloud.deleteExecution(call.ref, call.executionId, call.query)],
  [
    "POST",
    path(`${EXECUTION}:cancel`),
    (cloud, call) => cloud.cancelExecution(call.ref, call.executionId, parse(cancelRequestSchema, call.body)),
  ],
  [
    "GET",
    path(`${EXECUTION}/tasks`),
    (cloud, call) => {
      const { page, nextPageToken } = paginate(cloud.execution(call.ref, call.executionId).tasks, call.query);
      return { tasks: page.map((task) => task.toWire()), nextPageToken };
    },
  ],
  [
    "GET",
    path(`${EXECUTION}/tasks/(?<task>${ID})`),
    (cloud, call) => cloud.task(call.ref, call.executionId, call.taskId).toWire(),
  ],
  [
    "GET",
    path(`${LOCATION}/operations`),
    (cloud, call) => {
      const { page, nextPageToken } = paginate(cloud.operations.list(call.location), call.query);
      return { operations: page, nextPageToken };
    },
  ],
  ["GET", path(OPERATION), (cloud, call) => cloud.operations.get(call.operation)],
  ["DELETE", path(OPERATION), (cloud, call) => cloud.operations.delete(call.operation)],
  [
    "POST",
    path(`${OPERATION}:wait`),
    (cloud, call) => cloud.operations.wait(call.operation, parse(waitRequestSchema, call.body).timeout),
  ],
];

/** Answers one authenticated call; throws an ApiError when it refuses. */
export async function route(cloud: CloudRun, projectId: string, call: ApiCall): Promise<object> {
  for (const [method, pattern, handle] of ROUTES) {
    const groups = method === call.method ? pattern.exec(call.path)?.groups : undefined;
    if (groups === undefined) continue;
    const { location = "", job = "", execution = "", task = "", operation = "" } = groups;
    if (location.split("/")[1] !== projectId) {
      throw new ApiError("PERMISSION_DENIED", `Permission denied on resource '${location}' (or it may not exist).`);
    }
    const ref = { location, job };
    return handle(cloud, { ...call, location, ref, executionId: execution, taskId: task, operation });
  }
  throw new ApiError("NOT_FOUND", `The requested URL ${call.path} was not found on this server.`);
}

const isSet = (call: ApiCall, flag: string) => call.query.get(flag) === "true";

function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  throw new ApiError("INVALID_ARGUMENT", `Invalid JSON payload received. ${issues.join("; ")}`);
}
