import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { cloneDatabase, type Row, type TestDatabase } from "../setup/database.ts";
import {
  addAgent,
  addJob,
  type Call,
  cancelAllJobs,
  claimTask,
  completeTask,
  completeTasks,
  controlJob,
  failTask,
  hashOf,
  jobOf,
  numbered,
  openEnrollment,
  requestTask,
  settleJob,
  sweepTasks,
  taskOf,
} from "./fleet-scene.ts";
import { call } from "./scene.ts";
import { startBlocked } from "./wait-for-lock.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
  await openEnrollment(db);
});
afterAll(() => db.drop());
beforeEach(() => cancelAllJobs(db));

const COMPLETE = "select * from public.complete_tasks($1) order by call";
const complete = (calls: Call[]) => db.sql(COMPLETE, [numbered(calls)]);
const outcomes = (rows: Row[]) => rows.map(({ outcome }) => outcome);

describe("a completion", () => {
  test("ends the task with its result", async () => {
    const { id } = await addJob(db, 2);
    const { agent, task } = await claimTask(db);
    expect(
      await completeTask(db, agent, task, { attempt: 1, result_url: "gs://bucket/result.csv", rows: 7 }),
    ).toMatchObject({ outcome: "completed", job_id: `${id}`, settle: false, poll_after_seconds: 0 });
    const row = await taskOf(db, task);
    expect(row).toMatchObject({
      state: "COMPLETED",
      agent_id: agent,
      result_url: "gs://bucket/result.csv",
      result_rows: "7",
      progress: 1,
      message: null,
    });
    expect(row.finished_at).toBeInstanceOf(Date);
  });

  test("has the same answer again, and changes nothing then", async () => {
    await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    const first = { result_url: "gs://bucket/first.csv" };
    const second = { result_url: "gs://bucket/second.csv" };
    await completeTask(db, agent, task, first);
    for (const call of [{ attempt: 1, ...first }, first, second]) {
      expect(await completeTask(db, agent, task, call)).toMatchObject({ outcome: "completed", settle: false });
    }
    expect((await taskOf(db, task)).result_url).toBe("gs://bucket/first.csv");
  });

  test("without a result has the same answer again", async () => {
    await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    for (const settle of [true, false])
      expect(await completeTask(db, agent, task, { attempt: 1, result_url: null })).toMatchObject({
        outcome: "completed",
        settle,
      });
  });

  test("has the same answer again when the job is over, and when its tasks were put away", async () => {
    const { id } = await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    await completeTask(db, agent, task);
    expect(await settleJob(db, id)).toBe(true);
    expect(await completeTask(db, agent, task)).toMatchObject({ outcome: "completed", job_id: `${id}` });
    await db.sql("update corral.jobs set finished_at = finished_at - interval '1 day' where id = $1", [id]);
    expect(await sweepTasks(db)).toMatchObject({ put_away: 1 });
    expect(await completeTask(db, agent, task)).toMatchObject({ outcome: "completed", job_id: `${id}`, settle: false });
  });

  test("without an attempt means the one that the agent holds, however late", async () => {
    await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    await db.sql("update corral.tasks set claimed_at = claimed_at - interval '1 day' where id = $1", [task]);
    expect(await completeTask(db, agent, task)).toMatchObject({ outcome: "completed" });
  });

  test("tells to settle once the last number is drawn, not before", async () => {
    const { id } = await addJob(db, 3);
    const held = [await claimTask(db), await claimTask(db)];
    expect(await completeTask(db, held[0]?.agent ?? "", held[0]?.task)).toMatchObject({ settle: false });
    const last = await claimTask(db);
    expect(await completeTask(db, last.agent, last.task)).toMatchObject({ settle: true });
    expect(await settleJob(db, id)).toBe(false);
    expect(await completeTask(db, held[1]?.agent ?? "", held[1]?.task)).toMatchObject({ settle: true });
    expect(await settleJob(db, id)).toBe(true);
  });

  test("that is refused tells when to come back", async () => {
    const agent = await addAgent(db);
    const { poll_after_seconds } = await completeTask(db, agent, 1);
    expect(poll_after_seconds).toBe(10);
  });
});

