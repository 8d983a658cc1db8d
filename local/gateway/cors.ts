import { cors } from "hono/cors";

const EXPOSED_HEADERS = [
  "Content-Encoding",
  "Content-Location",
  "Content-Range",
  "Content-Type",
  "Date",
  "Location",
  "Preference-Applied",
  "Proxy-Status",
  "Range-Unit",
  "X-Sb-Error-Code",
  "X-Supabase-Api-Version",
];

/** Any origin may call, with any header: the hosted REST and Auth endpoints are made for browsers. */
export const openCors = cors({
  origin: "*",
  allowMethods: ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS"],
  exposeHeaders: EXPOSED_HEADERS,
  maxAge: 3600,
});
