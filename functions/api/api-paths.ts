/** Before every path of the data API. */
export const BASE = "/api/v1";

const ADMIN_ONLY = new Set(["sync", "admin", "tasks"]);
const PUBLIC = new Set([`${BASE}/auth/token`, `${BASE}/openapi.json`]);

/** What a path is about: the first word of it. */
export const areaOf = (path: string): string => (path.startsWith(`${BASE}/`) ? path.split("/", 4)[3] : undefined) ?? "";

/** Whether a path is for admins, whoever else is known. */
export const isAdminOnly = (path: string): boolean => ADMIN_ONLY.has(areaOf(path));

/** Whether a path is for callers whom nobody knows. */
export const isPublic = (path: string): boolean => PUBLIC.has(path);