describe("a completion is refused", () => {
  test("for a task that there is not", async () => {
    const agent = await addAgent(db);
    for (const task of [1, -1, 0, 2 ** 53 - 1, null]) {
      expect(await completeTask(db, agent, task)).toMatchObject({ outcome: "task_not_found", settle: false });
    }
  });

  test("for one that nobody was given, and one that another has or had", async () => {
    const { id } = await addJob(db, 2);
    const { agent, task } = await claimTask(db);
    const other = await addAgent(db);
    expect(await completeTask(db, other, id * 1e7 + 2)).toMatchObject({ outcome: "task_not_assigned" });
    expect(await completeTask(db, other, task)).toMatchObject({ outcome: "task_not_assigned" });
    expect(await completeTask(db, other, task, { attempt: 1 })).toMatchObject({ outcome: "task_not_assigned" });
    expect(await taskOf(db, task)).toMatchObject({ state: "RUNNING" });
    await completeTask(db, agent, task);
    expect(await completeTask(db, other, task)).toMatchObject({ outcome: "task_not_assigned" });
    expect((await taskOf(db, task)).agent_id).toBe(agent);
  });

  test("for an attempt that is not the newest", async () => {
    await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    await failTask(db, agent, task, { giveBack: true });
    expect(await completeTask(db, agent, task, { attempt: 1 })).toMatchObject({ outcome: "stale_attempt" });
    expect(await completeTask(db, agent, task)).toMatchObject({ outcome: "task_not_assigned" });
    expect(await requestTask(db, agent)).toMatchObject({ task_id: task, attempt: 2 });
    for (const attempt of [1, 3])
      expect(await completeTask(db, agent, task, { attempt })).toMatchObject({ outcome: "stale_attempt" });
    expect(await completeTask(db, agent, task, { attempt: 2 })).toMatchObject({ outcome: "completed" });
    expect(await completeTask(db, agent, task, { attempt: 1 })).toMatchObject({ outcome: "stale_attempt" });
  });

  test("for an attempt that its agent has ended with another result, as one that has forgotten it may", async () => {
    await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    await failTask(db, agent, task, { giveBack: true });
    await requestTask(db, agent);
    expect(await completeTask(db, agent, task, { result_url: "gs://bucket/1.csv" })).toMatchObject({
      outcome: "completed",
    });
    for (const result_url of ["gs://bucket/2.csv", null]) {
      const own = await completeTask(db, agent, task, { attempt: 2, result_url });
      expect(own).toMatchObject({ outcome: "stale_attempt", settle: false });
    }
    expect((await taskOf(db, task)).result_url).toBe("gs://bucket/1.csv");
  });

  test("for one that failed for good", async () => {
    await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    await failTask(db, agent, task, { retryable: false });
    expect(await completeTask(db, agent, task, { attempt: 1 })).toMatchObject({ outcome: "stale_attempt" });
    expect(await taskOf(db, task)).toMatchObject({ state: "FAILED" });
  });

  test("once the job is cancelled, also when its tasks were put away", async () => {
    const { id } = await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    await controlJob(db, id, "cancel");
    expect(await completeTask(db, agent, task)).toMatchObject({ outcome: "job_cancelled", settle: false });
    await db.sql("update corral.jobs set finished_at = finished_at - interval '1 day' where id = $1", [id]);
    await sweepTasks(db);
    expect(await taskOf(db, task)).toMatchObject({ state: "CANCELLED" });
    expect(await completeTask(db, agent, task)).toMatchObject({ outcome: "job_cancelled" });
    expect(await completeTask(db, agent, task, { attempt: 1 })).toMatchObject({ outcome: "job_cancelled" });
  });

  test("whose result lies in the bucket where none of the task's go, once there is nothing else against it", async () => {
    await addJob(db, 2);
    const { agent, task } = await claimTask(db);
    const stranger = await addAgent(db);
    const misplaced = { result_url: "gs://bucket/raw/secret.zip", is_misplaced: true };
    const outcomeOf = async (id: string, of: unknown, more: Call = {}) =>
      (await completeTask(db, id, of, { ...misplaced, ...more })).outcome;
    expect(await outcomeOf(agent, task)).toBe("result_not_yours");
    expect(await outcomeOf(agent, task, { attempt: 1 })).toBe("result_not_yours");
    expect(await outcomeOf(agent, task, { attempt: 2 })).toBe("stale_attempt");
    expect(await outcomeOf(stranger, task)).toBe("task_not_assigned");
    expect(await outcomeOf(agent, 55)).toBe("task_not_found");
    expect(await taskOf(db, task)).toMatchObject({ state: "RUNNING", result_url: null });
    const both = [
      { agent, task, ...misplaced },
      { agent, task, result_url: null, is_misplaced: false },
    ];
    expect(outcomes(await complete(both))).toEqual(["result_not_yours", "completed"]);
    expect(await outcomeOf(agent, task)).toBe("result_not_yours");
  });

  test("from whoever is not known as to any stranger, where enrollment is open, and elsewhere without a word of tasks", async () => {
    await addJob(db, 1);
    const { task } = await claimTask(db);
    const setOpen = (open: boolean) => db.sql("update corral.settings set open_enrollment = $1", [open]);
    for (const [open, known, unknown] of [
      [true, "task_not_assigned", "task_not_found"],
      [false, "agent_not_found", "agent_not_found"],
    ] as const) {
      await setOpen(open);
      expect(await completeTask(db, "nobody", task, { attempt: 1 })).toMatchObject({ outcome: known });
      expect(await completeTask(db, "nobody", 1)).toMatchObject({ outcome: unknown });
    }
    await setOpen(true);
  });

  test("from an agent that does not show its token", async () => {
    await addJob(db, 1);
    const token = await call<string>(db, "corral.issue_swarm_token('default')");
    const agent = await addAgent(db, { token });
    const { task_id: task } = await requestTask(db, agent, { token: hashOf(agent) });
    expect(await completeTask(db, agent, task)).toMatchObject({ outcome: "unauthorized" });
    expect(await completeTask(db, agent, task, { token: hashOf("wrong") })).toMatchObject({ outcome: "unauthorized" });
    expect(await taskOf(db, task)).toMatchObject({ state: "RUNNING" });
    const shown = { token: hashOf(agent) };
    expect(await completeTask(db, agent, task, shown)).toMatchObject({ outcome: "completed" });
    expect(await completeTask(db, agent, task)).toMatchObject({ outcome: "unauthorized" });
  });
});

