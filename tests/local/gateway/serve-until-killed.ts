import { serveFunctions } from "./functions-project.ts";

/** Serves one function, `holding`, and prints its URL and its folder: a gateway that a test can kill. */
const [source = "", beacon = ""] = process.argv.slice(2);
const { url, projectDir } = await serveFunctions({ holding: source }, { env: { BEACON: beacon } });
process.stdout.write(`${JSON.stringify({ url, projectDir })}\n`);
