import { createClient, type SupabaseClient } from "@supabase/supabase-js";

/** Node 20 has no WebSocket, and the client insists on one; these suites never open it. */
class UnusedSocket extends EventTarget {
  readonly CONNECTING = 0;
  readonly OPEN = 1;
  readonly CLOSING = 2;
  readonly CLOSED = 3;
  readonly readyState = 3;
  readonly url = "";
  readonly protocol = "";
  readonly onopen = null;
  readonly onmessage = null;
  readonly onclose = null;
  readonly onerror = null;
  close(): void {}
  send(): void {}
}

/** Supabase's own client, with nothing kept between two of them. */
export function connectSupabase(url: string, key: string): SupabaseClient {
  return createClient(url, key, {
    auth: { persistSession: false, autoRefreshToken: false },
    realtime: { transport: globalThis.WebSocket ?? UnusedSocket },
  });
}
