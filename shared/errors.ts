interface ErrorEntry {
  /** The HTTP status that the code travels under. */
  status: number;
  /** What a caller reads when nobody says it better. */
  detail: string;
  /** Under which SQL raises it; absent where SQL answers it as a value or never meets it. */
  sqlstate?: `ZC${string}`;
  /** When the same request may well succeed, in seconds; absent where nobody knows. */
  retryAfterSeconds?: number;
}

/** Every code that a caller may read: the one table that maps SQLSTATE, code and HTTP status. */
const ERRORS = {
  // What is asked
  invalid_request: { status: 422, detail: "The request does not fit its schema" },
  body_too_large: { status: 413, detail: "Request body too large" },
  not_found: { status: 404, detail: "Not Found" },
  method_not_allowed: { status: 405, detail: "Method Not Allowed" },
  /** Hono's own refusals that have no other name here; they keep their status. */
  http_error: { status: 400, detail: "The request was refused" },

  // Who calls
  unauthorized: { status: 401, detail: "Not authenticated" },
  invalid_token: { status: 401, detail: "The token is not genuine, or has expired" },
  forbidden: { status: 403, detail: "This is for admins" },

  // Projects
  project_not_found: { status: 404, detail: "Project not found" },
  project_busy: { status: 409, detail: "The project is in training or completed; its dataset stays as it is" },
  project_changed: { status: 409, detail: "The project was changed while its dataset was on the way" },
  invalid_metadata: { status: 422, detail: "A project's metadata is a JSON object", sqlstate: "ZC001" },
  invalid_credentials: {
    status: 422,
    detail: "Kaggle credentials are an object with a username and a key",
    sqlstate: "ZC002",
  },

  // Agents and their tasks
  agent_not_found: { status: 404, detail: "Agent not registered" },
  owner_not_found: { status: 404, detail: "Owner email not found. Please register on the website first." },
  agent_conflict: {
    status: 409,
    detail: "This agent id is taken. Register with its token, or take another id.",
  },
  task_not_found: { status: 404, detail: "Subtask not found" },
  task_not_assigned: { status: 400, detail: "This task was not assigned to you" },
  stale_attempt: {
    status: 409,
    detail: "This attempt counts no more: the task has been handed out again, or has ended otherwise",
  },
  job_cancelled: { status: 409, detail: "The job was cancelled" },
  result_not_yours: { status: 403, detail: "The result lies in the bucket, but not where this task's results go" },

  // Jobs
  job_not_found: { status: 404, detail: "Job not found" },
  job_not_yours: { status: 403, detail: "Unauthorized: You do not own this job." },
  job_over: { status: 409, detail: "The job is over" },
  swarm_not_found: { status: 404, detail: "Swarm not found" },
  user_not_found: { status: 404, detail: "User not found" },
  idempotency_conflict: { status: 409, detail: "The idempotency key came with other wishes before. Take another key." },
  dataset_missing: { status: 409, detail: "The project has no dataset yet" },
  url_not_yours: { status: 403, detail: "The URL names an object of the bucket that is not yours" },
  address_not_public: { status: 422, detail: "The URL leads to no public https address" },

  // Accounts
  email_taken: { status: 400, detail: "Email already registered" },
  invalid_login: { status: 401, detail: "Invalid email or password" },
  weak_password: { status: 422, detail: "The password is too weak" },
  login_refused: { status: 403, detail: "The account cannot sign in" },
  signup_refused: { status: 403, detail: "This project takes no new accounts here" },
  auth_rate_limited: { status: 503, detail: "Supabase Auth limits how often it may be asked", retryAfterSeconds: 60 },
  auth_unavailable: { status: 503, detail: "Supabase Auth does not answer", retryAfterSeconds: 5 },

  // How an ingestion fails
  no_suitable_dataset: { status: 404, detail: "No suitable dataset found" },
  kaggle_ref_invalid: { status: 422, detail: "kaggle_ref is no Kaggle dataset" },
  kaggle_dataset_not_found: { status: 404, detail: "Kaggle knows no such dataset" },
  kaggle_archive_missing: { status: 404, detail: "Kaggle has no archive of this dataset" },
  dataset_too_large: { status: 422, detail: "The dataset is larger than the project allows" },
  license_not_allowed: { status: 422, detail: "The dataset's licence is none that the project allows" },
  kaggle_unauthorized: { status: 502, detail: "Kaggle does not accept the credentials" },
  kaggle_forbidden: { status: 502, detail: "Kaggle does not let these credentials have the dataset" },
  kaggle_rate_limited: { status: 503, detail: "Kaggle limits how often it may be asked" },
  kaggle_unavailable: { status: 503, detail: "Kaggle does not answer" },
  kaggle_unexpected_reply: { status: 502, detail: "Kaggle answered what nobody expected" },
  download_interrupted: { status: 502, detail: "The download broke off too often" },
  source_changed: { status: 502, detail: "The dataset changed while it was downloaded" },
  checksum_mismatch: { status: 502, detail: "What arrived is not what Kaggle has" },
  checksum_missing: { status: 502, detail: "Kaggle tells no checksum of this archive" },
  storage_forbidden: { status: 502, detail: "The bucket does not accept the dataset" },
  storage_not_found: { status: 502, detail: "The bucket does not exist" },
  storage_unavailable: { status: 503, detail: "Cloud Storage does not answer" },
  storage_contended: { status: 503, detail: "Others write to the same object" },
  object_conflict: { status: 502, detail: "The bucket holds something else under the dataset's name" },
  dispatch_refused: { status: 503, detail: "The dispatcher does not take what Postgres announces" },
  launch_failed: { status: 503, detail: "The container could not be launched" },
  lease_expired: { status: 503, detail: "The container stopped reporting" },
  database_unavailable: { status: 503, detail: "The database does not answer in time", retryAfterSeconds: 1 },
  internal_error: { status: 500, detail: "Something went wrong that nobody foresaw" },

  // How a split fails
  data_not_found: { status: 404, detail: "The job's data is not there" },
  data_file_not_found: { status: 404, detail: "The archive has no such file" },
  no_tabular_file: { status: 422, detail: "The archive holds no CSV, TSV, JSONL or Parquet file" },
  data_format_unknown: { status: 422, detail: "The data is neither CSV, TSV, JSONL nor Parquet" },
  data_malformed: { status: 422, detail: "The data breaks its format's rules" },
  data_not_utf8: { status: 422, detail: "The data is not UTF-8" },
  data_empty: { status: 422, detail: "The data has no rows" },
  data_too_large: { status: 422, detail: "The data is larger than a job takes" },
  archive_unreadable: { status: 422, detail: "The archive cannot be read" },
  too_many_chunks: { status: 422, detail: "The data would become more chunks than a job has" },
  data_unreachable: { status: 502, detail: "The server of the job's data refuses it" },

  // How an aggregation fails
  results_missing: { status: 409, detail: "No task told where its result is" },
  results_not_ours: { status: 403, detail: "A result is not among the job's own in the bucket" },
  result_missing: { status: 404, detail: "The bucket does not hold a task's result" },
  result_unreadable: { status: 422, detail: "A task's result breaks its format's rules" },
  results_differ: { status: 409, detail: "The results do not fit together" },
  results_not_tabular: { status: 422, detail: "The results are no tables that can be joined" },
  results_not_averageable: { status: 422, detail: "The results are no models that can be averaged" },
  unsafe_pickle: { status: 422, detail: "A model's file asks for code to be run" },
  // The data lane: who calls
  rate_limited: { status: 429, detail: "Too many requests" },
  token_not_found: { status: 404, detail: "Token not found", sqlstate: "ZC101" },
  admins_only: { status: 403, detail: "This is for admins", sqlstate: "ZC102" },

  // Tables and their syncs
  table_not_found: { status: 404, detail: "Table not found", sqlstate: "ZC111" },
  table_ambiguous: { status: 409, detail: "Several tables have that name: say which schema", sqlstate: "ZC112" },
  table_not_synced: { status: 409, detail: "The table has no snapshot yet", sqlstate: "ZC113" },
  table_not_in_source: { status: 404, detail: "Table not found in Snowflake", sqlstate: "ZC114" },
  invalid_columns: { status: 422, detail: "The table has no such columns", sqlstate: "ZC115" },
  grant_not_found: { status: 404, detail: "The table is not granted to that swarm", sqlstate: "ZC116" },
  sync_not_found: { status: 404, detail: "Sync not found", sqlstate: "ZC121" },
  sync_running: { status: 409, detail: "A sync of the table is running", sqlstate: "ZC122" },
  sync_over: { status: 409, detail: "The sync is over", sqlstate: "ZC123" },
  invalid_sync: { status: 422, detail: "The sync's options do not fit together", sqlstate: "ZC124" },
  invalid_schedule: { status: 422, detail: "That is no cron expression", sqlstate: "ZC125" },
  run_not_found: { status: 404, detail: "Task not found", sqlstate: "ZC126" },
  source_unavailable: { status: 503, detail: "Snowflake could not be asked in time", retryAfterSeconds: 5 },

  // Queries and artifacts
  too_many_queries: { status: 429, detail: "Too many queries at once", sqlstate: "ZC131", retryAfterSeconds: 1 },
  query_not_found: { status: 404, detail: "Query not found", sqlstate: "ZC132" },
  query_over: { status: 409, detail: "The query is over", sqlstate: "ZC133" },
  query_not_finished: { status: 409, detail: "The query is not finished", retryAfterSeconds: 1 },
  query_failed: { status: 409, detail: "The query failed" },
  result_gone: { status: 410, detail: "The result was deleted" },
  artifact_not_found: { status: 404, detail: "Artifact not found", sqlstate: "ZC141" },
  artifact_too_large: { status: 413, detail: "The artifact is too large" },
  artifact_not_uploaded: { status: 409, detail: "The artifact's content is not there yet" },

  // How a query fails
  sql_error: { status: 422, detail: "The query is wrong" },
  sql_not_allowed: { status: 403, detail: "The query asks for what queries may not do" },
  query_timeout: { status: 422, detail: "The query took too long" },
  query_memory: { status: 422, detail: "The query needs more memory than it may have" },
  result_too_large: { status: 422, detail: "The query's result is larger than it may be" },
  runner_died: { status: 503, detail: "The query's runner died" },

  // How a sync fails
  snowflake_unauthorized: { status: 502, detail: "Snowflake does not accept the credentials" },
  snowflake_unavailable: { status: 503, detail: "Snowflake does not answer" },
  snowflake_error: { status: 502, detail: "Snowflake refused a statement" },
  certificate_mismatch: { status: 502, detail: "What arrived is not what Snowflake has" },
  snapshot_unreadable: { status: 502, detail: "The last snapshot cannot be read" },
  column_unsupported: { status: 422, detail: "The table has a column that a snapshot cannot hold" },
  sync_timeout: { status: 502, detail: "The sync took too long" },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** Whether a code, such as a run's, is one that callers know. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}

export interface CorralErrorOptions extends ErrorOptions {
  /** Where it is known better than the table knows it. */
  retryAfterSeconds?: number | undefined;
}

/** Ends an operation with a code of the table; the detail is the table's unless a better one is given. */
export class CorralError extends Error {
  override readonly name = "CorralError";
  readonly code: ErrorCode;
  readonly status: number;
  readonly detail: string;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, detail?: string, options: CorralErrorOptions = {}) {
    const entry: ErrorEntry = ERRORS[code];
    super(detail ?? entry.detail, options);
    this.code = code;
    this.status = entry.status;
    this.detail = this.message;
    this.retryAfterSeconds = options.retryAfterSeconds ?? entry.retryAfterSeconds;
  }
}

