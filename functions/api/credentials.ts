import type { Caller } from "../../shared/db/caller-args.ts";
import { readBearerToken } from "../../shared/http/bearer-token.ts";
import type { ReadCaller } from "../../shared/http/caller.ts";
import { rememberHashes } from "../../shared/http/remember-hashes.ts";

/** Who somebody says he is: tokens of Supabase are verified, those of swarms and agents are for SQL to know. */
export interface Credentials extends Caller {
  /** Hex SHA-256s. */
  swarmToken: string | null;
  agentToken: string | null;
  /** Which half of an agent's credentials is not there. */
  missing?: "swarm" | "agent";
  /** What is wrong with them, where that shows already. Then a token is set that nobody has: it admits to nothing. */
  fault?: Error;
}

const NOBODY: Credentials = { userId: null, isAdmin: false, swarmToken: null, agentToken: null };
const SWARM_PREFIX = "corral_swarm_";
const AGENT_PREFIX = "corral_agent_";

interface ReaderOptions {
  readCaller: ReadCaller;
  anonKey: string;
}

/** Reads `Bearer <swarm>;<agent>`, what is only half of that, or what `readCaller` reads; never throws. */
export function createCredentialsReader({ readCaller, anonKey }: ReaderOptions) {
  const hashOf = rememberHashes();

  async function read(authorization: string | undefined): Promise<Credentials> {
    const token = readBearerToken(authorization, anonKey);
    if (token === undefined) return NOBODY;
    const halves = splitToken(token);
    if (halves === undefined) return { ...NOBODY, ...(await readCaller(authorization)) };
    const [swarm, agent] = halves;
    const [swarmToken, agentToken] = await Promise.all([hashOf(swarm), hashOf(agent)]);
    const both = { ...NOBODY, swarmToken, agentToken };
    if (swarm === "" && agent !== "") return { ...both, missing: "swarm" };
    if (agent === "" && swarm !== "") return { ...both, missing: "agent" };
    return both;
  }

  return async (authorization: string | undefined): Promise<Credentials> => {
    try {
      return await read(authorization);
    } catch (error) {
      const fault = error instanceof Error ? error : new Error(String(error));
      return { ...NOBODY, swarmToken: await hashOf(authorization ?? ""), fault };
    }
  };
}

/** The swarm's half and the agent's, either of which may be empty; undefined where it is another kind of token. */
function splitToken(token: string): [swarm: string, agent: string] | undefined {
  const cut = token.indexOf(";");
  if (cut >= 0) return [token.slice(0, cut), token.slice(cut + 1)];
  if (token.startsWith(SWARM_PREFIX)) return [token, ""];
  if (token.startsWith(AGENT_PREFIX)) return ["", token];
  return undefined;
}
