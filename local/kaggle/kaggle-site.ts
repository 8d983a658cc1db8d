import type { Log } from "../log.ts";
import type { Accounts } from "./accounts.ts";
import type { BlobStore } from "./blob-store.ts";
import type { Catalogue } from "./catalogue.ts";
import type { Faults } from "./faults.ts";
import type { Line } from "./line.ts";
import type { RequestLog } from "./request-log.ts";
import type { UrlSigner } from "./signed-url.ts";

/** What the handlers of one server share. */
export interface KaggleSite {
  catalogue: Catalogue;
  accounts: Accounts;
  blobs: BlobStore;
  signer: UrlSigner;
  faults: Faults;
  requests: RequestLog;
  line: Line;
  log: Log;
}
