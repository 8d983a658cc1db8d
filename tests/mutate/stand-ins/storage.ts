// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are the placeholders of the source that is changed
import type { StandInMutant } from "../stand-in-mutant.ts";

const STORAGE = "local/storage";
const resumable = ["tests/local/storage/resumable-wire.test.ts"];
const uploads = ["tests/contracts/storage/uploads.test.ts"];
const reads = ["tests/contracts/storage/reads.test.ts"];
const http = ["tests/local/storage/http.test.ts"];
const changes = ["tests/contracts/storage/changes.test.ts"];
const buckets = ["tests/contracts/storage/buckets.test.ts"];
const crash = ["tests/local/storage/crash.test.ts"];

/** Cloud Storage's objects out of objects, generations and conditions, buckets and their rules, and crashes. */
export const storageMutants: StandInMutant[] = [
  {
    title: "Storage: compose leaves out the last source",
    file: `${STORAGE}/copy-routes.ts`,
    find: "segments: sources.flatMap(({ segments }) => segments),",
    replace: "segments: sources.slice(0, -1).flatMap(({ segments }) => segments),",
    tests: changes,
  },
  {
    title: "Storage: compose joins in another order",
    file: `${STORAGE}/copy-routes.ts`,
    find: "segments: sources.flatMap(({ segments }) => segments),",
    replace: "segments: sources.toReversed().flatMap(({ segments }) => segments),",
    tests: changes,
  },
  {
    title: "Storage: compose takes more than 32 sources",
    file: `${STORAGE}/copy-routes.ts`,
    find: "const MAX_SOURCES = 32;",
    replace: "const MAX_SOURCES = 64;",
    tests: changes,
  },
  {
    title: "Storage: compose takes fewer than 32 sources",
    file: `${STORAGE}/copy-routes.ts`,
    find: "const MAX_SOURCES = 32;",
    replace: "const MAX_SOURCES = 31;",
    tests: changes,
  },
  {
    title: "Storage: a composite has the CRC32C of its last source",
    file: `${STORAGE}/copy-routes.ts`,
    find: "combineCrc32c(sum, crc32c, size), EMPTY_CRC32C)",
    replace: "(size < 0 ? combineCrc32c(sum, crc32c, size) : crc32c), EMPTY_CRC32C)",
    tests: changes,
  },
  {
    title: "Storage: a composite has an MD5",
    file: `${STORAGE}/copy-routes.ts`,
    find: "    size: sources.reduce((sum, { size }) => sum + size, 0),\n",
    replace: "    size: sources.reduce((sum, { size }) => sum + size, 0),\n    md5Hash: sources[0]?.md5Hash,\n",
    tests: changes,
  },
  {
    title: "Storage: compose ignores the generations that it was given",
    file: `${STORAGE}/copy-routes.ts`,
    find: "store.object(bucket, source.name, source.generation)",
    replace: "store.object(bucket, source.name)",
    tests: changes,
  },
  {
    title: "Storage: a composite goes with its sources",
    file: `${STORAGE}/state.ts`,
    find: "    this.#segments.hold(object.segments);\n    const before",
    replace: "    if (object.componentCount === undefined) this.#segments.hold(object.segments);\n    const before",
    tests: changes,
  },
  {
    title: "Storage: a rewrite loses the metadata",
    file: `${STORAGE}/copy-routes.ts`,
    find: "const settings = Object.keys(given).length > 0 ? given : source;",
    replace: "const settings = given;",
    tests: changes,
  },
  {
    title: "Storage: a rewrite ignores the metadata that it was given",
    file: `${STORAGE}/copy-routes.ts`,
    find: "const settings = Object.keys(given).length > 0 ? given : source;",
    replace: "const settings = Object.keys(given).length < 0 ? given : source;",
    tests: changes,
  },
  {
    title: "Storage: a move leaves the source",
    file: `${STORAGE}/state.ts`,
    find: "        this.#deleteObject(change.object.bucket, change.from);\n",
    replace: "",
    tests: changes,
  },
  {
    title: "Storage: writing an object keeps its generation",
    file: `${STORAGE}/store.ts`,
    find: "const generation = this.#nextGeneration(this.#state.object(object.bucket, object.name));",
    replace:
      "const known = this.#state.object(object.bucket, object.name);\n    const generation = known?.generation ?? this.#nextGeneration(known);",
    tests: [...reads, ...uploads, ...changes],
  },
  {
    title: "Storage: changing metadata keeps the metageneration",
    file: `${STORAGE}/store.ts`,
    find: "metageneration: before.metageneration + 1,",
    replace: "metageneration: before.metageneration,",
    tests: changes,
  },
  {
    title: "Storage: an old generation gives the live one",
    file: `${STORAGE}/store.ts`,
    find: "(generation !== undefined && generation !== String(object.generation))",
    replace: 'generation === "none"',
    tests: reads,
  },
  {
    title: "Storage: ifGenerationMatch is ignored",
    file: `${STORAGE}/check-preconditions.ts`,
    find: "if (ifGenerationMatch !== undefined && number(ifGenerationMatch) !== generation) throw preconditionFailed();",
    replace: "",
    tests: uploads,
  },
  {
    title: "Storage: ifGenerationMatch=0 does not stand for no object",
    file: `${STORAGE}/check-preconditions.ts`,
    find: "const generation = current?.generation ?? NO_OBJECT;",
    replace: "const generation = current?.generation ?? -1 - NO_OBJECT;",
    tests: uploads,
  },
  {
    title: "Storage: ifMetagenerationMatch is ignored",
    file: `${STORAGE}/check-preconditions.ts`,
    find: "number(ifMetagenerationMatch) !== metageneration)",
    replace: "number(ifMetagenerationMatch) < 0)",
    tests: changes,
  },
  {
    title: "Storage: a precondition that fails is not a 412",
    file: `${STORAGE}/storage-error.ts`,
    find: "    412,\n",
    replace: "    409,\n",
    tests: uploads,
  },
  {
    title: "Storage: a read of what has not changed is a 412 instead of a 304",
    file: `${STORAGE}/check-preconditions.ts`,
    find: 'throw operation === "read" ? notModified() : preconditionFailed();',
    replace: "throw operation === undefined ? notModified() : preconditionFailed();",
    tests: reads,
  },
  {
    title: "Storage: preconditions of an upload are checked at its start only",
    file: `${STORAGE}/store.ts`,
    find: "    this.checkWrite(object.bucket, object.name, preconditions);\n",
    replace: "    if (preconditions === null) this.checkWrite(object.bucket, object.name, preconditions);\n",
    tests: [...resumable, ...uploads],
  },
  {
    title: "Storage: If-None-Match sends the bytes again",
    file: `${STORAGE}/send-media.ts`,
    find: 'if (known && (known.includes(etag) || known.includes("*"))) throw notModified();',
    replace: "if (known === null) throw notModified();",
    tests: http,
  },
  {
    title: "Storage: lifecycle rules are not kept",
    file: `${STORAGE}/bucket-routes.ts`,
    find: "filter(([key]) => !OUTPUT_ONLY.includes(key))",
    replace: 'filter(([key]) => !OUTPUT_ONLY.includes(key) && key !== "lifecycle")',
    tests: buckets,
  },
  {
    title: "Storage: a bucket's patch replaces all of its settings",
    file: `${STORAGE}/bucket-routes.ts`,
    find: "checkSettings(settingsShape.parse(mergePatch(settings, patch)));",
    replace: "checkSettings(settingsShape.parse(mergePatch({ x: settings }, patch)));",
    tests: buckets,
  },
  {
    title: "Storage: null in a patch removes nothing",
    file: `${STORAGE}/merge-patch.ts`,
    find: "if (value === null) delete merged[key];",
    replace: "if (value === null) continue;",
    tests: changes,
  },
  {
    title: "Storage: a bucket can be made twice",
    file: `${STORAGE}/store.ts`,
    find: "if (this.#state.bucket(name) !== undefined) {",
    replace: 'if (name === "") {',
    tests: buckets,
  },
  {
    title: "Storage: a bucket goes with what is in it",
    file: `${STORAGE}/store.ts`,
    find: 'if (objects.size > 0) throw conflict("The bucket you tried to delete is not empty.");',
    replace: "if (objects.size < 0) throw conflict(name);",
    tests: buckets,
  },
  {
    title: "Storage: an object that is not there is not a 404",
    file: `${STORAGE}/storage-error.ts`,
    find: 'new StorageError(404, "notFound", "NoSuchKey", message)',
    replace: 'new StorageError(400, "notFound", "NoSuchKey", message)',
    tests: reads,
  },
  {
    title: "Storage: a CORS preflight of the JSON API is refused",
    file: `${STORAGE}/handle-request.ts`,
    find: 'if (isPreflight(request)) return void response.writeHead(200, { "content-length": 0 }).end();',
    replace: "",
    tests: http,
  },
  {
    title: "Storage: a bucket's CORS setting lets every origin in",
    file: `${STORAGE}/cors.ts`,
    find: '.find((one) => matches(one.origin, origin) && matches(one.method, method ?? ""));',
    replace: '.find((one) => matches(one.method, method ?? ""));',
    tests: http,
  },
  {
    title: "Storage: a bucket's CORS setting lets every method in",
    file: `${STORAGE}/cors.ts`,
    find: '.find((one) => matches(one.origin, origin) && matches(one.method, method ?? ""));',
    replace: '.find((one) => matches(one.origin, origin) || one.method.includes(method ?? ""));',
    tests: http,
  },
  {
    title: "Storage: a CORS setting's headers are not exposed",
    file: `${STORAGE}/cors.ts`,
    find: 'if (!isPreflight(request)) return { ...headers, "access-control-expose-headers": names };',
    replace: "if (!isPreflight(request)) return headers;",
    tests: ["tests/local/storage/cors-headers.test.ts"],
  },
  {
    title: "Storage: gzipped bytes are sent gzipped to whoever does not take it",
    file: `${STORAGE}/send-media.ts`,
    find: 'if (object.contentEncoding === "gzip" && !acceptsGzip(call))',
    replace: 'if (object.contentEncoding === "none" && !acceptsGzip(call))',
    tests: http,
  },
  {
    title: "Storage: what was answered for sure is lost in a crash",
    file: `${STORAGE}/journal.ts`,
    find: "    for (let written = 0; written < line.length; ) written += writeSync(this.#fd, line, written);",
    replace: "    setTimeout(() => writeSync(this.#fd, line), 50);",
    tests: crash,
  },
  {
    title: "Storage: files that nobody holds stay for ever",
    file: `${STORAGE}/segments.ts`,
    find: "if (!this.#holders.has(id)) await rm(this.pathOf(id), { force: true });",
    replace: "if (id === this.#dir) await rm(this.pathOf(id), { force: true });",
    tests: crash,
  },
];
