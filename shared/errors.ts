interface ErrorEntry {
  /** The HTTP status that the code travels under. */
  status: number;
  /** What a caller reads when nobody says it better. */
  detail: string;
  /** Under which SQL raises it; absent where SQL answers it as a value or never meets it. */
  sqlstate?: `ZC${string}`;
}

/** Every code that a caller may read: the one table that maps SQLSTATE, code and HTTP status. */
const ERRORS = {
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
  launch_failed: { status: 503, detail: "The container could not be launched" },
  lease_expired: { status: 503, detail: "The container stopped reporting" },
  internal_error: { status: 500, detail: "Something went wrong that nobody foresaw" },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** Whether a code, such as a run's, is one that callers know. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}

/** Ends an operation with a code of the table; the detail is the table's unless a better one is given. */
export class CorralError extends Error {
  override readonly name = "CorralError";
  readonly code: ErrorCode;
  readonly status: number;
  readonly detail: string;

  constructor(code: ErrorCode, detail?: string, options?: ErrorOptions) {
    const entry: ErrorEntry = ERRORS[code];
    super(detail ?? entry.detail, options);
    this.code = code;
    this.status = entry.status;
    this.detail = this.message;
  }
}

/** What PostgREST answers when a statement fails. */
export interface DatabaseError {
  /** The SQLSTATE, or a PGRST code of PostgREST's own; empty when it did not answer at all. */
  code: string;
  message: string;
}

/** The error that a failed call stands for: a `CorralError` if SQL raised one of ours, else a plain one with the cause. */
export function toError(error: DatabaseError): Error {
  for (const [code, { sqlstate }] of Object.entries<ErrorEntry>(ERRORS)) {
    if (sqlstate === error.code && isErrorCode(code)) return new CorralError(code, error.message, { cause: error });
  }
  return new Error(`Postgres: ${error.message}`, { cause: error });
}
