import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { platform, tmpdir } from "node:os";
import { join } from "node:path";

/** Claims a data folder, named by its real path, for this process and resolves to the release. */
export async function claimDataFolder(dataDir: string): Promise<() => Promise<void>> {
  const release = await claimName(dataDir);
  if (release !== "taken") return release;
  throw new Error(
    `A local cloud already runs on ${dataDir}. Stop it (Ctrl-C where it runs), or start another with --data-dir and --ports auto.`,
  );
}

/**
 * Claims a name on this machine for this process and resolves to the release, or to "taken" while another has it.
 * The claim is a listening socket, not a file with a pid: the system frees it however the process ends.
 */
export async function claimName(name: string): Promise<(() => Promise<void>) | "taken"> {
  const path = socketPath(name);
  const server = createServer((socket) => socket.end());
  if (!(await bind(server, path))) {
    if (await answers(path)) return "taken";
    if (!path.startsWith("\0")) await rm(path, { force: true });
    if (!(await bind(server, path))) return "taken";
  }
  server.unref();
  return () => new Promise((done) => server.close(() => done()));
}

function socketPath(name: string): string {
  const path = `corral-${createHash("sha256").update(name).digest("hex").slice(0, 16)}`;
  // Linux and Windows have names without files, which nothing outlives and two starts cannot both take over.
  if (platform() === "linux") return `\0${path}`;
  return platform() === "win32" ? `\\\\.\\pipe\\${path}` : join(tmpdir(), `${path}.sock`);
}

/** A socket file that outlived its process is there, but nobody answers on it. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

function bind(server: Server, path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) => {
      server.off("listening", onListening);
      if (error.code === "EADDRINUSE") resolve(false);
      else reject(error);
    };
    const onListening = () => {
      server.off("error", onError);
      resolve(true);
    };
    server.once("error", onError).once("listening", onListening).listen(path);
  });
}
