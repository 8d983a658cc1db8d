import { connect, type Socket } from "node:net";
import { LOOPBACK } from "../../listen.ts";

/** Who is sent what comes on a connection, and told once when it is no more. */
export interface Listener {
  take(piece: Buffer): void;
  closed(): void;
}

export interface Connection {
  socket: Socket;
  listener: Listener | undefined;
}

const MAX_IDLE = 256;

/** Kept-alive connections to one loopback port, each lent to one listener at a time. */
export class Connections {
  readonly #idle: Connection[] = [];

  lend(port: number, listener: Listener): Connection {
    const connection = this.#idle.pop() ?? this.#open(port);
    connection.listener = listener;
    return connection;
  }

  /** Takes back a connection on which nothing is under way. */
  giveBack(connection: Connection): void {
    connection.listener = undefined;
    if (this.#idle.length < MAX_IDLE) this.#idle.push(connection);
    else connection.socket.destroy();
  }

  /** Ends what nobody uses. */
  close(): void {
    for (const { socket } of this.#idle) socket.destroy();
  }

  #open(port: number): Connection {
    const socket = connect({ port, host: LOOPBACK, noDelay: true });
    const connection: Connection = { socket, listener: undefined };
    socket.on("data", (piece) => {
      // What nobody asked for belongs to nobody.
      if (connection.listener === undefined) socket.destroy();
      else connection.listener.take(piece);
    });
    // The end that follows says it.
    socket.on("error", () => undefined);
    socket.once("end", () => this.#forget(connection));
    socket.once("close", () => {
      this.#forget(connection);
      connection.listener?.closed();
    });
    return connection;
  }

  #forget(connection: Connection): void {
    const index = this.#idle.indexOf(connection);
    if (index >= 0) this.#idle.splice(index, 1);
  }
}
