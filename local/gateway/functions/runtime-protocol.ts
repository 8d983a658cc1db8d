/** What a function's Deno process and its parent say to each other; read by both Node and Deno. */

/** Hosted functions have this much memory. */
export const MEMORY_LIMIT_BYTES = 256 * 1024 * 1024;

/** Exit code of a process that holds more than that outside V8's heap; V8 itself aborts when the heap is full. */
export const MEMORY_LIMIT_EXIT_CODE = 86;

/** Precedes, on stdout, the port that the function listens on; a character that no log line has. */
export const READY_MARK = "\u001eport ";

/** Sent on stdin: finish what is under way, promises given to `EdgeRuntime.waitUntil` included, then exit. */
export const DRAIN_COMMAND = "drain\n";