describe("several completions in one statement", () => {
  test("have each its own answer, in whatever order", async () => {
    await addJob(db, 3);
    const held = [await claimTask(db), await claimTask(db), await claimTask(db)];
    const [one, two, three] = held;
    const calls = [
      { agent: three?.agent, task: three?.task },
      { agent: "nobody", task: one?.task },
      { agent: one?.agent, task: one?.task, attempt: 1 },
      { agent: one?.agent, task: two?.task },
      { agent: two?.agent, task: two?.task, attempt: 9 },
      { agent: two?.agent, task: null },
    ];
    expect(outcomes(await complete(calls))).toEqual([
      "completed",
      "task_not_assigned",
      "completed",
      "task_not_assigned",
      "stale_attempt",
      "task_not_found",
    ]);
  });

  test("of one task end it once, and only one of them tells to settle", async () => {
    await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    const rows = await complete([
      { agent, task, result_url: "gs://bucket/a.csv" },
      { agent, task, result_url: "gs://bucket/b.csv" },
    ]);
    expect(outcomes(rows)).toEqual(["completed", "completed"]);
    expect(rows.filter(({ settle }) => settle)).toHaveLength(1);
  });

  test("of one attempt with different results: the one that is kept is told so, the other that it came too late", async () => {
    await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    const results = ["a", "b", "a"].map((name) => `gs://bucket/${name}.csv`);
    const rows = await complete(results.map((result_url) => ({ agent, task, attempt: 1, result_url })));
    expect(outcomes(rows)).toEqual(["completed", "stale_attempt", "completed"]);
    expect((await taskOf(db, task)).result_url).toBe(results[0]);
  });

  test("may be hundreds", async () => {
    const { id } = await addJob(db, 300);
    const agents = await Promise.all(Array.from({ length: 4 }, () => addAgent(db)));
    const given = await db.sql<{ agent: string; task: string }>(
      `with asked as (select n as call, ($1::text[])[1 + n % 4] as agent from generate_series(0, 299) n)
       select a.agent, t.task_id as task from asked a
         join public.request_tasks((select jsonb_agg(to_jsonb(asked) || jsonb_build_object('request_id', call)) from asked)) t
           on t.call = a.call`,
      [agents],
    );
    expect(new Set(given.map(({ task }) => task)).size).toBe(300);
    expect(new Set(outcomes(await complete(given)))).toEqual(new Set(["completed"]));
    expect(await settleJob(db, id)).toBe(true);
    expect(await jobOf(db, id)).toMatchObject({ status: "COMPLETED", completed_subtasks: 300 });
  });

  test("that name the same tasks as another's in another order do not wait for each other in a circle", async () => {
    await addJob(db, 40);
    const held = await Promise.all(
      Array.from({ length: 40 }, async () => {
        const agent = await addAgent(db);
        return { agent, task: (await requestTask(db, agent)).task_id };
      }),
    );
    const clients = await Promise.all([db.connect(), db.connect(), db.connect(), db.connect()]);
    for (let round = 0; round < 20; round++) {
      await db.sql("update corral.tasks set state = 'RUNNING' where id = any ($1)", [held.map(({ task }) => task)]);
      const answers = await Promise.all(
        clients.map((client, index) =>
          client.query(COMPLETE, [numbered(index % 2 === 0 ? held : held.toReversed())]).then(({ rows }) => rows),
        ),
      );
      expect(new Set(answers.flatMap(outcomes))).toEqual(new Set(["completed"]));
    }
  });
});

