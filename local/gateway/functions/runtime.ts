/**
 * What the Deno process of a function runs, given the function's entrypoint: makes `Deno.serve` listen on a free
 * loopback port and report it, and provides what Supabase's edge runtime has beyond Deno. Its parent speaks on stdin.
 */
import { DRAIN_COMMAND, MEMORY_LIMIT_BYTES, MEMORY_LIMIT_EXIT_CODE, READY_MARK } from "./runtime-protocol.ts";

type Handler = (request: Request, info: unknown) => Response | Promise<Response>;

interface ServeOptions {
  handler?: Handler;
  onError?: (error: unknown) => Response | Promise<Response>;
  hostname?: string;
  port?: number;
  onListen?: (address: { port: number }) => void;
}

/** The part of Deno that is used here, so that `tsc`, which knows no Deno, checks this file too. */
declare const Deno: {
  serve(first: Handler | ServeOptions, second?: Handler): { shutdown(): Promise<void> };
  args: string[];
  exit(code: number): never;
  env: { toObject(): Record<string, string>; delete(name: string): void };
  memoryUsage(): { heapUsed: number; external: number };
  stdin: { readable: ReadableStream<Uint8Array<ArrayBuffer>> };
  stdout: { writeSync(bytes: Uint8Array): number };
};

const CHECK_MEMORY_EVERY_MS = 100;

const { serve } = Deno;
const background = new Set<Promise<unknown>>();
let server: ReturnType<typeof serve> | undefined;

Deno.serve = (first: Handler | ServeOptions, second?: Handler) => {
  const options = typeof first === "function" ? {} : first;
  const handler = typeof first === "function" ? first : (second ?? first.handler);
  if (handler === undefined) throw new TypeError("Deno.serve was called without a handler.");
  if (server !== undefined) throw new Error("Deno.serve was called twice; a function has one handler.");
  server = serve(
    {
      ...(options.onError === undefined ? {} : { onError: options.onError }),
      hostname: "127.0.0.1",
      port: 0,
      onListen: ({ port }) => Deno.stdout.writeSync(new TextEncoder().encode(`${READY_MARK}${port}\n`)),
    },
    watchMemory(handler),
  );
  return server;
};

Object.assign(globalThis, {
  EdgeRuntime: {
    waitUntil<T>(promise: Promise<T>): Promise<T> {
      const settled = Promise.resolve(promise)
        .catch((error: unknown) => console.error("EdgeRuntime.waitUntil:", error))
        .finally(() => background.delete(settled));
      background.add(settled);
      return promise;
    },
  },
});

for (const name of Object.keys(Deno.env.toObject())) {
  if (name.startsWith("DENO_") || name === "PATH" || name === "NO_COLOR") Deno.env.delete(name);
}

obeyParent();
await import(String(Deno.args[0]));
if (server === undefined) {
  console.error("The function ended without a call to Deno.serve.");
  Deno.exit(1);
}

/** The hosted limit counts buffers outside V8's heap too, which V8's own limit does not. */
function watchMemory(handler: Handler): Handler {
  let running = 0;
  let timer: ReturnType<typeof setInterval> | undefined;
  return async (request, info) => {
    if (running++ === 0) timer = setInterval(checkMemory, CHECK_MEMORY_EVERY_MS);
    try {
      return await handler(request, info);
    } finally {
      if (--running === 0) clearInterval(timer);
    }
  };
}

function checkMemory(): void {
  const { heapUsed, external } = Deno.memoryUsage();
  if (heapUsed + external < MEMORY_LIMIT_BYTES) return;
  console.error("The function holds more than 256 MB of memory.");
  Deno.exit(MEMORY_LIMIT_EXIT_CODE);
}

/** A closed stdin means that the parent is gone, however it went. */
async function obeyParent(): Promise<void> {
  let received = "";
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    received += text;
    if (received.includes(DRAIN_COMMAND)) drain();
  }
  Deno.exit(0);
}

async function drain(): Promise<void> {
  dispatchEvent(Object.assign(new Event("beforeunload"), { detail: { reason: "termination" } }));
  await server?.shutdown();
  while (background.size > 0) await Promise.all(background);
  Deno.exit(0);
}