/** What PostgREST answers when a statement fails. */
export interface DatabaseError {
  /** The SQLSTATE, or a PGRST code of PostgREST's own; empty when it did not answer at all. */
  code: string;
  message: string;
}

/**
 * What tells that Postgres or its API is not there, or too busy, for now: PostgREST's codes of group 0
 * (https://docs.postgrest.org/en/stable/references/errors.html), a statement cut off by its timeout, no connection left,
 * a server that stops or starts.
 */
const UNAVAILABLE = new Set([
  "",
  "PGRST000",
  "PGRST001",
  "PGRST002",
  "PGRST003",
  "53300",
  "57014",
  "57P01",
  "57P02",
  "57P03",
]);

/**
 * The error that a failed call stands for, with the cause: a `CorralError` if SQL raised one of ours or the database
 * could not be had, else a plain one.
 */
export function toError(error: DatabaseError): Error {
  if (UNAVAILABLE.has(error.code)) return new CorralError("database_unavailable", undefined, { cause: error });
  for (const [code, { sqlstate }] of Object.entries<ErrorEntry>(ERRORS)) {
    if (sqlstate === error.code && isErrorCode(code)) return new CorralError(code, error.message, { cause: error });
  }
  return new Error(`Postgres: ${error.message}`, { cause: error });
}
