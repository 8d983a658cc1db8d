// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are the placeholders of the source that is changed
import type { StandInMutant } from "../stand-in-mutant.ts";

const VERIFY = "local/storage/verify-signature.ts";
const REQUESTS = "local/storage/signed-requests.ts";
const tests = ["tests/contracts/storage/signed-urls.test.ts"];

/** V4 signed URLs of Cloud Storage: what they open, for whom and how long. */
export const signedUrlMutants: StandInMutant[] = [
  {
    title: "Signed URLs: an expired one works",
    file: VERIFY,
    find: "if (now > end) {",
    replace: "if (now > end + 1e15) {",
    tests,
  },
  {
    title: "Signed URLs: one works before its time",
    file: VERIFY,
    find: 'if (signedAt > now + CLOCK_SKEW_MS) throw accessDenied("Request is not yet valid.");',
    replace: "",
    tests,
  },
  {
    title: "Signed URLs: any signature will do",
    file: VERIFY,
    find: "if (candidates.some(({ text }) => signer.holds(text, day, signature))) return;",
    replace: "if (candidates.length > 0 && signature.length > 0) return;",
    tests,
  },
  {
    title: "Signed URLs: none is needed",
    file: VERIFY,
    find: '      throw accessDenied("Anonymous caller does not',
    replace: '      return;\n      throw accessDenied("Anonymous caller does not',
    tests,
  },
  {
    title: "Signed URLs: one for reading stands for writing",
    file: VERIFY,
    find: 'return method === "HEAD" ? ["HEAD", "GET"] : [method];',
    replace: 'return [method, "GET"];',
    tests,
  },
  {
    title: "Signed URLs: one for reading does not stand for HEAD",
    file: VERIFY,
    find: 'return method === "HEAD" ? ["HEAD", "GET"] : [method];',
    replace: "return [method];",
    tests,
  },
  {
    title: "Signed URLs: the query can be changed",
    file: VERIFY,
    find: '.filter(([key]) => key !== "X-Goog-Signature")',
    replace: '.filter(([key]) => key !== "X-Goog-Signature" && !key.startsWith("response-") && key !== "x")',
    tests,
  },
  {
    title: "Signed URLs: any HMAC signature will do",
    file: VERIFY,
    find: "return signature.length === expected.length && timingSafeEqual(signature, expected);",
    replace: "return signature.length === expected.length;",
    tests: ["tests/shared/cloud/sign-url.test.ts"],
  },
  {
    title: "Signed URLs: another account's credential is accepted",
    file: VERIFY,
    find: 'if (read("X-Goog-Credential") !== `${signer.id}/${scope}`) {',
    replace: 'if (!read("X-Goog-Credential").endsWith(scope)) {',
    tests,
  },
  {
    title: "Signed URLs: unsigned extension headers are accepted",
    file: VERIFY,
    find: "if (unsigned !== undefined) throw",
    replace: 'if (unsigned === "") throw',
    tests,
  },
  {
    title: "Signed URLs: a signed host with its port does not count",
    file: VERIFY,
    find: 'return [...new Set([host, host.replace(/:\\d+$/, "")])];',
    replace: 'return [host.replace(/:\\d+$/, "")];',
    tests: ["tests/local/storage/hand-signed-urls.test.ts"],
  },
  {
    title: "Signed URLs: a signed host without its port does not count",
    file: VERIFY,
    find: 'return [...new Set([host, host.replace(/:\\d+$/, "")])];',
    replace: "return [host];",
    tests: ["tests/local/storage/hand-signed-urls.test.ts"],
  },
  {
    title: "Signed URLs: a refusal is not in XML",
    file: "local/storage/handle-request.ts",
    find: 'const format = apiPath === undefined ? "xml" :',
    replace: 'const format = apiPath === undefined ? "json" :',
    tests,
  },
  {
    title: "Signed URLs: an upload forgets the headers that were signed",
    file: REQUESTS,
    find: '    contentType: call.header("content-type"),\n',
    replace: "",
    tests,
  },
  {
    title: "Signed URLs: an upload ignores its precondition",
    file: REQUESTS,
    find: 'ifGenerationMatch: call.header("x-goog-if-generation-match"),',
    replace: "ifGenerationMatch: undefined,",
    tests,
  },
  {
    title: "Signed URLs: an upload may be larger than the signer allows",
    file: REQUESTS,
    find: "if (size > Number(max)) {",
    replace: "if (size > Number(max) * 1e9) {",
    tests,
  },
  {
    title: "Signed URLs: an upload may be smaller than the signer allows",
    file: REQUESTS,
    find: 'when === "received" && size < Number(min)',
    replace: 'when === "received" && size < 0 * Number(min)',
    tests,
  },
  {
    title: "Signed URLs: an upload cannot be resumable",
    file: REQUESTS,
    find: 'call.header("x-goog-resumable") === "start"',
    replace: 'call.header("x-goog-resumable") === "no"',
    tests,
  },
  {
    title: "Signed URLs: a lifetime beyond seven days is accepted",
    file: VERIFY,
    find: "const MAX_LIFETIME_SECONDS = 7 * 24 * 3600;",
    replace: "const MAX_LIFETIME_SECONDS = 7000 * 24 * 3600;",
    tests: ["tests/local/storage/hand-signed-urls.test.ts"],
  },
];
