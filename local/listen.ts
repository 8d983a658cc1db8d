import type { Server } from "node:net";

export const LOOPBACK = "127.0.0.1";

/**
 * Binds a server to loopback and resolves to the port it got; port 0 asks for any free one.
 * A busy port is refused by name, with the remedy.
 */
export function listen(server: Server, name: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EADDRINUSE") return reject(error);
      reject(
        new Error(`Port ${port} for ${name} is in use. Stop what holds it, or start with --ports auto.`, {
          cause: error,
        }),
      );
    });
    server.listen(port, LOOPBACK, () => {
      const address = server.address();
      if (address === null || typeof address === "string") return reject(new Error(`${name} got no TCP address`));
      resolve(address.port);
    });
  });
}

/** Stops accepting, ends what is open, and resolves once the port is free. */
export function closeServer(server: Server & { closeAllConnections?: () => void }): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections?.();
  });
}
