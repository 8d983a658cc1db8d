import { createHash, randomUUID } from "node:crypto";
import { mkdir, readFile, realpath, rename, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import { claimName } from "../local/single-instance.ts";
import { isMissing } from "./is-missing.ts";

const entry = z.object({
  url: z.string(),
  email: z.string(),
  /** Digest of the swarm token that it enrolled with: with another one it is another agent. */
  swarm: z.string().nullable(),
  id: z.string().min(1),
  token: z.string().nullable(),
});
const contents = z.object({ agents: z.array(entry) });

type Entry = z.infer<typeof entry>;

export interface Enrolment {
  url: string;
  email: string;
  swarmToken: string | null;
}

/**
 * Who this agent is, for one server, owner and swarm: an id that survives restarts, and the token that goes with it. The
 * file is readable by its user alone, and held by one process at a time.
 */
export class IdentityFile {
  readonly #path: string;
  readonly #others: Entry[];
  #entry: Entry;

  private constructor(path: string, others: Entry[], mine: Entry) {
    this.#path = path;
    this.#others = others;
    this.#entry = mine;
  }

  /** Opens the file, or makes it; throws when another agent holds it or it is not what we wrote. */
  static async open(path: string, { url, email, swarmToken }: Enrolment): Promise<IdentityFile> {
    const folder = dirname(resolve(path));
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const real = join(await realpath(folder), path.split(/[\\/]/).pop() ?? "");
    if ((await claimName(`agent ${real}`)) === "taken")
      throw new Error(`Another agent is running as ${path}. Give this one a file of its own with --id-file.`);
    const { agents } = await read(real);
    const owner = email.toLowerCase();
    const swarm = swarmToken && createHash("sha256").update(swarmToken).digest("hex").slice(0, 16);
    const known = agents.find((agent) => agent.url === url && agent.email === owner && agent.swarm === swarm);
    const others = agents.filter((agent) => agent !== known);
    const file = new IdentityFile(real, others, known ?? { url, email: owner, swarm, id: randomUUID(), token: null });
    if (known === undefined) await file.#write();
    return file;
  }

  get id(): string {
    return this.#entry.id;
  }

  get token(): string | null {
    return this.#entry.token;
  }

  async keepToken(token: string): Promise<void> {
    this.#entry = { ...this.#entry, token };
    await this.#write();
  }

  /** Becomes another agent, when the id turns out to be somebody else's or its token is lost. */
  async renew(): Promise<void> {
    this.#entry = { ...this.#entry, id: randomUUID(), token: null };
    await this.#write();
  }

  async #write(): Promise<void> {
    const next = `${this.#path}.${process.pid}.tmp`;
    const text = JSON.stringify({ agents: [...this.#others, this.#entry] }, null, 2);
    await writeFile(next, `${text}\n`, { mode: 0o600 });
    await rename(next, this.#path);
  }
}

async function read(path: string): Promise<z.infer<typeof contents>> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return { agents: [] };
    throw error;
  }
  try {
    return contents.parse(JSON.parse(text));
  } catch (cause) {
    throw new Error(`${path} is no agent's file. Move it away, or name another with --id-file.`, { cause });
  }
}
