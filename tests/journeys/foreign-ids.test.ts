import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Holding, makeHolding } from "./make-holding.ts";
import { startTestCloud, type TestCloud } from "./start-test-cloud.ts";

let cloud: TestCloud;
let ada: Holding;
let eve: Holding;
beforeAll(async () => {
  cloud = await startTestCloud();
  ada = await makeHolding(cloud, "ada");
  eve = await makeHolding(cloud, "eve");
});
afterAll(() => cloud.close());

const setOpenEnrollment = (open: boolean) => cloud.sql("update corral.settings set open_enrollment = $1", [open]);

interface Try {
  method?: string;
  path: string;
  body?: unknown;
  token?: string | undefined;
  /** Of Supabase's own API instead of the functions. */
  rest?: boolean;
}

async function attempt({ method = "POST", path, body, token, rest = false }: Try) {
  const { info } = cloud;
  const reply = await fetch(rest ? `${info.api_url}${path}` : `${info.functions_url}${path}`, {
    method,
    headers: {
      "content-type": "application/json",
      ...(rest ? { apikey: info.anon_key, prefer: "return=representation" } : {}),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: reply.status, text: await reply.text() };
}

/** All that there is of an owner, in the database and in the bucket. */
async function everythingOf({ user, job, project, uploads }: Holding) {
  const rows = await cloud.sql<{ row: unknown }>(
    `select to_jsonb(j) as row from corral.jobs j where owner_id = $1
     union all select to_jsonb(t) from corral.tasks t where corral.job_of(t.id) = $2
     union all select to_jsonb(a) - 'last_seen_at' - 'poll_after_seconds' from corral.agents a where owner_id = $1
     union all select to_jsonb(p) from public.projects p where user_id = $1
     union all select to_jsonb(d) from public.datasets d where project_id = $3
     union all select to_jsonb(m) from public.messages m where user_id = $1
     union all select to_jsonb(l) from public.agent_logs l where project_id = $3
     union all select to_jsonb(s) from vault.secrets s where name like '%' || $3`,
    [user.id, job, project],
  );
  return {
    rows: rows.map(({ row }) => row),
    objects: [...(await cloud.list(`jobs/${job}/`)), ...(await cloud.list(uploads))],
  };
}

/** Tries things, each of which has to be refused, tell nothing and change nothing of what is another's. */
async function expectNothing(theirs: Holding, tries: Try[], refusals = [400, 401, 403, 404, 405, 409]) {
  const before = await everythingOf(theirs);
  for (const one of tries) {
    const { status, text } = await attempt(one);
    const what = `${one.method ?? "POST"} ${one.path} ${JSON.stringify(one.body) ?? ""}`;
    expect.soft(refusals, `${what} answered ${status} ${text}`).toContain(status);
    for (const secret of theirs.secrets) expect.soft(text, what).not.toContain(secret);
  }
  expect(await everythingOf(theirs)).toEqual(before);
}

const WISHES = { title: "mine", data_url: "https://example.org/rain.csv", code_url: "https://example.org/train.py" };

/** Every way to write down an object of the bucket beside its name. */
function spellingsOf(url: string): string[] {
  const { bucket, storage_endpoint: endpoint } = cloud.info;
  const object = url.slice(`gs://${bucket}/`.length);
  const encoded = [...object].map((char) => (char === "/" ? char : `%${char.charCodeAt(0).toString(16)}`)).join("");
  return [
    ...["storage.googleapis.com", "storage.cloud.google.com", "ada@storage.googleapis.com"].map(
      (host) => `https://${host}`,
    ),
    ...["STORAGE.GoogleAPIs.com", "storage.googleapis.com.", "storage.googleapis.com:443"].map(
      (host) => `https://${host}`,
    ),
    ...["http://storage.googleapis.com", endpoint, endpoint.replace("127.0.0.1", "0x7f.1")],
  ]
    .flatMap((origin) => [`${origin}/${bucket}/${object}`, `${origin}/${bucket}/${encoded}?X-Goog-Signature=00`])
    .concat([
      `https://${bucket}.storage.googleapis.com/${object}`,
      `https://${bucket.toUpperCase()}.storage.googleapis.com./${encoded}`,
      `https://storage.googleapis.com/elsewhere/../${bucket}/${object}`,
      `https://storage.googleapis.com\\${bucket}/${object}`,
      `https://storage.google\napis.com/${bucket}/${object}`,
      `https://www.googleapis.com/storage/v1/b/${bucket}/o/${encodeURIComponent(object)}?alt=media`,
      `${endpoint}/download/storage/v1/b/${bucket}/o/${encodeURIComponent(object)}`,
      `GS://${bucket}/${object}`,
    ]);
}

const objectsOf = (his: Holding) => [his.codeUrl, his.dataUrl, his.datasetUrl, his.chunkUrl, his.resultUrl];

/** What a user may try on what is another's: jobs, projects, data, uploads, swarm. */
const triesOf = (theirs: Holding, token: string | undefined): Try[] =>
  [
    { method: "GET", path: `/jobs/${theirs.job}` },
    { method: "GET", path: `/jobs/download/${theirs.job}` },
    { method: "GET", path: `/jobs/download/${theirs.job}?user_id=${theirs.user.id}` },
    ...["cancel", "pause", "resume", "retry_failed"].map((action) => ({ path: `/jobs/${theirs.job}/${action}` })),
    { path: "/jobs", body: { ...WISHES, code_url: theirs.codeUrl } },
    { path: "/jobs", body: { ...WISHES, requirements_url: theirs.codeUrl } },
    { path: "/jobs", body: { ...WISHES, data_url: theirs.dataUrl } },
    { path: "/jobs", body: { ...WISHES, data_url: theirs.datasetUrl } },
    { path: "/jobs", body: { ...WISHES, data_url: theirs.chunkUrl } },
    { path: "/jobs", body: { ...WISHES, data_url: theirs.resultUrl } },
    { path: "/jobs", body: { ...WISHES, data_url: `${theirs.chunkUrl}/../../../x` } },
    { path: "/jobs", body: { title: "mine", code_url: WISHES.code_url, project_id: theirs.project } },
    { path: "/jobs", body: { ...WISHES, swarm: theirs.swarm } },
    { path: "/agents/dataset/start", body: { project_id: theirs.project } },
    {
      path: "/agents/dataset/auth",
      body: { project_id: theirs.project, kaggle_username: "mallory", kaggle_key: "forged" },
    },
    { method: "GET", path: `/agents/dataset/status/${theirs.project}` },
    { path: "/agents/dataset/polling/stop" },
    { path: "/dispatch", body: { run_id: 1 } },
  ].map((one) => ({ ...one, token }));

describe("two owners who try everything on each other's ids get nothing", () => {
  const pairs = () =>
    [
      [ada, eve],
      [eve, ada],
    ] as const;

  test("as users, of the functions", async () => {
    for (const [mine, theirs] of pairs()) {
      await expectNothing(theirs, triesOf(theirs, mine.user.token));
      const list = await attempt({ method: "GET", path: `/jobs/list/${theirs.user.id}`, token: mine.user.token });
      expect(list).toEqual({ status: 200, text: "[]" });
    }
  });

  test("as users, of Supabase's own API", async () => {
    for (const [mine, theirs] of pairs()) {
      const { token } = mine.user;
      const tables = ["projects", "datasets", "agent_logs", "messages", "users"];
      for (const table of tables) {
        const { text } = await attempt({ method: "GET", path: `/rest/v1/${table}?select=*`, token, rest: true });
        for (const secret of theirs.secrets) expect.soft(text, table).not.toContain(secret);
      }
      const before = await everythingOf(theirs);
      const at = `/rest/v1/projects?id=eq.${theirs.project}`;
      for (const method of ["PATCH", "DELETE"]) {
        expect(await attempt({ method, path: at, token, rest: true, body: { name: "mine now" } })).toMatchObject({
          text: "[]",
        });
      }
      await expectNothing(
        theirs,
        [
          { path: "/rest/v1/projects", body: { name: "forged", user_id: theirs.user.id } },
          { path: "/rest/v1/messages", body: { user_id: theirs.user.id, role: "assistant", content: "forged" } },
          { path: "/rest/v1/datasets", body: { project_id: mine.project, name: "x", gcs_url: theirs.datasetUrl } },
          { path: "/rest/v1/agent_logs", body: { project_id: theirs.project, agent_name: "x", message: "forged" } },
          ...["get_job", "control_job", "settle_job"].map((name) => ({
            path: `/rest/v1/rpc/${name}`,
            body: { p_job: theirs.job, ...(name === "control_job" ? { p_action: "cancel" } : {}) },
          })),
          { path: "/rest/v1/rpc/request_tasks", body: { p_calls: [{ call: 0, agent: theirs.agent.id }] } },
          { path: "/rest/v1/rpc/deregister_agent", body: { p_agent: theirs.agent.id } },
        ].map((one) => ({ ...one, token, rest: true })),
      );
      expect(await everythingOf(theirs)).toEqual(before);
    }
  });

  test("as users, by other spellings of another's objects", async () => {
    for (const [mine, theirs] of pairs()) {
      const urls = [theirs.dataUrl, theirs.resultUrl].flatMap(spellingsOf);
      const tries = urls.flatMap((url) => [
        { path: "/jobs", body: { ...WISHES, code_url: url }, token: mine.user.token },
        { path: "/jobs", body: { ...WISHES, data_url: url }, token: mine.user.token },
      ]);
      await expectNothing(theirs, tries, [403, 422]);
    }
  });

  /** Has the user's own project, which has a dataset, trained; resolves to the jobs that come of it. */
  async function train({ user, datasetUrl }: Holding, training: object, method: "POST" | "PATCH") {
    const { token } = user;
    const body = { name: "trap", metadata: { training } };
    const made = await attempt({ path: "/rest/v1/projects", body: method === "POST" ? body : {}, token, rest: true });
    const [{ id }] = JSON.parse(made.text);
    // Only Postgres can give him a dataset; this one is his own.
    await cloud.sql("insert into public.datasets (project_id, name, gcs_url) values ($1, 'own', $2)", [id, datasetUrl]);
    const path = `/rest/v1/projects?id=eq.${id}`;
    const start = { ...(method === "PATCH" ? body : {}), status: "pending_training" };
    expect((await attempt({ method: "PATCH", path, body: start, token, rest: true })).status).toBe(200);
    const jobs = await cloud.sql<{ code_url: string }>(
      "delete from corral.jobs where project_id = $1 returning code_url",
      [id],
    );
    await cloud.sql("delete from public.projects where id = $1", [id]);
    return jobs;
  }

  test("as users, by a training of their own project that names what is another's", async () => {
    for (const [mine, theirs] of pairs()) {
      const { codeUrl: code_url } = mine;
      const before = await everythingOf(theirs);
      for (const url of spellingsOf(theirs.dataUrl)) {
        expect.soft(await train(mine, { code_url: url }, "POST"), url).toEqual([]);
        expect.soft(await train(mine, { code_url, requirements_url: url }, "PATCH"), url).toEqual([]);
      }
      for (const method of ["POST", "PATCH"] as const) {
        for (const url of objectsOf(theirs)) expect.soft(await train(mine, { code_url: url }, method), url).toEqual([]);
        expect(await train(mine, { code_url, swarm: theirs.swarm }, method)).toEqual([]);
        expect(await train(mine, { code_url, user_id: theirs.user.id }, method)).toEqual([]);
        expect(await train(mine, { code_url }, method)).toMatchObject([{ code_url }]);
      }
      expect(await everythingOf(theirs)).toEqual(before);
    }
  });

  test("as users, from a job that holds another's object in a spelling that nobody let in", async () => {
    for (const [mine, theirs] of pairs()) {
      for (const url of spellingsOf(theirs.dataUrl)) {
        await cloud.sql(
          "update corral.jobs set code_url = $2, requirements_url = $2, final_result_url = $2 where id = $1",
          [mine.job, url],
        );
        const { token } = mine.user;
        const replies = [
          await attempt({ method: "GET", path: `/jobs/list/${mine.user.id}`, token }),
          await attempt({ method: "GET", path: `/jobs/${mine.job}`, token }),
          await attempt({ method: "GET", path: `/jobs/download/${mine.job}`, token }),
          await attempt({ path: "/agent/request_task", body: { agent_id: mine.agent.id }, token: mine.agent.token }),
        ];
        for (const { status, text } of replies) {
          expect.soft([status, text.includes(JSON.stringify(url))], text).toEqual([200, true]);
          expect.soft(text, url).not.toMatch(new RegExp(`${theirs.dataUrl.split("/").at(-2)}[^"]*X-Goog-Credential`));
        }
      }
      await cloud.sql(
        "update corral.jobs set code_url = $2, requirements_url = null, final_result_url = null where id = $1",
        [mine.job, mine.codeUrl],
      );
    }
  });

  test("from the bucket, by a signature that was made for an object of their own", async () => {
    for (const [mine, theirs] of pairs()) {
      const target = await attempt({
        path: "/jobs/upload_url",
        body: { filename: "data.csv" },
        token: mine.user.token,
      });
      const { url, headers } = JSON.parse(target.text);
      const before = await everythingOf(theirs);
      for (const object of objectsOf(theirs).map((name) => name.replace("gs://", ""))) {
        const signed = new URL(url);
        signed.pathname = `/${object}`;
        const put = await fetch(signed, { method: "PUT", headers, body: "forged" });
        expect.soft(put.status, object).toBe(403);
        const get = await fetch(signed, { headers });
        expect.soft(get.status, object).toBe(403);
      }
      expect(await everythingOf(theirs)).toEqual(before);
    }
  });

  test("as agents with tokens, on tasks of another's swarm", async () => {
    await setOpenEnrollment(false);
    for (const [mine, theirs] of pairs()) {
      const { id, token } = mine.agent;
      const named = { agent_id: id, task_id: theirs.task };
      const tries: Try[] = [
        { path: "/agent/complete_task", body: { ...named, result_url: "https://example.org/forged" } },
        { path: "/agent/complete_task", body: { ...named, attempt: 1, result_url: theirs.resultUrl } },
        { path: "/agent/fail_task", body: { ...named, reason: "forged", retryable: false } },
        { path: "/agent/fail_task", body: { ...named, attempt: 1, give_back: true } },
        { path: "/agent/upload_url", body: { ...named, filename: "forged.csv" } },
        { path: "/agent/upload_url", body: { ...named, attempt: 1, filename: "../1/result.csv" } },
      ];
      await expectNothing(
        theirs,
        tries.map((one) => ({ ...one, token })),
      );
      // Its own task completed with another's file: the aggregation would read it for him.
      const forged = { agent_id: id, task_id: mine.task, result_url: theirs.resultUrl };
      await expectNothing(theirs, [{ path: "/agent/complete_task", body: forged, token }]);

      const before = await everythingOf(theirs);
      const beat = await attempt({
        path: "/agent/heartbeat",
        body: { id, status: "WORKING", tasks: [{ task_id: theirs.task, attempt: 1 }] },
        token,
      });
      expect(JSON.parse(beat.text)).toMatchObject({ stop: [theirs.task] });
      const progress = { ...named, progress: 0.9, message: "forged" };
      expect(JSON.parse((await attempt({ path: "/agent/progress", body: progress, token })).text)).toMatchObject({
        outcome: "stop",
      });
      const complete = { task_id: theirs.task, result_url: "https://example.org/forged" };
      const cycle = await attempt({ path: "/agent/cycle", body: { agent_id: id, complete, claim: false }, token });
      expect(JSON.parse(cycle.text)).toMatchObject({ completion: { code: "task_not_assigned" } });
      expect(await everythingOf(theirs)).toEqual(before);
      // All that it can ever be given is its own swarm's.
      const asked = await attempt({
        path: "/agent/request_task",
        body: { agent_id: id, request_id: "another" },
        token,
      });
      expect(JSON.parse(asked.text).job_id).toBe(mine.job);
    }
  });

  test("as whoever knows another's agent by its id, with the wrong token or none, in closed and in open enrollment", async () => {
    for (const open of [false, true]) {
      await setOpenEnrollment(open);
      for (const [mine, theirs] of pairs()) {
        const agent_id = theirs.agent.id;
        const named = { agent_id, task_id: theirs.task };
        const tries: Try[] = [
          { path: "/agent/heartbeat", body: { id: agent_id, status: "IDLE" } },
          { path: "/agent/request_task", body: { agent_id } },
          { path: "/agent/complete_task", body: { ...named, result_url: "https://example.org/forged" } },
          { path: "/agent/fail_task", body: { ...named, reason: "forged" } },
          { path: "/agent/progress", body: { ...named, progress: 1 } },
          { path: "/agent/upload_url", body: { ...named, filename: "forged.csv" } },
          { path: "/agent/cycle", body: { agent_id } },
          { path: "/agent/deregister", body: { agent_id } },
          { path: "/agent/register", body: { id: agent_id, email: theirs.user.email } },
          { path: "/agent/register", body: { id: agent_id, email: mine.user.email } },
        ];
        for (const token of [undefined, mine.agent.token, mine.swarmToken, mine.user.token]) {
          await expectNothing(
            theirs,
            tries.map((one) => ({ ...one, token })),
          );
        }
      }
    }
  });

  test("without any token: nothing in closed enrollment, and in open enrollment nothing that was made with one", async () => {
    await setOpenEnrollment(false);
    await expectNothing(eve, triesOf(eve, undefined));
    await setOpenEnrollment(true);
    // To the dataset agent a project's id, which nobody can guess, is its credential: so its clients have it.
    const isForDatasetAgent = (one: Try) => one.path.startsWith("/agents/");
    await expectNothing(
      eve,
      triesOf(eve, undefined).filter((one) => !isForDatasetAgent(one)),
    );
    expect(await attempt({ method: "GET", path: `/jobs/list/${eve.user.id}` })).toEqual({ status: 200, text: "[]" });
  });

  test("and each still has all of it", async () => {
    await setOpenEnrollment(false);
    for (const { user, job, agent, task, resultUrl, project } of [ada, eve]) {
      const { token } = user;
      expect((await attempt({ method: "GET", path: `/jobs/${job}`, token })).status).toBe(200);
      expect((await attempt({ method: "GET", path: `/agents/dataset/status/${project}`, token })).status).toBe(200);
      const completion = { agent_id: agent.id, task_id: task, attempt: 1, result_url: resultUrl };
      expect((await attempt({ path: "/agent/complete_task", body: completion, token: agent.token })).status).toBe(200);
      expect((await attempt({ path: `/jobs/${job}/cancel`, token })).status).toBe(200);
    }
  });
});
