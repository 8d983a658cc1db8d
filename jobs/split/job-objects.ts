/** Where a split keeps a job's objects. */
export interface JobObjects {
  /** Data that was fetched from elsewhere. */
  source: string;
  /** A file that has to lie outside of its archive to be read. */
  member: string;
  /** Folder of the chunks, with a slash at its end. */
  chunks: string;
}

export function jobObjects(jobId: number): JobObjects {
  const folder = `jobs/${jobId}/`;
  return { source: `${folder}data/source`, member: `${folder}data/member.parquet`, chunks: `${folder}chunks/` };
}
