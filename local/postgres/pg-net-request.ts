/** A row of net.http_request_queue. */
export interface QueuedRequest {
  id: string;
  method: string;
  url: string;
  headers: Record<string, string>;
  body: Buffer | null;
  timeout_milliseconds: number;
}

/** A row of net._http_response. */
export interface RecordedResponse {
  id: string;
  status_code: number | null;
  content_type: string | null;
  headers: Record<string, string> | null;
  content: string | null;
  timed_out: boolean;
  error_msg: string | null;
}

const USER_AGENT = "pg_net/0.20.4";

/** libcurl's words for what pg_net records. */
const CURL_ERRORS: Record<string, string> = {
  ECONNREFUSED: "Couldn't connect to server",
  ENOTFOUND: "Couldn't resolve host name",
  EAI_AGAIN: "Couldn't resolve host name",
  ECONNRESET: "Failure when receiving data from the peer",
  UND_ERR_SOCKET: "Server returned nothing (no headers, no data)",
};

/** Sends a request once and resolves to the row that pg_net records for it; rejects only when `signal` aborts. */
export async function sendRequest(request: QueuedRequest, signal: AbortSignal): Promise<RecordedResponse> {
  const started = performance.now();
  const ending = new AbortController();
  const abort = () => ending.abort();
  signal.addEventListener("abort", abort);
  const timer = setTimeout(abort, request.timeout_milliseconds);
  try {
    return await exchange(request, ending.signal);
  } catch (error) {
    signal.throwIfAborted();
    const elapsed = performance.now() - started;
    const timedOut = ending.signal.aborted;
    return {
      id: request.id,
      status_code: null,
      content_type: null,
      headers: null,
      content: null,
      timed_out: timedOut,
      error_msg: timedOut ? describeTimeout(request.timeout_milliseconds, elapsed) : describeError(error),
    };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}

async function exchange(request: QueuedRequest, signal: AbortSignal): Promise<RecordedResponse> {
  const url = new URL(request.url);
  if (!/^https?:$/.test(url.protocol)) throw new Error("Unsupported protocol");
  const response = await fetch(url, {
    method: request.method,
    headers: { ...request.headers, "User-Agent": USER_AGENT },
    // As text: a redirect makes fetch read the body twice, which it cannot do with bytes.
    body: request.body?.toString("utf8") ?? null,
    signal,
  });
  const content = await response.text();
  return {
    id: request.id,
    status_code: response.status,
    content_type: response.headers.get("content-type"),
    headers: Object.fromEntries(response.headers),
    content: content === "" ? null : content,
    timed_out: false,
    error_msg: null,
  };
}

function describeTimeout(limit: number, elapsed: number): string {
  const total = elapsed.toFixed(6);
  return `Timeout of ${limit} ms reached. Total time: ${total} ms (DNS time: 0.000000 ms, TCP/SSL handshake time: 0.000000 ms, HTTP Request/Response time: ${total} ms)`;
}

/** fetch tells why in the error's cause. */
function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : "";
  return CURL_ERRORS[code] ?? cause.message;
}
