import { z } from "zod";
import { requestTaskReply } from "../../shared/contract/agent.ts";
import { HttpConnection } from "../http-connection.ts";
import { percentile } from "../statistics.ts";
import { type Round, runRounds } from "./contender.ts";

/** Agents that call over HTTP, each on a connection of its own, in a process of its own; prints what they reached. */
const task = z
  .object({
    url: z.url(),
    agents: z.array(z.object({ id: z.string(), token: z.string() })),
    what: z.enum(["pairs", "beats"]),
    warmUpSeconds: z.number(),
    seconds: z.number(),
  })
  .parse(JSON.parse(process.argv[2] ?? "{}"));
export type HttpCalling = z.input<typeof task>;

const path = new URL(task.url).pathname;
const rounds = await Promise.all(
  task.agents.map(async (agent) =>
    (task.what === "pairs" ? pairRound : beatRound)(await openCaller(agent.token), agent.id),
  ),
);
await runRounds(rounds, { seconds: task.warmUpSeconds, tasks: Number.POSITIVE_INFINITY });
const { latencies, ...sample } = await runRounds(rounds, { seconds: task.seconds, tasks: Number.POSITIVE_INFINITY });
process.stdout.write(
  `${JSON.stringify({ ...sample, p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) })}\n`,
);
process.exit();

/** Resolves to the body of a good reply; of most, nothing more than that is looked at, which would take processor time. */
type Call = (route: string, body: unknown) => Promise<string>;

async function openCaller(token: string): Promise<Call> {
  const connection = await HttpConnection.open(task.url);
  return async (route, body) => {
    const reply = await connection.post(`${path}/agent/${route}`, body, token);
    if (reply.status !== 200) throw new Error(`${route} answered ${reply.status}: ${reply.body}`);
    return reply.body;
  };
}

function pairRound(call: Call, id: string): Round {
  const assignment = requestTaskReply.pick({ task_id: true, attempt: true, chunk_data_url: true });
  return async () => {
    const { task_id, attempt, chunk_data_url } = assignment.parse(
      JSON.parse(await call("request_task", { agent_id: id })),
    );
    if (task_id === null) throw new Error("There are no tasks left");
    if (chunk_data_url?.includes("X-Goog-Signature=") !== true) throw new Error(`Not signed: ${chunk_data_url}`);
    await call("complete_task", { agent_id: id, task_id, attempt, result_url: "https://example.com/result.csv" });
    return 1;
  };
}

/** Says something new each time, so that each beat is written. */
function beatRound(call: Call, id: string): Round {
  let isWorking = false;
  return async () => {
    isWorking = !isWorking;
    await call("heartbeat", { id, status: isWorking ? "WORKING" : "IDLE" });
    return 1;
  };
}
