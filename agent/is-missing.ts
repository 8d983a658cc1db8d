/** Whether a file could not be read because there is none. */
export const isMissing = (error: unknown) => error instanceof Error && "code" in error && error.code === "ENOENT";