describe("a completion and what happens at the same moment", () => {
  const begin = async (statement: string, params: unknown[]) => {
    const client = await db.connect();
    await client.query("begin");
    await client.query(statement, params);
    return client;
  };

  test("another completion of the same attempt: both are answered alike", async () => {
    await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    const first = await begin(COMPLETE, [numbered([{ agent, task }])]);
    const second = await startBlocked(db, COMPLETE, [numbered([{ agent, task }])]);
    await first.query("commit");
    expect(await second.result).toMatchObject({ outcome: "completed", settle: false });
  });

  test("another completion of the same attempt with another result: it is too late", async () => {
    await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    const first = await begin(COMPLETE, [numbered([{ agent, task, result_url: "gs://bucket/first.csv" }])]);
    const own = { agent, task, attempt: 1, result_url: "gs://bucket/second.csv" };
    const second = await startBlocked(db, COMPLETE, [numbered([own])]);
    await first.query("commit");
    expect(await second.result).toMatchObject({ outcome: "stale_attempt", settle: false });
  });

  test("the sweep takes the task away: the completion is too late", async () => {
    await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    await db.sql("update corral.tasks set claimed_at = claimed_at - interval '2 hours' where id = $1", [task]);
    await sweepTasks(db);
    await db.sql("update corral.tasks set state = 'RUNNING', agent_id = $2 where id = $1", [task, agent]);
    const sweep = await begin("select * from corral.sweep_tasks()", []);
    const completion = await startBlocked(db, COMPLETE, [numbered([{ agent, task, attempt: 1 }])]);
    await sweep.query("commit");
    expect(await completion.result).toMatchObject({ outcome: "stale_attempt" });
  });

  test("a completion is under way: the sweep leaves the task alone", async () => {
    await addJob(db, 1);
    const { agent, task } = await claimTask(db);
    await sweepTasks(db);
    await db.sql("update corral.tasks set claimed_at = claimed_at - interval '2 hours' where id = $1", [task]);
    const completion = await begin(COMPLETE, [numbered([{ agent, task }])]);
    expect(await sweepTasks(db)).toMatchObject({ expired: 0 });
    await completion.query("commit");
    expect(await taskOf(db, task)).toMatchObject({ state: "COMPLETED" });
  });

  test("the job is cancelled: the completion counts, and so do the counts once the tasks are put away", async () => {
    const { id } = await addJob(db, 2);
    await completeTasks(db, 1);
    const { agent, task } = await claimTask(db);
    const completion = await begin(COMPLETE, [numbered([{ agent, task }])]);
    await controlJob(db, id, "cancel");
    await completion.query("commit");
    expect(await taskOf(db, task)).toMatchObject({ state: "COMPLETED" });
    await db.sql("update corral.jobs set finished_at = finished_at - interval '1 day' where id = $1", [id]);
    await sweepTasks(db);
    expect(await jobOf(db, id)).toMatchObject({ status: "CANCELLED", completed_subtasks: 2, cancelled_subtasks: 0 });
  });
});
