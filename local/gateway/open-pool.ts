import pg from "pg";

/** Opens a pool that outlives its connections: a lost one fails the request that was using it, and no more. */
export function openPool(config: pg.PoolConfig): pg.Pool {
  const ignore = () => undefined;
  const pool = new pg.Pool(config);
  pool.on("error", ignore);
  pool.on("connect", (client) => client.on("error", ignore));
  return pool;
}
