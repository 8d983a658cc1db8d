const ALPHABET = new TextEncoder().encode("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
const PADDING = "=".charCodeAt(0);
/** They divide evenly into groups of four. */
const CHARACTERS_AT_ONCE = 65_536;

/**
 * The bytes of base64, or undefined when it is none. White space and a missing padding are forgiven; large texts are
 * read in pieces, since a string of all bytes would double the memory.
 */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  const dense = /\s/.test(text) ? text.replace(/\s+/g, "") : text;
  const content = dense.endsWith("=") ? dense.replace(/={1,2}$/, "") : dense;
  if (content.length % 4 === 1 || !/^[A-Za-z0-9+/]*$/.test(content)) return undefined;
  const bytes = new Uint8Array(Math.floor((content.length * 3) / 4));
  let length = 0;
  for (let start = 0; start < content.length; start += CHARACTERS_AT_ONCE) {
    const piece = atob(content.slice(start, start + CHARACTERS_AT_ONCE));
    for (let index = 0; index < piece.length; index++) bytes[length++] = piece.charCodeAt(index);
  }
  return bytes;
}

/** Bytes as base64, with padding. By hand, since `btoa` wants a string of them, which takes ten times as long to make. */
export function encodeBase64(bytes: Uint8Array): string {
  const text = new Uint8Array(Math.ceil(bytes.length / 3) * 4);
  let length = 0;
  for (let start = 0; start < bytes.length; start += 3) {
    const [first = 0, second = 0, third = 0] = [bytes[start], bytes[start + 1], bytes[start + 2]];
    const bits = (first << 16) | (second << 8) | third;
    for (const shift of [18, 12, 6, 0]) text[length++] = ALPHABET[(bits >> shift) & 63] ?? 0;
  }
  const rest = bytes.length % 3;
  if (rest > 0) text.fill(PADDING, length - 3 + rest);
  return new TextDecoder().decode(text);
}
