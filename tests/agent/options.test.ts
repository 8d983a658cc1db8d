import { homedir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseAgentOptions, shareOfMemory } from "../../agent/options.ts";

const REQUIRED = ["--url", "https://example.com/functions/v1", "--email", "owner@example.com"];
const parse = (...args: string[]) => parseAgentOptions([...REQUIRED, ...args], {});

test("a URL and an e-mail are enough", () => {
  expect(parse()).toEqual({
    help: false,
    url: "https://example.com/functions/v1",
    email: "owner@example.com",
    swarmToken: null,
    concurrency: 1,
    once: false,
    json: false,
    idFile: join(homedir(), ".corral", "agent.json"),
    workDir: join(homedir(), ".corral", "work"),
    memoryMb: null,
    heartbeatSeconds: 10,
    venv: false,
    tags: [],
  });
});

test("--help needs nothing else", () => {
  expect(parseAgentOptions(["--help"], {}).help).toBe(true);
});

test("the swarm token may come by the environment, and the command line comes first", () => {
  const env = { CORRAL_SWARM_TOKEN: "from-env" };
  expect(parseAgentOptions(REQUIRED, env).swarmToken).toBe("from-env");
  expect(parseAgentOptions([...REQUIRED, "--swarm-token", "given"], env).swarmToken).toBe("given");
});

test("a slash at the end of the URL counts for nothing", () => {
  expect(parse("--url", "http://127.0.0.1:54321/functions/v1/").url).toBe("http://127.0.0.1:54321/functions/v1");
});

test.each([
  [["--url", ""], "--url is missing."],
  [["--url", "example.com"], '--url takes an http or https URL, not "example.com".'],
  [["--url", "ftp://example.com"], '--url takes an http or https URL, not "ftp://example.com".'],
  [["--email", " "], "--email is missing."],
  [["--concurrency", "0"], '--concurrency takes a whole number from 1 to 256, not "0".'],
  [["--concurrency", "1.5"], '--concurrency takes a whole number from 1 to 256, not "1.5".'],
  [["--memory-mb", "128"], '--memory-mb takes a whole number from 256 to 1073741824, not "128".'],
  [["--heartbeat-interval", ""], '--heartbeat-interval takes a whole number from 1 to 3600, not "".'],
])("%j is refused: %s", (args, message) => {
  expect(() => parse(...args)).toThrow(message);
});

test("an unknown option is refused", () => {
  expect(() => parse("--gpu")).toThrow("--gpu");
});

test("scripts share four fifths of the memory, and none gets less than node needs", () => {
  expect(shareOfMemory(10 * 2 ** 30, 4)).toBe(2048);
  expect(shareOfMemory(2 ** 30, 64)).toBe(256);
});
