/** CRC32C (RFC 3720, appendix B.4) with its bits reflected. */
const POLYNOMIAL = 0x82f63b78;
/** The polynomial 1, in the reflected order of bits. */
const ONE = 0x80000000;
/** The polynomial x^8: what one more byte multiplies a checksum by. */
const ONE_BYTE = 0x00800000;

/**
 * The CRC32C of two byte strings in a row, from the checksum of each and the second's length in bytes.
 * Checksums are as Cloud Storage writes them: base64 of four bytes, big-endian. No bytes are read.
 */
export function combineCrc32c(first: string, second: string, secondLength: number): string {
  const shifted = multiply(powerOfBytes(secondLength), decodeCrc32c(first));
  return encodeCrc32c(shifted ^ decodeCrc32c(second));
}

/** Writes a checksum as Cloud Storage does: base64 of its four bytes, big-endian. */
export function encodeCrc32c(checksum: number): string {
  return btoa(String.fromCharCode(checksum >>> 24, (checksum >>> 16) & 255, (checksum >>> 8) & 255, checksum & 255));
}

/** Reads what `encodeCrc32c` writes as an unsigned 32-bit number; throws when it is not four bytes of base64. */
export function decodeCrc32c(base64: string): number {
  if (!/^[A-Za-z0-9+/]{6}==$/.test(base64)) {
    throw new Error(`Not a CRC32C in base64: "${base64}". It takes four bytes, big-endian.`);
  }
  return Array.from(atob(base64)).reduce((sum, char) => ((sum << 8) | char.charCodeAt(0)) >>> 0, 0);
}

/** x^(8 × count) modulo the polynomial, by repeated squaring; count may exceed 32 bits. */
function powerOfBytes(count: number): number {
  let product = ONE;
  let square = ONE_BYTE;
  for (let rest = count; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) product = multiply(square, product);
    square = multiply(square, square);
  }
  return product;
}

/** The product of two polynomials over GF(2) modulo CRC32C's. */
function multiply(first: number, second: number): number {
  let product = 0;
  let term = second;
  for (let bit = 31; bit >= 0; bit--) {
    if ((first >>> bit) & 1) product ^= term;
    term = term & 1 ? (term >>> 1) ^ POLYNOMIAL : term >>> 1;
  }
  return product >>> 0;
}
